"""What becomes of messages when their client reads slowly, or not at all."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perdure.actors.link import join
from perdure.runtime.sockets.counters import counters
from perdure.runtime.sockets.deflate import (
    SHARED_SIZE_BYTES_MAX,
    Deflate,
    deflate,
    shared_frames,
)
from perdure.runtime.sockets.delivery import MESSAGE_SIZE_BYTES, WRITE_SIZE_BYTES
from perdure.runtime.sockets.frames import encode_message
from perdure.runtime.sockets.joint import Sent
from perdure.runtime.sockets.sending import _encode_plain
from tests.runtime.slow import HIGH_WATER, SlowPeer, texts
from tests.wire import PING, close_frame, frame

Make = Callable[..., SlowPeer]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes connections that are ended with the test."""
    made: list[SlowPeer] = []

    def make(*args: Any, **limits: Any) -> SlowPeer:
        made.append(SlowPeer(*args, **limits))
        return made[-1]

    yield make
    for peer in made:
        peer.end()


# While the client reads.


async def test_a_client_that_reads_costs_no_queue(make: Make) -> None:
    peer = make()
    peer.send("a", ("key", "b"), b"c")
    assert peer.connection._queue is None
    assert peer.reads_all() == ["a", "b", b"c"]
    assert peer.connection.buffered_size_bytes == 0


async def test_a_turn_is_one_write(make: Make) -> None:
    peer = make()
    peer.connection.transmit(["a", b"b", ("key", "c")], (1000, ""))
    assert len(peer.transport.writes) == 1


async def test_a_turn_that_is_sent_to_many_is_encoded_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str | bytes] = []

    def note(message: str | bytes, *, mask: bool = False) -> bytes:
        encoded.append(message)
        return encode_message(message, mask=mask)

    monkeypatch.setattr(_encode_plain.__self__, "_encode", note)  # type: ignore[attr-defined]
    peers = [make() for _ in range(4)]
    turn: list[Sent] = ["one", ("key", b"two")]
    for peer in peers:
        peer.connection.transmit(list(turn))
    peers[0].connection.transmit(["one", "three"])
    assert encoded == ["one", b"two", "one", "three"]
    assert [peer.reads_all() for peer in peers[1:]] == [["one", b"two"]] * 3
    assert peers[0].reads_all() == ["one", b"two", "one", "three"]


async def test_a_large_turn_is_written_in_parts_and_waits_when_told_to(make: Make) -> None:
    peer = make("close", 100_000)
    messages = texts(150)
    peer.connection.transmit(messages)
    assert len(peer.transport.writes) == 1
    assert HIGH_WATER < peer.transport.writes[0] < HIGH_WATER + 1100
    assert peer.connection.buffered_size_bytes > 150_000
    assert peer.reads_all() == messages


async def test_more_than_may_wait_reaches_a_client_that_reads(make: Make) -> None:
    for delivery in ("close", "drop_oldest", "latest", "coalesce"):
        peer = make(delivery, 1000)
        peer.transport.reads(2**30)
        messages = texts(500)
        peer.connection.transmit(messages)
        peer.connection.transmit([b"x" * 500_000], (1000, "bye"))
        *got, last, close = peer.reads_all()
        if delivery == "coalesce":
            got = [text for array in got for text in json.loads(array)]
        assert got == messages
        assert (last, close) == (b"x" * 500_000, ("close", 1000, "bye"))
        assert peer.connection.dropped_messages == 0


# While it does not.


async def test_what_waits_leaves_in_order_in_writes_of_bounded_size(make: Make) -> None:
    peer = make()
    peer.fill()
    messages = texts(300)
    peer.send(*messages)
    assert len(peer.transport.writes) == 1, "the rest is kept unencoded"
    assert peer.reads_all() == messages
    assert max(peer.transport.writes[1:]) <= WRITE_SIZE_BYTES
    assert len(peer.transport.writes) < 10, "many messages share a write"
    assert peer.connection._queue is None, "all is as if nothing had been"


async def test_a_client_that_reads_a_little_gets_a_little(make: Make) -> None:
    peer = make()
    peer.fill()
    messages = texts(300)
    peer.send(*messages)
    before = peer.connection.buffered_size_bytes
    peer.transport.reads(100_000)
    assert peer.connection.buffered_size_bytes <= before - 95_000
    assert peer.transport.get_write_buffer_size() <= HIGH_WATER + WRITE_SIZE_BYTES
    late = texts(5, 10)
    peer.send(*late)  # behind what waits
    assert peer.reads_all() == [*messages, *late]


async def test_past_its_limit_a_socket_is_closed_with_1013(make: Make) -> None:
    peer = make("close", 5 * (1000 + MESSAGE_SIZE_BYTES))
    overflowed = counters.queues_overflowed
    peer.fill()
    peer.send(*texts(5))
    assert peer.receiver.heard == ["hold"]
    peer.send("one more")
    why = "5320 bytes wait for a client that does not read them"
    assert peer.receiver.heard == ["hold", ("lost", 1013, why)]
    assert counters.queues_overflowed == overflowed + 1
    assert peer.connection.buffered_size_bytes < HIGH_WATER + 200, "what waited is let go of"
    peer.send("and more")
    peer.connection.data_received(frame(PING, b"too late"))
    assert peer.reads_all() == [("close", 1013, why)], "the client is told, if it reads on"
    assert peer.transport.calls == [], "and may answer"
    peer.connection.data_received(close_frame(1013))
    assert peer.transport.calls == ["close"]


