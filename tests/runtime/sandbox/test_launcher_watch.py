"""Keeps a launcher running, as long as the process lives that has it."""

import asyncio
import logging
import os
import secrets
import signal
from pathlib import Path

import pytest

from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.launcher_watch import LauncherWatch
from tests.runtime.sandbox.sandboxes import is_alive, text_of


async def test_one_is_started_when_it_is_wanted_and_again_when_it_has_ended(
    tmp_path: Path,
) -> None:
    watch = LauncherWatch(tmp_path / "sandboxes", asyncio.get_running_loop())
    assert watch.pid is None
    watch.want(has_wall=True)
    first = watch.pid
    assert first is not None
    watch.want(has_wall=True)
    assert watch.pid == first
    name = secrets.token_hex(32)
    settings = {"isolation": "none"}
    connection = await SandboxConnection.open(tmp_path / "sandboxes", name, settings)
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(60):
        while watch.pid in {None, first}:
            await asyncio.sleep(0.01)
    assert await text_of(connection, "echo goes on") == "goes on"
    other = await SandboxConnection.open(tmp_path / "sandboxes", secrets.token_hex(32), settings)
    assert await text_of(other, "echo new") == "new"
    second = watch.pid
    assert second is not None
    await watch.close()
    assert not is_alive(second)
    async with asyncio.timeout(60):
        await connection.is_lost()
        await other.is_lost()
    connection.close()
    other.close()


async def test_that_there_is_no_wall_is_said_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = LauncherWatch(tmp_path / "sandboxes", asyncio.get_running_loop())
    with caplog.at_level(logging.WARNING):
        watch.want(has_wall=False)
    [record] = [each for each in caplog.records if each.message == "sandbox.no_wall"]
    assert 'isolation = "none"' in record.reason  # type: ignore[attr-defined]  # an extra
    await watch.close()


async def test_none_is_started_after_the_end(tmp_path: Path) -> None:
    watch = LauncherWatch(tmp_path / "sandboxes", asyncio.get_running_loop())
    await watch.close()
    watch.want(has_wall=True)
    assert watch.pid is None
