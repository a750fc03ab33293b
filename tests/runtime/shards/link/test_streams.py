"""Bodies across a link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from perdure.actors.body import BytesSource, IteratorSource
from perdure.actors.http_errors import BodyTooLate
from perdure.actors.pipe import Pipe
from perdure.runtime.shards.link.errors import BodyLost, LinkBroken
from perdure.runtime.shards.link.kinds import BROKEN, CANCEL, CHUNK, CREDIT, END
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.link.streams import (
    CHUNK_SIZE_BYTES_MAX,
    WINDOW_SIZE_BYTES,
    IncomingBody,
    Streams,
)
from tests.runtime.shards.link.ends import Peer, a_link, joined, until
from tests.world import turns


class Source:
    """Chunks that the test hands out, and what was asked of them."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = list(chunks)
        self.more = asyncio.Event()
        self.read = 0
        self.cancelled: list[BaseException | None] = []

    async def read_chunk(self) -> bytes:
        while not self.chunks:
            await self.more.wait()
        chunk = self.chunks.pop(0)
        self.read += 1
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def cancel(self, reason: BaseException | None = None) -> None:
        self.cancelled.append(reason)


class Eager(Source, Pipe):
    """One that somebody has begun to read already."""


class Two:
    """Bodies go from ``here`` to ``there``."""

    def __init__(self, one: Link, other: Link) -> None:
        self.one, self.other = one, other
        self.here, self.there = Streams(one), Streams(other)

    def carry(self, source: "Source | Pipe | BytesSource | IteratorSource") -> IncomingBody:
        return self.there.receive(self.here.send(source))

    def __len__(self) -> int:
        return len(self.here) + len(self.there)


@asynccontextmanager
async def two() -> AsyncIterator[Two]:
    async with joined() as links:
        pair = Two(*links)
        yield pair
        await pair.here.close()
        await pair.there.close()


async def read_all(body: IncomingBody) -> list[bytes]:
    chunks = []
    while chunk := await body.read_chunk():
        chunks.append(chunk)
    return chunks


async def test_a_body_arrives_as_it_was_cut_and_nothing_is_left_of_it() -> None:
    async with two() as pair:
        body = pair.carry(Source(b"one", b"two", b""))
        assert await read_all(body) == [b"one", b"two"]
        assert await body.read_chunk() == b""
        await turns()
        assert len(pair) == 0


async def test_large_chunks_are_cut_and_credit_is_given_for_what_is_read() -> None:
    data = bytes(range(256)) * 8192  # 2 MiB, eight times the window
    async with two() as pair:
        chunks = await read_all(pair.carry(BytesSource(data)))
        assert b"".join(chunks) == data
        assert max(map(len, chunks)) == CHUNK_SIZE_BYTES_MAX


async def test_a_reader_that_does_not_read_holds_up_its_source_and_no_other() -> None:
    async with two() as pair:
        source = Eager(*[bytes(CHUNK_SIZE_BYTES_MAX)] * 20, b"")
        slow = pair.carry(source)
        quick = pair.carry(Eager(b"quick", b""))
        assert await read_all(quick) == [b"quick"]
        await turns(50)
        window = WINDOW_SIZE_BYTES // CHUNK_SIZE_BYTES_MAX
        assert source.read == window + 1  # and one that it waits with
        assert len(await slow.read_chunk()) == CHUNK_SIZE_BYTES_MAX
        await until(lambda: source.read == window + 2)
        assert len(await read_all(slow)) == 19


async def test_a_body_that_nobody_reads_is_not_read_from_its_source_either() -> None:
    """A client that waits for "100 Continue" is told by the first who reads, and by nobody else."""
    async with two() as pair:
        source = Source(b"one", b"two", b"")
        body = pair.carry(source)
        await turns(50)
        assert source.read == 0
        assert await read_all(body) == [b"one", b"two"]


async def test_small_chunks_are_given_back_in_lumps() -> None:
    async with two() as pair:
        body = pair.carry(Source(*[b"x" * 1000] * 1000, b""))
        assert len(await read_all(body)) == 1000
        assert pair.other.statistics().frames_sent < 20


async def test_the_sources_error_comes_after_what_it_gave() -> None:
    async with two() as pair:
        body = pair.carry(Source(b"one", ValueError("the disk is full")))
        assert await body.read_chunk() == b"one"
        for _ in range(2):
            with pytest.raises(ValueError, match="the disk is full"):
                await body.read_chunk()
        assert len(pair) == 0


async def test_a_reader_that_wants_no_more_cancels_the_source() -> None:
    async with two() as pair:
        source = Source(b"one")
        body = pair.carry(source)
        assert await body.read_chunk() == b"one"
        body.cancel(BodyTooLate("request"))
        body.cancel()
        await until(lambda: source.cancelled)
        await turns()
        [reason] = source.cancelled
        assert isinstance(reason, BodyTooLate)
        assert len(pair) == 0


async def test_chunks_on_their_way_to_a_reader_that_wants_no_more_are_dropped() -> None:
    async with two() as pair:
        body = pair.carry(Eager(*[b"chunk"] * 40))
        await turns()
        body.cancel()
        await turns()
        assert pair.one.ended is None
        assert pair.other.ended is None


