"""What all tests share."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import aiohttp
import pytest

import perdure
from tests.serving import Serving
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


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serving]:
    """Serves programs that a test has written, on real ports."""
    serving = Serving(tmp_path)
    yield serving
    await serving.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
