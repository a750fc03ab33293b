"""Clients that stall, vanish, dawdle or never end cost the others nothing, and are let go of."""

import contextlib
import time
from collections.abc import Callable

import pytest

from tests.stress.conftest import IS_FULL, LOOK_S, Start
from tests.stress.crowd import Guest, crowd
from tests.wire import BINARY, CONTINUATION, TEXT, close_frame, frame

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KIB_PER_MIB = 1024


def test_one_in_a_hundred_that_does_not_read_touches_no_other(start: Start) -> None:
    count = 5000 if IS_FULL else 400
    server = start()
    stalled = count // 200  # of each policy
    room = "/hibernating/room"
    with (
        crowd(server.port, room, count - 2 * stalled) as readers,
        crowd(server.port, f"{room}?tag=stalled&delivery=close", stalled, reads=False) as closed,
        crowd(
            server.port, f"{room}?tag=stalled&delivery=drop_oldest", stalled, reads=False
        ) as kept,
    ):
        assert server.get("/room?say=before") == count
        before_kib = server.memory_kib()
        # 12 MiB for each that does not read: more than a connection takes on the way.
        server.get("/room?tag=stalled&fill=96")
        grown_kib = server.memory_kib() - before_kib
        assert server.get("/room?say=after") == count - stalled
        for reader in readers:
            assert reader.answer_pings_until_text() == "before"
            assert reader.answer_pings_until_text() == "after"
        # What may wait (256 KiB), a message that is begun and one more (128 KiB each) for those
        # that are kept; and as much again for those that were closed, until their close timeout.
        assert grown_kib < 2 * stalled * 512 + 32 * KIB_PER_MIB
        server.until(lambda: server.closes() == {"1013": stalled}, server.closes)
        assert closed[0].close_frame()[0] == 1013
        # Who reads on gets the newest: it lost what was sent meanwhile.
        while (text := kept[0].text()) != "after":
            assert text in {"before", "x" * 128 * 1024}
    assert server.errors() == []


@pytest.mark.parametrize("kind", ["standard", "hibernating"])
def test_those_that_vanished_are_found_and_the_others_stay(start: Start, kind: str) -> None:
    count = 1000 if IS_FULL else 50
    server = start({"websocket_ping_interval_s": 1, "websocket_dead_after_s": 2})
    with (
        crowd(server.port, f"/{kind}/room", count),
        Guest(server.port) as alive,
    ):
        alive.ask(f"/{kind}/room")
        assert alive.head().startswith(b"HTTP/1.1 101 ")
        # It hears nothing but pings, and answers them, until the last of the others is found.
        deadline = time.monotonic() + 60
        while server.closes() != {"1006": count}:
            assert time.monotonic() < deadline, server.closes()
            alive.send(frame(TEXT, "are they gone?"))
            assert alive.answer_pings_until_text() == "are they gone?"
            time.sleep(10 * LOOK_S)  # each look at the state is work for the server
        assert server.get("/room") == 1
    assert server.errors() == []


def _no_byte(guest: Guest) -> None: ...


def _half_a_head(guest: Guest) -> None:
    guest.send(b"GET /standard/room HTTP/1.1\r\nHos")


def _asked(guest: Guest) -> None:
    guest.ask("/standard/room")


def _half_a_body(guest: Guest) -> None:
    guest.send(b"POST /room?wait=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")


def _unanswered(guest: Guest) -> None:
    guest.send(b"GET /room?wait=1 HTTP/1.1\r\nHost: a\r\n\r\n")


def _opened(kind: str, *data: bytes) -> Callable[[Guest], None]:
    def reach(guest: Guest) -> None:
        guest.ask(f"/{kind}/room")
        guest.head()
        for piece in data:
            guest.send(piece)

    return reach


def _said_goodbye(guest: Guest) -> None:
    """The server has said goodbye, and waits for the answer."""
    _opened("standard", frame(TEXT, "bye"))(guest)
    assert guest.close_frame() == (4000, "bye")