async def test_a_generator_that_is_cancelled_ends_where_its_code_ran() -> None:
    tasks: list[object] = []

    async def chunks() -> AsyncIterator[bytes]:
        tasks.append(asyncio.current_task())
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            tasks.append(asyncio.current_task())

    async with two() as pair:
        body = pair.carry(IteratorSource(chunks()))
        assert await body.read_chunk() == b"one"
        body.cancel()
        await until(lambda: len(tasks) == 2)
        assert tasks[0] is tasks[1]


async def test_a_sender_that_stops_tells_the_reader_why() -> None:
    async with two() as pair:
        source = Source(b"one")
        number = pair.here.send(source)
        body = pair.there.receive(number)
        assert await body.read_chunk() == b"one"
        pair.here.stop(number, BodyTooLate("request"))
        pair.here.stop(number, BodyTooLate("request"))
        with pytest.raises(BodyTooLate):
            await body.read_chunk()
        await until(lambda: source.cancelled)
        assert len(source.cancelled) == 1
        assert len(pair) == 0


async def test_a_lost_link_is_an_error_for_the_reader_and_cancels_the_source() -> None:
    async with two() as pair:
        source = Source(b"one")
        body = pair.carry(source)
        assert await body.read_chunk() == b"one"
        waiting = asyncio.ensure_future(body.read_chunk())
        await turns()
        pair.one.close("killed")
        with pytest.raises(BodyLost, match="killed"):
            await waiting
        await turns()
        [reason] = source.cancelled
        assert isinstance(reason, BodyLost)
        assert len(pair) == 0


async def test_what_had_come_before_the_link_was_lost_can_be_read() -> None:
    async with two() as pair:
        body = pair.carry(Eager(b"one", b"two"))
        await until(lambda: pair.other.statistics().frames_received == 2)
        pair.other.close("gone")
        assert await body.read_chunk() == b"one"
        assert await body.read_chunk() == b"two"
        with pytest.raises(BodyLost):
            await body.read_chunk()


async def test_close_waits_for_what_is_being_sent() -> None:
    async with two() as pair:
        ended = []

        async def chunks() -> AsyncIterator[bytes]:
            try:
                yield b"one"
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended.append(True)

        body = pair.carry(IteratorSource(chunks()))
        assert await body.read_chunk() == b"one"
        await pair.here.close()
        assert ended == [True]
        with pytest.raises(BodyLost):
            await body.read_chunk()
        await pair.here.close()


async def test_a_body_that_is_never_begun_to_be_sent_is_cancelled_too() -> None:
    async with two() as pair:
        source = Source(b"one")
        number = pair.here.send(source)
        pair.here.stop(number, BodyTooLate("request"))
        await turns()
        assert source.read == 0
        assert len(source.cancelled) == 1


async def test_the_runtime_and_the_reader_both_hear_of_the_end() -> None:
    async with two() as pair:
        body = pair.carry(Source(b""))
        told: list[str] = []
        body.on_over = lambda: told.append("runtime")
        body.on_end = lambda: told.append("reader")
        assert await read_all(body) == []
        assert sorted(told) == ["reader", "runtime"]


async def test_a_body_waits_while_the_link_is_full() -> None:
    peer = Peer()
    link = a_link()
    streams = Streams(link)
    await peer.meet(link)
    source = Eager(*[bytes(1000)] * 3)
    link.send([BROKEN, 1, bytes(900_000)])
    await turns()
    assert link.is_writing_paused
    streams.send(source)
    await turns()
    assert source.read == 1
    await peer.hear(2 + 3)
    assert source.read == 3
    assert [frame[0] for frame in peer.frames[2:]] == [CHUNK] * 3
    await streams.close()
    link.close("done")
    peer.close()
    await turns()


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ([[CHUNK, 2, b"x"]], "stream 2, which was not announced"),
        ([[END, 2]], "stream 2, which was not announced"),
        ([[BROKEN, 2, b""]], "stream 2, which was not announced"),
        ([[CHUNK, 1, b""]], "a chunk of 0 bytes"),
        ([[CHUNK, 1, bytes(CHUNK_SIZE_BYTES_MAX + 1)]], "a chunk of 65,537 bytes"),
        ([[CHUNK, 1, bytes(CHUNK_SIZE_BYTES_MAX)]] * 5, "262,144 bytes unread"),
        ([[BROKEN, 1, b"no failure"]], "a failure that is none"),
        ([[CREDIT, 1, 1]], "credit for more than was sent"),
        ([[CREDIT, 2, 1]], "stream 2, which there never was"),
        ([[CANCEL, 2, None]], "stream 2, which there never was"),
        ([[CANCEL, 1, b"no failure"]], "a failure that is none"),
    ],
)
async def test_a_peer_that_lies_about_bodies_is_cut_off(
    lies: list[list[object]], reason: str
) -> None:
    peer = Peer()
    link = a_link()
    streams = Streams(link)
    await peer.meet(link)
    source = Source()
    assert streams.send(source) == 1
    body = streams.receive(1)
    await peer.say_much(*lies)
    await until(lambda: link.ended)
    assert isinstance(link.ended, LinkBroken)
    assert reason in str(link.ended)
    await turns()
    assert len(source.cancelled) == 1
    assert len(streams) == 0
    with pytest.raises(BodyLost):
        while await body.read_chunk():
            pass
    peer.close()
    await turns()


async def test_a_stream_is_announced_once() -> None:
    async with two() as pair:
        pair.there.receive(2)
        for number in (2, 1):
            with pytest.raises(LinkBroken, match="announced after stream 2"):
                pair.there.receive(number)
