"""A connection that is taken out of one process and made again in another."""

import asyncio
from typing import Any

import pytest

from perdure.runtime.sockets.deflate import Deflate
from perdure.runtime.sockets.keepalive import KeepAlive
from perdure.runtime.sockets.limits import SocketLimits
from perdure.runtime.sockets.movable_socket import MovableSocket, SocketState
from tests.runtime.slow import HIGH_WATER, Noting, SlowPeer, SlowTransport
from tests.wire import BINARY, CONTINUATION, PING, TEXT, frame


class Movable:
    """One that a test has in its hands."""

    def __init__(self, delivery: str = "close", deflate: Deflate | None = None) -> None:
        self.transport = SlowTransport()
        self.receiver = Noting()
        loop = asyncio.get_running_loop()
        self.socket = MovableSocket(self.transport, loop, SocketLimits(), deflate=deflate)
        self.transport.protocol = self.socket
        self.socket.set_receiver(self.receiver)
        self.socket.set_delivery(delivery, None)

    def goes(self) -> SocketState:
        self.socket.hold_back()
        self.socket.pause()
        return self.socket.take_out()


class Again:
    """The same connection, in another process."""

    def __init__(self, state: SocketState, keep_alive: KeepAlive | None = None) -> None:
        self.peer = SlowPeer()
        self.transport = SlowTransport()
        self.receiver = Noting()
        loop = asyncio.get_running_loop()
        self.socket = MovableSocket.again(
            self.transport, loop, SocketLimits(), keep_alive, SocketState.unpacked(state.packed())
        )
        self.transport.protocol = self.socket
        self.socket.set_receiver(self.receiver)
        self.transport.reads(2**40)
        self.socket.send_from(state)
        self.socket.read_from(state)

    def got(self) -> list[Any]:
        self.peer.transport.arrived = self.transport.arrived
        return self.peer.got()


@pytest.mark.parametrize(
    ("delivery", "sent", "got"),
    [
        ("close", ["a", b"b", "c"], ["a", b"b", "c"]),
        ("drop_oldest", ["a", b"b", "c"], ["a", b"b", "c"]),
        ("latest", [("k", "a"), "b", ("k", "c")], ["c", "b"]),
        ("coalesce", ["a", "b", b"c", "d"], ['["a","b"]', b"c", '["d"]']),
    ],
)
async def test_what_has_not_left_leaves_there_by_its_policy(
    delivery: str, sent: list[Any], got: list[Any]
) -> None:
    one = Movable(delivery)
    one.socket.hold_back()
    for message in sent:
        one.socket.transmit((message,))
    one.socket.data_received(frame(PING, b"x"))
    again = Again(one.goes())
    assert sorted(map(str, again.got())) == sorted(map(str, [("pong", b"x"), *got]))
    assert again.got()[0] == ("pong", b"x")
    assert not one.transport.arrived


async def test_what_the_transport_has_is_waited_for() -> None:
    one = Movable()
    one.socket.transmit((b"\0" * (HIGH_WATER + 1),))
    one.socket.transmit(("waits",))
    one.socket.hold_back()
    assert not one.socket.is_dry
    one.transport.reads(2**20)
    assert one.socket.is_dry
    assert one.socket.may_move
    assert one.goes().waiting == ["waits"]


async def test_one_that_stays_goes_on_as_if_nothing_had_been() -> None:
    one = Movable()
    one.transport.reads(2**20)
    whole = frame(BINARY, b"two", final=False) + frame(CONTINUATION, b" halves")
    one.socket.data_received(frame(TEXT, "one") + whole[:12])
    one.socket.hold_back()
    one.socket.transmit(("waits",))
    state = one.goes()
    one.socket.put_back(state)
    one.socket.resume()
    one.socket.let_flow()
    one.socket.data_received(whole[12:])
    assert [heard for heard in one.receiver.heard if heard not in {"hold", "go on"}] == [
        "one",
        b"two halves",
    ]
    assert b"waits" in one.transport.arrived


async def test_it_is_read_on_where_the_other_has_stopped() -> None:
    one = Movable()
    one.socket.set_auto_response(("ping", "pong"))
    one.socket.round_trip_s, one.socket.auto_response_time_ms = 0.5, 17
    one.socket.dropped_messages = 3
    whole = frame(TEXT, "a whole message")
    one.socket.data_received(whole[:7])
    again = Again(one.goes())
    again.socket.data_received(whole[7:] + frame(TEXT, "ping"))
    assert [heard for heard in again.receiver.heard if heard != "go on"] == ["a whole message"]
    assert again.got() == ["pong"]
    socket = again.socket
    assert (socket.round_trip_s, socket.dropped_messages) == (0.5, 3)


async def test_one_that_is_compressed_goes_but_not_within_a_message_that_is_cut() -> None:
    one = Movable(deflate=Deflate(15, 0))
    one.socket.data_received(frame(TEXT, b"\xf2\x48", final=False, reserved=0x40))
    assert not one.socket.may_move
    one.socket.data_received(frame(CONTINUATION, b"\xcd\xc9\xc9\x07\x00"))
    assert one.receiver.heard == ["Hello"]
    state = one.goes()
    assert state.window_bits == 15
    again = Again(state)
    again.socket.data_received(frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", reserved=0x40))
    assert "Hello" in again.receiver.heard


async def test_one_that_says_goodbye_does_not_go() -> None:
    one = Movable()
    one.socket.hold_back()
    assert one.socket.may_move
    one.socket.transmit((), (1000, "done"))
    assert not one.socket.may_move
    one.socket.let_flow()
    one.transport.reads(2**20)
    assert one.transport.arrived, "the close frame"
    one.socket.connection_lost(None)


async def test_one_that_was_given_away_says_nothing() -> None:
    one = Movable()
    one.goes()
    one.socket.give_away()
    one.socket.connection_lost(None)
    assert one.transport.calls[-1] == "abort"
    assert [heard for heard in one.receiver.heard if heard != "hold"] == []