STATES = {
    "nothing sent": _no_byte,
    "in the head": _half_a_head,
    "behind the head": _asked,
    "in a body": _half_a_body,
    "before the answer": _unanswered,
    "open": _opened("standard"),
    "open, hibernating": _opened("hibernating"),
    "in a frame's head": _opened("standard", frame(TEXT, "x" * 300)[:3]),
    "in a frame": _opened("hibernating", frame(BINARY, b"x" * 3000)[:1000]),
    "between fragments": _opened("standard", frame(TEXT, "half", final=False)),
    "while much is sent": _opened("hibernating", frame(TEXT, "much")),
    "in the close frame": _opened("standard", close_frame(4001, "a reason")[:4]),
    "behind the close frame": _opened("hibernating", close_frame(4001, "a reason")),
    "before its own close frame": _said_goodbye,
}


def test_resets_in_every_state_leave_nothing_behind(start: Start) -> None:
    rounds = 100 if IS_FULL else 4
    server = start()
    with crowd(server.port, "/hibernating/room", 1) as (other,):
        server.get("/room")  # its files are open
        before = server.holds()
        for number in range(rounds):
            for name, reach in STATES.items():
                guest = Guest(server.port, reads=name != "while much is sent")
                reach(guest)
                guest.reset()
            other.send(frame(TEXT, f"round {number}"))
            assert other.text() == f"round {number}"
        server.get("/room?go_on=1")  # a handler runs to its end, whoever has gone
        server.is_as_before(before)
        assert server.get("/room") == 1
    assert server.errors() == []


def test_heads_that_come_byte_by_byte_end_by_the_clock(start: Start) -> None:
    count = 500 if IS_FULL else 30
    server = start({"header_timeout_s": 1})
    before = server.holds()
    slow = [Guest(server.port) for _ in range(count)]
    head = b"GET /standard/room HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000
    began_s = time.monotonic()
    with crowd(server.port, "/standard/room", 1) as (other,):
        waiting = slow
        for byte in head:
            waiting = [guest for guest in waiting if _sends(guest, byte)]
            other.send(frame(TEXT, "fine"))
            assert other.text() == "fine"
            if not waiting:
                break
    assert waiting == [], "they were heard to their end"
    assert time.monotonic() - began_s < 60
    for guest in slow:
        with guest:
            assert guest.rest().startswith((b"HTTP/1.1 408 ", b""))
    server.is_as_before(before)
    assert server.errors() == []


def _sends(guest: Guest, byte: int) -> bool:
    try:
        guest.send(bytes([byte]))
    except ConnectionError:
        return False
    return True


MESSAGE_SIZE_BYTES_MAX = 2**20


@pytest.mark.parametrize("kind", ["standard", "hibernating"])
def test_messages_without_end_are_ended(start: Start, kind: str) -> None:
    count = 100 if IS_FULL else 10
    server = start({"websocket_message_size_bytes_max": MESSAGE_SIZE_BYTES_MAX})
    before_kib = server.memory_kib()
    with crowd(server.port, f"/{kind}/room", count) as guests:
        for guest in guests[::2]:  # the length alone says that it is too long
            guest.send(b"\x82\xff" + (2**40).to_bytes(8, "big") + b"mask")
        piece = frame(CONTINUATION, b"x" * 2**15, final=False)
        for guest in guests[1::2]:
            guest.send(frame(BINARY, b"x", final=False))
            with contextlib.suppress(ConnectionError):
                for _ in range(2 * MESSAGE_SIZE_BYTES_MAX // 2**15):
                    guest.send(piece)
        for guest in guests:
            assert guest.close_frame()[0] == 1009
    server.until(lambda: server.closes() == {"1009": count}, server.closes)
    # One of them held a message of 1 MiB at a time, or each if the system made it so: twice that.
    assert server.memory_kib() - before_kib < count * KIB_PER_MIB + 32 * KIB_PER_MIB
    assert server.errors() == []


def test_fragments_without_content_take_no_memory(start: Start) -> None:
    count = 500_000 if IS_FULL else 50_000
    server = start()
    with crowd(server.port, "/standard/room", 1) as (guest,):
        guest.send(frame(TEXT, "be", final=False))
        before_kib = server.memory_kib()
        for _ in range(count // 1000):
            guest.send(frame(CONTINUATION, b"", final=False) * 1000)
        guest.send(frame(CONTINUATION, b"gin"))
        assert guest.text() == "begin"
        # 500,000 of them, kept as the smallest object that Python has, would be 8 MiB.
        assert server.memory_kib() - before_kib < 6 * KIB_PER_MIB
    assert server.errors() == []
