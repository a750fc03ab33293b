"""What all tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import perdure
from tests.world import World


def pytest_report_header() -> str:
    """Say which perdure is tested: this tree, or an installed wheel."""
    return f"perdure is loaded from {Path(str(perdure.__file__)).parent}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Actors with real storage, and a clock that stands still."""
    world = World(tmp_path)
    yield world
    world.close()
