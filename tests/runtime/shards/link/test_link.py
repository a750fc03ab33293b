"""One link: what comes over it, and what ends it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.runtime.shards.link.errors import LinkBroken, LinkEnded, VersionsDiffer
from perdure.runtime.shards.link.framing import Frame, FrameWriter
from perdure.runtime.shards.link.kinds import (
    BYE,
    CALL,
    CREDIT,
    END,
    FAILURE,
    HOLD,
    MESSAGE,
    PART,
    PROTOCOL,
    REPLY,
    SEND,
    WORKER,
)
from perdure.runtime.shards.link.link import PIECE_SIZE_BYTES, Identity, Link
from perdure.runtime.shards.link.opening import connect_link
from perdure.storage.errors import LimitExceeded
from tests.runtime.shards.link.ends import A_ROUTER, A_WORKER, Ends, Peer, a_link, joined, until
from tests.world import turns


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()
    await turns()


async def test_what_was_gathered_leaves_with_the_next_write() -> None:
    async with joined() as (one, other):
        heard: list[Frame] = []
        other.handle(HOLD, heard.append)
        gathered = [7, 8]

        def give() -> None:
            while gathered:
                one.send([HOLD, gathered.pop(0)])

        one.before_flush(give)
        writes = one.statistics().writes
        one.flush_soon()
        one.send([HOLD, 6])
        await until(lambda: len(heard) == 3)
        assert heard == [[HOLD, 6], [HOLD, 7], [HOLD, 8]]
        assert one.statistics().writes == writes + 1


async def test_who_fails_when_asked_for_what_it_has_gathered_ends_the_link(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("of no use")

    async with joined() as (one, other):
        one.before_flush(fail)
        one.send([HOLD, 6])
        await until(lambda: other.ended)
        assert str(one.ended) == "a frame could not be made: ZeroDivisionError: of no use"
    assert "link.handler_failed" in caplog.messages


async def test_frames_arrive_in_order_and_leave_in_one_write() -> None:
    async with joined() as (one, other):
        heard: list[Frame] = []
        for kind in (HOLD, MESSAGE):
            other.handle(kind, heard.append)
        writes = one.statistics().writes
        frames: list[Frame] = [[HOLD, 1], [MESSAGE, 1, 2, "text", False], [HOLD, 3]]
        for frame in frames:
            one.send(frame)
        assert one.statistics().writes == writes
        await until(lambda: len(heard) == 3)
        assert heard == frames
        assert one.statistics().writes == writes + 1
        assert one.statistics().frames_sent == 3
        assert other.statistics().frames_received == 3
        assert one.statistics().sent_size_bytes == other.statistics().received_size_bytes


async def test_both_ends_know_who_is_at_the_other() -> None:
    async with joined() as (one, other):
        assert (one.peer, other.peer) == (other.own, one.own)
        assert "worker 1 (generation 3)" in repr(one)


async def test_processes_of_different_versions_refuse_each_other(peer: Peer) -> None:
    link = a_link()
    ends = Ends(link)
    await peer.connect(link)
    peer.say(peer.hello("9.9.9"), [HOLD, 1])
    await until(lambda: link.ended)
    assert isinstance(ends.one, VersionsDiffer)
    assert (ends.one.ours, ends.one.theirs) == ("1.2.3", "9.9.9")
    assert "1.2.3" in str(ends.one)
    assert "9.9.9" in str(ends.one)


async def test_the_first_fields_of_a_later_hello_are_enough_to_refuse_it(peer: Peer) -> None:
    link = a_link()
    await peer.connect(link)
    peer.say([1, "9.9.9", 77, None, "new", b"fields", 1.5])
    await until(lambda: link.ended)
    assert isinstance(link.ended, VersionsDiffer)


async def test_another_protocol_of_the_same_version_is_refused(peer: Peer) -> None:
    link = a_link()
    await peer.connect(link)
    peer.say(peer.hello(protocol=77))
    await until(lambda: link.ended)
    assert isinstance(link.ended, VersionsDiffer)
    assert "protocol 77" in str(link.ended)


async def test_somebody_else_than_expected_is_refused(peer: Peer) -> None:
    link = a_link(expected=Identity(WORKER, "0", 99))
    await peer.connect(link)
    peer.say(peer.hello())
    await until(lambda: link.ended)
    assert isinstance(link.ended, LinkBroken)
    assert "worker 0 (generation 99) was to be here" in str(link.ended)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ([HOLD, 1], "no HELLO"),
        ([1], "no HELLO"),
        ([1, None, 1, WORKER, "0", 2], "no version"),
        ([1, "1.2.3", PROTOCOL, 9, "0", 2], "no role: 9"),
        ([1, "1.2.3", PROTOCOL, "worker", "0", 2], "no role: 'worker'"),
        ([1, "1.2.3", PROTOCOL, WORKER, 0, 2], "its slot is none"),
        ([1, "1.2.3", PROTOCOL], "no role: None"),
    ],
)
async def test_what_begins_otherwise_is_cut_off(peer: Peer, first: Frame, reason: str) -> None:
    link = a_link()
    await peer.connect(link)
    peer.say(first)
    await until(lambda: link.ended)
    assert isinstance(link.ended, LinkBroken)
    assert reason in str(link.ended)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (FrameWriter().whole([CALL, 1]), "CALL has 6 fields"),
        (FrameWriter().whole([REPLY, 1, "text"]), "its value is none"),
        (FrameWriter().whole([HOLD, 1]), "nobody here takes HOLD"),
        (FrameWriter().whole([38, 1]), "a worker may not send RESUME"),
        (FrameWriter().whole([1, "1.2.3", PROTOCOL, WORKER, "0", 2]), "nobody here takes HELLO"),
        (b"\xff\xff\xff\xff", "4,294,967,295 bytes"),
        (b"\0\0\0\1\xc1", "no msgpack"),
    ],
)
async def test_a_peer_that_lies_is_cut_off_and_what_it_said_before_still_counts(
    peer: Peer, lie: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    link = a_link()
    ends = Ends(link)
    heard: list[Frame] = []
    link.handle(END, heard.append)
    await peer.meet(link)
    good, bad = FrameWriter().whole([END, 1]), FrameWriter().whole([END, 2])
    peer.sock.sendall(good + lie + bad)
    await until(lambda: link.ended)
    await turns()
    assert heard == [[END, 1]]
    assert isinstance(ends.one, LinkBroken)
    assert reason in str(ends.one)
    assert not ends.one.is_peer_gone
    [record] = [record for record in caplog.records if record.message == "link.cut_off"]
    assert reason in record.__dict__["reason"]
    peer.sock.setblocking(True)
    while peer.sock.recv(65536):
        pass  # its own HELLO; then the end


async def test_a_handler_that_fails_ends_the_link_with_a_reason(peer: Peer) -> None:
    link = a_link()

    def fail(frame: Frame) -> None:
        raise ZeroDivisionError("oops")

    link.handle(END, fail)
    await peer.meet(link)
    peer.say([END, 1])
    await until(lambda: link.ended)
    assert "ZeroDivisionError: oops" in str(link.ended)


async def test_nothing_is_heard_after_the_end_that_a_handler_makes(peer: Peer) -> None:
    link = a_link()
    heard: list[Frame] = []

    def hear(frame: Frame) -> None:
        heard.append(frame)
        link.close("enough")

    link.handle(END, hear)
    await peer.meet(link)
    peer.say([END, 1], [END, 2])
    await until(lambda: link.ended)
    await turns()
    assert heard == [[END, 1]]


async def test_a_link_closed_on_purpose_says_why_after_all_that_was_sent() -> None:
    async with joined() as (one, other):
        heard: list[Frame] = []
        other.handle(HOLD, heard.append)
        ours, theirs = Ends(one), Ends(other)
        one.send([HOLD, 1])
        one.close("draining")
        one.close("twice")
        one.send([HOLD, 2])
        assert str(ours.one) == "draining"
        await until(lambda: other.ended)
        assert heard == [[HOLD, 1]]
        assert str(theirs.one) == "the other end has closed it: draining"
        assert theirs.one.is_peer_gone
        await turns()
        assert len(ours.all) == len(theirs.all) == 1


async def test_the_end_is_told_once_and_also_to_who_asks_later(peer: Peer) -> None:
    link = a_link()
    ends = Ends(link)
    await peer.meet(link)
    peer.close()
    await until(lambda: link.ended)
    await turns()
    assert ends.one.is_peer_gone
    assert not isinstance(ends.one, LinkBroken)
    assert Ends(link).one is ends.one


async def test_who_fails_when_told_of_the_end_keeps_it_from_nobody(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(end: LinkEnded) -> None:
        raise ZeroDivisionError

    link = a_link()
    link.when_ended(fail)
    ends = Ends(link)
    await peer.meet(link)
    link.close("done")
    assert str(ends.one) == "done"
    assert "link.handler_failed" in caplog.messages


async def test_what_a_dead_process_had_sent_is_delivered_even_if_a_write_fails_first(
    peer: Peer,
) -> None:
    """asyncio gives a connection up at the first write that fails, unread frames and all."""
    link = a_link()
    heard: list[Any] = []
    link.handle(END, heard.append)
    link.when_ended(heard.append)
    await peer.meet(link)
    await peer.hear(1)
    peer.say([END, 1], [END, 2])
    peer.sock.sendall(FrameWriter().whole([END, 3])[:-1])
    peer.close()
    link.send([CREDIT, 1, 1])
    link._flush()  # in the same turn: the loop has not looked at the socket since
    await until(lambda: link.ended)
    assert heard == [[END, 1], [END, 2], link.ended]
    assert link.ended is not None
    assert link.ended.is_peer_gone


async def test_a_killed_process_is_heard_to_its_last_whole_frame() -> None:
    ours, theirs = socket.socketpair()
    writer = FrameWriter()
    frames: list[Frame] = [[1, "1.2.3", PROTOCOL, WORKER, "0", 2], [END, 1], [END, 2]]
    data = b"".join(map(writer.whole, frames)) + b"\0\0"
    fd = theirs.fileno()
    code = f"import os; os.write({fd}, {data!r}); os.kill(os.getpid(), 9)"
    run = subprocess.run([sys.executable, "-Ic", code], pass_fds=[fd], check=False)
    assert run.returncode == -signal.SIGKILL
    theirs.close()
    link = a_link()
    heard: list[Any] = []
    link.handle(END, heard.append)
    link.when_ended(heard.append)
    ours.setblocking(False)
    await connect_link(link, ours)
    await until(lambda: link.ended)
    assert heard == [[END, 1], [END, 2], link.ended]
    await turns()


async def test_a_frame_too_large_for_one_goes_in_pieces() -> None:
    async with joined() as (one, other):
        heard: list[Frame] = []
        for kind in (SEND, HOLD):
            other.handle(kind, heard.append)
        data = os.urandom(3 * PIECE_SIZE_BYTES + 7)
        one.send([SEND, [1], [data], None])
        one.send([HOLD, 1])
        await until(lambda: len(heard) == 2)
        assert heard == [[SEND, [1], [data], None], [HOLD, 1]]


async def test_a_frame_larger_than_allowed_is_not_sent_at_all() -> None:
    async with joined(message_size_bytes_max=2_000_000) as (one, other):
        heard: list[Frame] = []
        for kind in (REPLY, HOLD):
            other.handle(kind, heard.append)
        with pytest.raises(LimitExceeded, match="REPLY"):
            one.send([REPLY, 1, bytes(2_000_000)])
        one.send([HOLD, 1])
        await until(lambda: heard)
        assert heard == [[HOLD, 1]]


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([[PART, b"xx", False], [END, 1]], "END between the pieces"),
        ([[PART, b"x" * 600, False], [PART, b"x" * 600, False]], "more than 1,000 bytes"),
        ([[PART, b"", False]], "an empty piece"),
        ([[PART, b"\x93\x02\xc4\x00\xc3", True]], "never cut"),
        ([[PART, b"\xc1", True]], "no msgpack"),
        ([[PART, b"\x91\x60", True]], "unknown kind"),
    ],
)
async def test_pieces_of_nothing_end_the_link(peer: Peer, frames: list[Frame], reason: str) -> None:
    link = a_link(message_size_bytes_max=1000)
    await peer.meet(link)
    peer.say(*frames)
    await until(lambda: link.ended)
    assert reason in str(link.ended)


async def test_a_slow_reader_is_told_to_the_layers_above(peer: Peer) -> None:
    link = a_link()
    told: list[bool] = []
    link.when_paused(told.append)
    await peer.meet(link)
    link.send([FAILURE, 1, bytes(900_000)])
    await turns()
    assert told == [True]
    assert link.is_writing_paused
    assert link.unsent_size_bytes > 0
    assert link.statistics().is_writing_paused
    await peer.hear(2)
    await until(lambda: not link.is_writing_paused)
    assert told == [True, False]
    assert link.unsent_size_bytes == 0


async def test_what_is_sent_before_there_is_a_connection_follows_the_hello(peer: Peer) -> None:
    link = a_link()
    link.send([BYE, "first"])
    await turns()
    assert link.unsent_size_bytes > 0
    await peer.connect(link)
    frames = await peer.hear(2)
    assert frames == [[1, "1.2.3", PROTOCOL, 2, None, 1], [BYE, "first"]]
    link.close("done")


async def test_a_link_that_was_closed_before_it_began_takes_no_connection(peer: Peer) -> None:
    link = a_link()
    link.close("never mind")
    await peer.connect(link)
    assert await asyncio.get_running_loop().sock_recv(peer.sock, 100) == b""


async def test_nothing_is_known_of_what_a_living_process_has_begun() -> None:
    async with joined() as (one, other):
        other.mark_begun(5)
        known: list[int | None] = []
        one.when_ended(lambda end: known.append(one.highest_begun(end)))
        one.close("we are tired of it")
        assert known == [None]
        assert other.own == A_WORKER


async def test_what_a_process_that_is_gone_had_begun_is_known() -> None:
    async with joined() as (one, other):
        other.mark_begun(5)
        known: list[int | None] = []
        one.when_ended(lambda end: known.append(one.highest_begun(end)))
        other.close("gone")
        await until(lambda: one.ended)
        assert known == [5]


async def test_a_link_without_memory_in_common_knows_nothing() -> None:
    link = Link(A_ROUTER)
    link.mark_begun(1)
    assert link.highest_begun(LinkEnded("gone", is_peer_gone=True)) is None
    link.close("never used")
