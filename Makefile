# perdure: `make run` and `make test` do all there is to do on a fresh machine that has
# Python 3.11 or newer and a network for packages.
#
#   make run       start the WebSocket example on http://127.0.0.1:8787
#   make test      lint, types and tests
#   make lint      lint and types only
#   make format    put the code into its shape
#   make coverage  the tests again, with the lines and branches that they miss
#   make bench     measure, beside workerd where it is there
#   make clean     remove everything that was made
#
# PYTHON=...  the interpreter to make the environment of (default: the first that will do)
# VENV=...    its folder (default: .venv)
# ARGS=...    more arguments for what is run, for instance: make run ARGS="--port 9000"

VENV ?= .venv
PYTHON ?=
ARGS ?=
BIN := $(VENV)/bin
SOURCES := actors runtime storage cli tests examples bench .ci
# To compile all modules again for each process takes more than a minute of the tests' time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help environment run test lint format unit coverage bench clean

help:
	@sed -n 's/^#   \(make .*\)/  \1/p' Makefile

environment:
	@.ci/environment '$(VENV)' '$(PYTHON)'

run: environment
	@exec $(BIN)/perdure dev -c examples/websocket_server/wrangler.toml $(ARGS)

test: lint unit

lint: environment
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --num-workers 2

unit: environment
	$(BIN)/python -m pytest -m "not browser and not chaos and not sandbox" -n auto --dist worksteal $(ARGS)

format: environment
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

coverage: environment
	$(BIN)/python -m pytest -m "not browser and not chaos and not sandbox" -n auto --dist worksteal --cov --cov-report= --quiet
	$(BIN)/python -m coverage report --show-missing --skip-covered
	$(BIN)/python .ci/coverage_gate.py

bench: environment
	$(BIN)/python bench/run.py $(ARGS)

clean:
	rm -rf .venv .venv-3.* build dist node_modules examples/*/node_modules examples/*/page/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -f .coverage .coverage.* coverage.xml
	find actors runtime storage cli tests examples bench -name __pycache__ -prune -exec rm -rf {} +
