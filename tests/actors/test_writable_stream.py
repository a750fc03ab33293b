"""Streams that somebody else writes into; tests/conformance/test_rpc.py sends them."""

import asyncio
from typing import Any

import pytest

from perdure.actors.writable_stream import WritableStream
from perdure.storage.errors import InvalidArgument, UsageError


def heard_by(heard: list[Any]) -> WritableStream:
    return WritableStream(heard.append, lambda: heard.append("end"), heard.append)


async def test_what_is_written_reaches_its_functions_as_bytes() -> None:
    heard: list[Any] = []
    async with heard_by(heard) as stream:
        await stream.write(memoryview(b"ab"))
        await stream.write(bytearray(b"c"))
    assert heard == [b"ab", b"c", "end"]
    with pytest.raises(UsageError, match="closed"):
        await stream.write(b"d")
    with pytest.raises(UsageError, match="closed"):
        await stream.close()
    await stream.abort(ValueError("too late"))
    assert heard == [b"ab", b"c", "end"]


async def test_what_is_raised_while_it_is_written_aborts_it() -> None:
    heard: list[Any] = []
    error = ValueError("no more")
    with pytest.raises(ValueError, match="no more"):
        async with heard_by(heard):
            raise error
    assert heard == [error]


async def test_one_chunk_is_taken_after_the_other() -> None:
    heard: list[str] = []

    async def write(chunk: bytes) -> None:
        heard.append(f"+{chunk.decode()}")
        await asyncio.sleep(0)
        heard.append(f"-{chunk.decode()}")

    stream = WritableStream(write)
    await asyncio.gather(stream.write(b"a"), stream.write(b"b"), stream.close())
    assert heard == ["+a", "-a", "+b", "-b"]


async def test_only_bytes_can_be_written() -> None:
    heard: list[Any] = []
    with pytest.raises(InvalidArgument, match="a stream takes bytes, not str"):
        await heard_by(heard).write("text")  # type: ignore[arg-type]  # that is the test
    assert heard == []
