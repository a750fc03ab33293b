"""On both event loops: see tests/runtime/conftest.py."""

import asyncio
import os

import pytest

from perdure.runtime.sandbox.asking import Output, SandboxLost, SandboxRefused
from tests.runtime.sandbox.sandboxes import Sandboxes, output_of

pytestmark = pytest.mark.slow


async def test_a_stream_is_read_to_its_end_and_has_an_answer(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("exec", command="printf out; printf err >&2") as stream:
        items = [item async for item in stream]
        assert sorted((item.name, item.data) for item in items if isinstance(item, Output)) == [
            ("stderr", b"err"),
            ("stdout", b"out"),
        ]
        assert (await stream.answer())["exit_code"] == 0
        assert (await stream.answer())["exit_code"] == 0
        await stream.write(b"for nobody")
        stream.end()


async def test_an_error_ends_the_reading_with_its_code(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("read_file", path="nothing") as stream:
        with pytest.raises(SandboxRefused, match="No such file") as caught:
            await output_of(stream)
    assert caught.value.code == "FILE_NOT_FOUND"
    assert caught.value.context["path"].endswith("/nothing")


async def test_who_asks_for_the_answer_alone_need_not_read(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    answer = await sandbox.ask("exec", command="head -c 5000000 /dev/zero")
    assert answer["exit_code"] == 0


async def test_a_connection_that_ends_ends_what_waits(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    stream = sandbox.stream("exec", command="cat", stdin=True)
    waiting = asyncio.ensure_future(stream.answer())
    writing = asyncio.ensure_future(stream.write(bytes(50_000_000)))
    await asyncio.sleep(0)
    sandbox.close()
    with pytest.raises(SandboxLost):
        await waiting
    await writing
    with pytest.raises(SandboxLost):
        sandbox.stream("status")
    sandbox.close()


async def test_a_request_that_is_too_large_is_refused(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask("exec", command="x" * 2_000_000)
    assert caught.value.code == "VALIDATION_FAILED"
    assert (await sandbox.ask("status"))["running"] == 0


async def test_a_task_that_is_cancelled_cancels_what_it_asked(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    task = asyncio.ensure_future(sandbox.ask("exec", command="sleep 1000"))
    await sandbox.ask("status")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sandbox.is_open


async def test_no_descriptor_is_left_open(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    server = "exec python3 -m http.server --bind 127.0.0.1 $PORT"
    with __import__("socket").create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    await sandbox.ask("start", command=server, env={"PORT": str(port)})
    await sandbox.ask("listening", port=port, timeout_s=30)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        (await sandbox.socket(port)).close()
        async with sandbox.stream("port", port=port) as stream:
            await stream.answer()
    assert len(os.listdir("/proc/self/fd")) == before
