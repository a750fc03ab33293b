"""What is sent for as long as somebody reads it."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

import pytest

from perdure.runtime.sandbox.api.held_stream import held
from perdure.runtime.sandbox.asking import Output, SandboxRefused, SandboxStream
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of

pytestmark = pytest.mark.slow


async def bytes_of(stream: SandboxStream) -> AsyncIterator[bytes]:
    async for item in stream:
        yield item.data if isinstance(item, Output) else str(item).encode()


async def ended(stream: SandboxStream) -> str:
    with contextlib.suppress(SandboxRefused):
        async with asyncio.timeout(60):
            await stream.answer()
        return "answered"
    return "cancelled"


async def test_one_that_is_cancelled_cancels_the_request(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    stream = sandbox.stream("watch")
    held(stream, bytes_of(stream)).cancel()
    assert await ended(stream) == "cancelled"


async def test_one_that_nobody_has_any_more_cancels_the_request(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    begun, never = sandbox.stream("watch"), sandbox.stream("watch")
    async for chunk in held(begun, bytes_of(begun)):
        assert b"watching" in chunk
        break
    held(never, bytes_of(never))
    gc.collect()
    assert await ended(begun) == "cancelled"
    assert await ended(never) == "cancelled"
    assert await text_of(sandbox, "echo fine") == "fine"


async def test_one_that_is_let_go_of_in_another_thread_cancels_the_request(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open()
    stream = sandbox.stream("watch")
    only = [held(stream, bytes_of(stream))]
    await asyncio.to_thread(only.clear)
    assert await ended(stream) == "cancelled"


async def test_one_that_is_read_to_its_end_is_whole(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    stream = sandbox.stream("exec", command="head -c 1000000 /dev/zero")
    chunks = [chunk async for chunk in held(stream, bytes_of(stream))]
    assert sum(chunk.count(0) for chunk in chunks) == 1_000_000
