"""The version is that of the package."""

import tomllib
from pathlib import Path

from perdure.cli.version import VERSION

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_it_is_the_one_of_the_package() -> None:
    assert tomllib.loads(PYPROJECT.read_text())["project"]["version"] == VERSION
