"""What all tests share."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

import perdure
from tests.world import World


def pytest_report_header() -> str:
    """Say which perdure is tested: this tree, or an installed wheel."""
    return f"perdure is loaded from {Path(str(perdure.__file__)).parent}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have reports that one process can send to another: no half of a surrogate pair in them."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Actors with real storage, and a clock that stands still."""
    world = World(tmp_path)
    yield world
    world.close()
