"""A project on disk that consists of its configuration file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.config.errors import ConfigError, Problem, Severity
from perdure.runtime.config.load import load
from perdure.runtime.config.model import LoadedConfig


def content(directory: Path) -> Mapping[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def load_text(tmp_path: Path) -> Callable[..., LoadedConfig]:
    """Load a configuration given as text; whatever comes of it, the disk stays as it is."""

    def load_it(text: str, env: str | None = None, **options: Any) -> LoadedConfig:
        path = tmp_path / "wrangler.toml"
        path.write_text(text)
        before = content(tmp_path)
        try:
            return load(path, env=env, **options)
        finally:
            assert content(tmp_path) == before

    return load_it


@pytest.fixture
def problems_of(load_text: Callable[..., LoadedConfig]) -> Callable[..., Sequence[Problem]]:
    """Return what is told of a configuration given as text, whether or not it loads."""

    def told(text: str, env: str | None = None) -> Sequence[Problem]:
        try:
            return load_text(text, env).warnings
        except ConfigError as error:
            return error.problems

    return told


@pytest.fixture
def errors_of(
    problems_of: Callable[..., Sequence[Problem]],
) -> Callable[..., Sequence[str]]:
    """Return the errors of a configuration given as text, as ``line:column message``."""

    def told(text: str, env: str | None = None) -> Sequence[str]:
        return [
            f"{problem.line}:{problem.column} {problem.message}"
            for problem in problems_of(text, env)
            if problem.severity is Severity.ERROR
        ]

    return told
