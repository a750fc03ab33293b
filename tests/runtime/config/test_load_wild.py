"""Configuration files of every shape, right and wrong, each with all that is to come of it.

``wild/expected.json`` says of each file in ``wild/files``, with ``-e NAME`` behind it for an environment,
what the configuration is, defaults left out, and which problems are told.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.config.errors import ConfigError
from perdure.runtime.config.load import load

HERE = Path(__file__).parent / "wild"
FILES = HERE / "files"
EXPECTED: Mapping[str, Mapping[str, Any]] = json.loads((HERE / "expected.json").read_text())
# Where a file's content stands is told by its problems, and tested beside its readers.
LEFT_OUT = {"path", "base_dir", "main_line", "line", "var_sources"}


def outcome(case: str) -> Mapping[str, Any]:
    """Return the configuration that a case makes, if it does, and what is told of it."""
    name, _, env = case.partition(" -e ")
    try:
        loaded = load(FILES / name, env=env or None, environ={})
    except ConfigError as error:
        return {"problems": [told(problem) for problem in error.problems]}
    problems = [told(problem) for problem in loaded.warnings]
    return {"config": described(loaded.config), "problems": problems}


def told(problem: Any) -> str:
    place = f"{problem.line}:{problem.column}" if problem.line else "-"
    return f"{problem.severity.value} {place} {problem.key_path}: {problem.message}"


def described(value: Any) -> Any:
    """Return a value of the configuration as JSON has it; of a class, what is no default."""
    if is_dataclass(value):
        return {
            field.name: described(own)
            for field in fields(value)
            if field.name not in LEFT_OUT and (own := getattr(value, field.name)) != _default(field)
        }
    if isinstance(value, Path):
        return value.relative_to(FILES).as_posix() if value.is_relative_to(FILES) else str(value)
    if isinstance(value, Mapping):
        return {key: described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    return value


def _default(field: Any) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default


@pytest.mark.parametrize("case", EXPECTED)
def test_a_file_is_read_or_told_of_as_expected(case: str) -> None:
    assert outcome(case) == EXPECTED[case]


def test_every_file_is_a_case_and_there_are_many() -> None:
    files = {path.name for path in FILES.iterdir()}
    assert files == {case.partition(" -e ")[0] for case in EXPECTED}
    assert len(files) >= 60
