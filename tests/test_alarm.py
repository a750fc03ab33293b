"""A test that hangs fails, and what runs after it."""

import subprocess
import sys
from pathlib import Path

import pytest

LOOPS = ("uvloop.new_event_loop", "asyncio.new_event_loop")
PLUGIN = """
import asyncio
import signal

import uvloop


def pytest_asyncio_loop_factories():
    return {{"chosen": {loop}}}


def pytest_runtest_logreport(report):
    if report.failed:
        signal.raise_signal(signal.SIGALRM)  # as if the report took that long
"""
HANGS = """
async def test_hangs():
    print("it is waited here")
    await asyncio.get_running_loop().create_future()
"""
HANGS_BEFORE = """
@pytest.fixture
async def hangs():
    await asyncio.get_running_loop().create_future()

async def test_has_no_turn(hangs):
    pass
"""
HANGS_AFTER = """
@pytest.fixture
async def hangs():
    yield
    await asyncio.get_running_loop().create_future()

async def test_hangs_as_well(hangs):
    await asyncio.get_running_loop().create_future()
"""
HOLDS_THE_LOOP = """
async def test_holds_the_loop():
    while True:
        pass
"""
SWALLOWS = """
async def test_swallows():
    while True:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            pass
"""
PASSES = """
async def test_passes():
    pass
"""
WITHOUT_A_LOOP = """
def test_without_a_loop():
    while True:
        pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_what_hangs_fails_and_the_next_test_is_run(tmp_path: Path, loop: str) -> None:
    (tmp_path / "conftest.py").write_text(PLUGIN.format(loop=loop))
    for number, text in enumerate(
        (HANGS, HANGS_BEFORE, HANGS_AFTER, HOLDS_THE_LOOP, SWALLOWS, WITHOUT_A_LOOP, PASSES)
    ):
        path = tmp_path / f"test_{number}.py"
        path.write_text("import asyncio\nimport pytest\n" + text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.alarm", "-p", "no:cacheprovider"]
    command += ["--timeout=0.3", "-o", "asyncio_mode=auto", "-q", "--rootdir", str(tmp_path)]
    run = subprocess.run(
        [*command, str(tmp_path)],
        check=False,
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert "5 failed, 1 passed" in run.stdout, run.stdout
    assert "2 errors" in run.stdout, run.stdout
    assert "test_0.py::test_hangs takes more than 0.3 s" in run.stdout
    assert "await asyncio.get_running_loop().create_future()" in run.stdout