async def test_the_limit_of_the_configuration_holds_where_none_was_said(make: Make) -> None:
    for size_max in (None, 9999):
        peer = make("close", size_max, websocket_queue_size_bytes_max=5000)
        peer.fill()
        peer.send(*texts(5))
        assert ("lost" in str(peer.receiver.heard)) is (size_max is None), size_max


async def test_the_oldest_are_let_go_of_and_counted(make: Make) -> None:
    peer = make("drop_oldest", 5 * (1000 + MESSAGE_SIZE_BYTES))
    dropped = counters.messages_dropped
    peer.fill()
    messages = texts(20)
    peer.send(*messages)
    assert peer.connection.dropped_messages == 15
    assert counters.messages_dropped == dropped + 15
    assert peer.reads_all() == messages[-5:]
    peer.send("on")
    assert peer.reads_all()[-1] == "on"
    assert peer.connection.dropped_messages == 15


async def test_what_is_being_written_is_never_let_go_of(make: Make) -> None:
    peer = make("drop_oldest", 1)
    large = "x" * 200_000
    peer.send(large, *texts(20))
    peer.transport.reads(100)  # a part of the frame has left
    peer.send("last")
    assert peer.reads_all() == [large, "last"]


async def test_of_each_key_the_newest_is_sent(make: Make) -> None:
    peer = make("latest", 10_000)
    peer.fill()
    for n in range(1000):
        peer.send((f"cursor:{n % 3}", f"{n % 3} is at {n}"))
    peer.send("joined")
    assert peer.connection.dropped_messages == 997
    assert peer.reads_all() == ["0 is at 999" if n == 999 else f"{n % 3} is at {n}" for n in (997, 998, 999)] + ["joined"]  # fmt: skip


async def test_without_a_key_nothing_is_let_go_of_and_so_closed_at_last(make: Make) -> None:
    peer = make("latest", 5000)
    peer.fill()
    peer.send(*texts(5))
    assert peer.receiver.heard[-1][:2] == ("lost", 1013)


async def test_waiting_texts_leave_as_one_array(make: Make) -> None:
    peer = make("coalesce")
    peer.fill()
    peer.send("a", "b", b"c", "d", ("key", "e"))
    assert peer.reads_all() == ['["a","b"]', b"c", '["d","e"]']


async def test_with_coalesce_every_text_frame_is_an_array(make: Make) -> None:
    peer = make("coalesce")
    peer.send("alone", b"bytes", "alone")
    peer.connection.transmit(["of", "one", "turn"])
    peer.connection.set_auto_response(("ping", "pong"))
    peer.connection.data_received(frame(0x1, "ping"))
    assert peer.reads_all() == ['["alone"]', b"bytes", '["alone"]', '["of","one","turn"]', '["pong"]']  # fmt: skip
    assert len(peer.transport.writes) == 5


async def test_what_a_client_sends_is_masked_with_every_policy(make: Make) -> None:
    for delivery, text in (("coalesce", '["alone"]'), ("close", "alone")):
        peer = make(delivery, is_client=True)
        peer.send("alone")
        peer.connection.transmit(["of", "one", "turn"])
        assert peer.reads_all()[0] == text
        assert peer.transport.writes[0] == len(text) + 6


@pytest.mark.parametrize("is_client", [False, True])
async def test_compressed_messages_leave_and_wait_as_others_do(
    make: Make, *, is_client: bool
) -> None:
    for delivery in ("close", "drop_oldest", "latest", "coalesce"):
        peer = make(delivery, is_client=is_client, deflate=Deflate(15, 256))
        peer.send(texts(1)[0])
        peer.connection.transmit([texts(1)[0], b"short"])
        assert sum(peer.transport.writes) < 100
        peer.connection.transmit((noise := random.Random(1).randbytes(HIGH_WATER + 1),))
        peer.send(*texts(3), ("key", "e"))
        peer.connection.on_ping(b"now")
        got = peer.reads_all()
        assert got.pop(got.index(("pong", b"now"))), "it is not compressed, or it would be refused"
        if delivery == "coalesce":
            got = [t for got in got for t in (json.loads(got) if isinstance(got, str) else [got])]
        assert got == [*texts(1), *texts(1), b"short", noise, *texts(3), "e"]


