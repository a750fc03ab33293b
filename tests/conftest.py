"""What all tests share."""

import gc
import inspect
import os
import re
import shutil
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import settings

import perdure
from tests import alarm
from tests.child_forks import can_fork, fork_children
from tests.serving import INLINE, SPLIT, Serving
from tests.world import World

# A whole run leaves about a tenth of that behind.
MEMORY_FREE_BYTES_MIN = 4 * 2**30

# Half as many examples of each property as in CI, where hypothesis takes a profile of its own.
settings.register_profile("quick", max_examples=50, deadline=None)
if "CI" not in os.environ:
    settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Both shapes of a server are to pass the same tests: ``--shape=split``."""
    parser.addoption("--shape", choices=(INLINE, SPLIT), default=INLINE, help="of servers")


def pytest_configure(config: pytest.Config) -> None:
    """Have an alarm that ends whatever hangs, and temporary files in memory."""
    config.pluginmanager.register(alarm)
    keep_in_memory()


def keep_in_memory() -> None:
    """Have ``tmp_path`` in memory: thousands of small data directories are synced in a run.

    Whether what was synced survives is shown by tests that have a disk of their own (faults) or
    watch system calls (outside); .ci/run has one of its runs on the disk, by PERDURE_TEST_ON_DISK.
    """
    memory = Path("/dev/shm")
    if "PERDURE_TEST_ON_DISK" in os.environ or not memory.is_dir():
        return
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= MEMORY_FREE_BYTES_MIN:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Have the collector of garbage pass over the tests themselves: it takes a tenth of the time.

    There are thousands, each of many objects, and they stay to the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


# Where tests start sandboxes, if they are given one of these, or a server; the processes that make
# one are tested in folders of their own, by tests that nearly all start some.
_OF_SANDBOXES = re.compile(r"sandbox|interpreter")
_STARTS_SANDBOXES = frozenset({"launcher", "sandboxes", "walled", "boxes", "open_boxes", "serve"})
_PROCESSES = re.compile(r"runtime/sandbox/(wall|keeper|agent)/|crash/test_sandboxes")
_A_FEW = "runtime/test_sandboxes.py"  # which are run whenever tests are


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that start sandboxes: they take minutes of processors' time, and have a step."""
    for item in items:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        if path == _A_FEW or not _OF_SANDBOXES.search(path):
            continue
        given = set(getattr(item, "fixturenames", ()))
        if given & _STARTS_SANDBOXES or _PROCESSES.search(path):
            item.add_marker("sandbox")


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
def shape(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The shape that servers are to have."""
    shape = str(request.config.getoption("--shape"))
    if shape == SPLIT:
        if (marker := request.node.get_closest_marker("inline")) is not None:
            pytest.skip(f"only inline: {marker.args[0]}")
        wanted = set(inspect.signature(request.function).parameters)
        if wanted & {"caplog", "capsys", "monkeypatch"}:
            pytest.skip("only inline: the test listens to the server's process, or changes it")
        if can_fork():
            fork_children(monkeypatch)
    return shape


@pytest.fixture
async def serve(tmp_path: Path, shape: str) -> AsyncIterator[Serving]:
    """Serves programs that a test has written, on real ports."""
    serving = Serving(tmp_path, shape)
    yield serving
    await serving.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
