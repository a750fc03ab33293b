"""A bounded pipe of chunks."""

import asyncio
from collections.abc import Callable

import pytest

from perdure.actors.pipe import BUFFER_SIZE_BYTES_MAX, Pipe
from tests.world import turns


@pytest.fixture
async def pipe() -> Pipe:
    return Pipe(asyncio.get_running_loop())


async def test_chunks_come_out_in_order_and_then_the_end(pipe: Pipe) -> None:
    pipe.push(b"a")
    pipe.push(b"b")
    pipe.end()
    assert [await pipe.read_chunk() for _ in range(4)] == [b"a", b"b", b"", b""]


async def test_a_reader_waits_for_a_chunk(pipe: Pipe) -> None:
    reading = asyncio.create_task(pipe.read_chunk())
    await turns(2)
    assert not reading.done()
    pipe.push(b"a")
    pipe.push(b"b")  # before the reader has run
    assert await reading == b"a"
    reading = asyncio.create_task(pipe.read_chunk())
    assert await reading == b"b"


async def test_a_reader_that_waits_learns_of_the_end(pipe: Pipe) -> None:
    reading = asyncio.create_task(pipe.read_chunk())
    await turns(2)
    pipe.end()
    assert await reading == b""


async def test_an_error_comes_after_what_is_there_and_comes_again(pipe: Pipe) -> None:
    pipe.push(b"a")
    pipe.end(ValueError("broken"))
    pipe.end()  # an end is an end
    assert await pipe.read_chunk() == b"a"
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await pipe.read_chunk()


async def test_a_writer_waits_for_a_slow_reader(pipe: Pipe) -> None:
    pipe.push(bytes(BUFFER_SIZE_BYTES_MAX - 1))
    await pipe.wait_for_room()
    pipe.push(b"x")
    waiting = asyncio.create_task(pipe.wait_for_room())
    await turns(2)
    assert not waiting.done()
    await pipe.read_chunk()
    await waiting


async def test_a_writer_waits_on_while_too_much_is_left(pipe: Pipe) -> None:
    for _ in range(3):
        pipe.push(bytes(BUFFER_SIZE_BYTES_MAX))
    waiting = asyncio.create_task(pipe.wait_for_room())
    for _ in range(2):
        await turns(2)
        assert not waiting.done()
        await pipe.read_chunk()
    await pipe.read_chunk()
    await waiting


async def test_a_reader_that_cancels_lets_the_writer_go(pipe: Pipe) -> None:
    told: list[str] = []
    pipe.on_cancel = lambda: told.append("cancelled")
    pipe.push(bytes(BUFFER_SIZE_BYTES_MAX))
    waiting = asyncio.create_task(pipe.wait_for_room())
    await turns(2)
    pipe.cancel()
    pipe.cancel()
    await waiting
    assert told == ["cancelled"], "once"
    assert await pipe.read_chunk() == b""


async def test_a_reader_that_cancels_with_a_reason_gets_it_when_it_reads_on(pipe: Pipe) -> None:
    pipe.push(b"dropped")
    pipe.cancel(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError, match="gone"):
        await pipe.read_chunk()


async def test_a_chunk_that_comes_after_a_cancellation_is_no_trouble(pipe: Pipe) -> None:
    pipe.cancel()
    pipe.push(b"late")
    await pipe.wait_for_room()


async def test_chunks_that_were_dropped_do_not_look_like_the_end(pipe: Pipe) -> None:
    pipe.push(b"a")
    pipe.end()
    pipe.cancel(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError, match="gone"):
        await pipe.read_chunk()


@pytest.mark.parametrize("end", [Pipe.end, Pipe.cancel])
async def test_who_waits_for_the_end_is_told_once(pipe: Pipe, end: Callable[[Pipe], None]) -> None:
    told: list[None] = []
    pipe.on_end = lambda: told.append(None)
    end(pipe)
    pipe.end()
    pipe.cancel()
    assert told == [None]
