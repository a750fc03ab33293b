"""The public names: what users may build on, and that nothing they meet is missing."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import perdure
import perdure.actors
import perdure.storage
from perdure.storage.errors import PerdureError

# Raised while a server starts, before user code runs: the operator's, told by the CLI.
OPERATORS_ERRORS = {"DirectoryInUse", "LogCorrupt", "LogTakenOver", "UnknownFormat"}
NAMES = sorted(perdure.__all__)


def errors_below(cls: type[Exception]) -> Iterator[type[Exception]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from errors_below(subclass)


def test_the_list_is_sorted_and_without_repeats() -> None:
    assert perdure.__all__ == sorted(set(perdure.__all__))


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    thing = getattr(perdure, name)
    assert inspect.getdoc(thing)
    assert thing.__module__.startswith(("perdure.actors.", "perdure.storage.errors"))


@pytest.mark.parametrize("name", NAMES)
def test_the_types_of_a_public_name_can_be_looked_up(name: str) -> None:
    """Tools such as documentation builders and dependency injection do it."""
    thing = getattr(perdure, name)
    if inspect.isclass(thing):
        for attribute, method in vars(thing).items():
            if inspect.isfunction(method) and not attribute.startswith("_"):
                typing.get_type_hints(method, localns={thing.__name__: thing})
    else:
        assert "return" in typing.get_type_hints(thing)


def test_every_error_that_user_code_meets_is_public() -> None:
    for package in (perdure.actors, perdure.storage):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    ours = ("perdure.actors.", "perdure.storage.")
    found = {cls.__name__ for cls in errors_below(PerdureError) if cls.__module__.startswith(ours)}
    assert found - set(NAMES) == OPERATORS_ERRORS


def test_what_the_issue_names_is_public() -> None:
    promised = {"WorkerEntrypoint", "DurableObject", "Request", "Response", "Headers", "fetch"}
    promised |= {"WebSocketPair", "WebSocket", "RemoteError", "File"}
    assert promised <= set(NAMES)


def test_import_does_not_need_the_server(tmp_path: Path) -> None:
    """Programs are imported by tests and tools too; aiohttp's 0.3 s are the server's business."""
    code = (
        "import perdure, sys; print([n for n in ('aiohttp', 'click', 'rich') if n in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