async def test_a_message_to_many_is_compressed_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressed: list[bytes] = []

    def note(payload: bytes, window_bits: int) -> bytes:
        compressed.append(payload)
        return deflate(payload, window_bits)

    monkeypatch.setattr("perdure.runtime.sockets.deflate.deflate", note)
    shared_frames.cache_clear()
    how = Deflate(15, 256)
    peers = [make(deflate=how) for _ in range(4)]
    peers[0].connection.transmit((b"\0" * 10,))
    peers[1].connection.pause_writing()
    turn: list[str | bytes] = ["large" * 10**6, "medium" * 100, b"bytes" * 100]
    for peer in peers:
        peer.connection.transmit(turn)
    peers[1].connection.resume_writing()
    assert [peer.reads_all()[-3:] for peer in peers] == [turn] * 4
    assert len(compressed) == 3
    await asyncio.sleep(0)
    peers[0].send(turn[2])
    assert len(compressed) == 3, "what is small is kept for a while"
    assert shared_frames(how)._size_bytes <= SHARED_SIZE_BYTES_MAX


async def test_an_array_is_of_bounded_size(make: Make) -> None:
    peer = make("coalesce")
    peer.fill()
    messages = texts(300)
    peer.send(*messages)
    arrays = peer.reads_all()
    assert [text for array in arrays for text in json.loads(array)] == messages
    assert max(len(array) for array in arrays) <= WRITE_SIZE_BYTES
    assert len(arrays) <= 6


# What is no message.


async def test_a_close_frame_leaves_after_what_waits(make: Make) -> None:
    peer = make()
    peer.fill()
    peer.connection.transmit(["last"], (1000, "bye"))
    peer.send("too late")
    assert peer.connection._close_timer is not None, "it cannot wait for ever"
    assert peer.reads_all() == ["last", ("close", 1000, "bye")]
    assert peer.transport.calls == []
    peer.connection.data_received(close_frame(1000))
    assert peer.transport.calls == ["close"]


async def test_both_may_say_goodbye_while_messages_wait(make: Make) -> None:
    """The peer's close frame comes while ours waits: the connection lasts until that has left."""
    peer = make()
    peer.fill()
    peer.connection.transmit(["last"], (1000, "bye"))
    peer.connection.data_received(close_frame(4000))
    assert peer.receiver.heard == ["hold", ("close", 4000, "")]
    assert peer.transport.calls == []
    assert peer.reads_all() == ["last", ("close", 1000, "bye")]
    assert peer.transport.calls == ["close"]


async def test_the_answer_to_a_close_frame_waits_its_turn(make: Make) -> None:
    peer = make()
    peer.fill()
    peer.send("last")
    peer.connection.data_received(close_frame(4000))
    peer.connection.transmit((), (4000, ""))
    assert peer.reads_all() == ["last", ("close", 4000, "")]
    assert peer.transport.calls == ["close"]


async def test_pongs_overtake_what_waits_and_only_the_last_is_sent(make: Make) -> None:
    peer = make()
    peer.fill()
    peer.send("waits")
    for n in range(100_000):
        peer.connection.on_ping(b"%d" % n)
    assert peer.connection.buffered_size_bytes < HIGH_WATER + 1000
    assert peer.reads_all() == [("pong", b"99999"), "waits"]
    peer.connection.data_received(frame(PING, b"again"))
    assert peer.reads_all()[-1] == ("pong", b"again")


async def test_who_breaks_the_protocol_hears_why_and_not_what_waits(make: Make) -> None:
    for close in (None, (1000, "also waits")):
        peer = make()
        peer.fill()
        peer.connection.transmit(["waits"], close)
        peer.connection.data_received(frame(0x3))
        assert peer.receiver.heard[-1][:2] == ("lost", 1002)
        [(said, code, _)] = peer.reads_all()
        assert (said, code) == ("close", 1002)


async def test_nothing_is_kept_for_a_connection_that_has_ended(make: Make) -> None:
    peer = make()
    peer.fill()
    peer.send("waits")
    peer.connection.connection_lost(None)
    assert peer.connection.buffered_size_bytes == 0
    peer.send("late")
    peer.connection.resume_writing()
    assert len(peer.transport.writes) == 1


async def test_nothing_is_written_to_a_transport_that_closes(make: Make) -> None:
    peer = make()
    peer.fill()
    peer.send("waits")
    peer.transport.close()
    peer.connection.data_received(frame(PING))
    peer.connection.resume_writing()
    peer.send("late")
    assert len(peer.transport.writes) == 1


# What is only passed on.


async def test_what_is_passed_on_is_slowed_at_its_source_and_never_let_go_of(make: Make) -> None:
    slow = make("close", 1, websocket_queue_size_bytes_max=1)
    source = make()
    join(slow.connection, source.connection)
    messages = texts(200)
    source.connection.data_received(b"".join(frame(0x1, text) for text in messages))
    assert source.transport.calls == ["pause_reading"]
    assert slow.reads_all() == messages
    assert source.transport.calls == ["pause_reading", "resume_reading"]
    assert slow.connection.dropped_messages == 0


async def test_who_comes_to_a_slow_connection_is_told(make: Make) -> None:
    slow, source = make(), make()
    slow.fill()
    join(slow.connection, source.connection)
    assert source.transport.calls == ["pause_reading"]
    slow.reads_all()
    assert source.transport.calls == ["pause_reading", "resume_reading"]
