"""A connection that can be handed to another process: what it is then, in plain values.

*Promise*: whoever makes a connection from ``take_out`` and the same descriptor goes on where this
one was: no byte of the peer is lost or read twice, no message to it is lost or sent twice.
*Assumes*: the transport is plain TCP, so that its descriptor is all there is to it. What it has
taken for writing cannot be had back: nobody takes out a connection that is not ``is_dry``.
"""

import asyncio
import os
import socket
from dataclasses import dataclass
from math import inf
from typing import Any, Self

from .boundaries import Boundaries
from .client_socket import ClientSocket
from .deflate import Deflate, InflatingReader
from .delivery import CLOSE
from .frames import FrameReader
from .joint import Sent
from .keepalive import KeepAlive
from .limits import SocketLimits


@dataclass(frozen=True, slots=True)
class SocketState:
    """What a connection is, beside its descriptor.

    Attributes:
        inbound: What a fresh reader is to be fed before anything else.
        waiting: Messages that have not left, oldest first.
        pong: The answer to the client's last ping, if that has not left.
        policy: Of delivery.
        queue_size_bytes_max: How much may wait; None for any size.
        window_bits: Of compression; None without.
        auto_response: What is answered without the receiver, and with what; or None.
        auto_response_time_ms, round_trip_s, dropped_messages: As ``ClientSocket`` has them.
    """

    inbound: bytes
    waiting: list[Sent]
    pong: bytes | None
    policy: str
    queue_size_bytes_max: int | None
    window_bits: int | None
    auto_response: tuple[str, str] | None
    auto_response_time_ms: int | None
    round_trip_s: float | None
    dropped_messages: int

    @classmethod
    def fresh(cls, inbound: bytes) -> "SocketState":
        """One that has sent all it had to, and is as it was when it began, but for its reading."""
        return cls(inbound, [], None, CLOSE, None, None, None, None, None, 0)

    def packed(self) -> list[Any]:
        """As it travels."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def unpacked(cls, values: list[Any]) -> "SocketState":
        """What ``packed`` has given; pairs come back as lists."""
        state = dict(zip(cls.__slots__, values, strict=True))
        state["waiting"] = [_sent(one) for one in state["waiting"]]
        pair = state["auto_response"]
        state["auto_response"] = None if pair is None else (pair[0], pair[1])
        return cls(**state)


def _sent(value: Any) -> Sent:
    return (value[0], value[1]) if isinstance(value, list | tuple) else value


class MovableSocket(ClientSocket):
    """A ``ClientSocket`` that may go to another process.

    Attributes:
        sandbox_id: Of the sandbox in which the peer is; None for one elsewhere.
    """

    __slots__ = ("_deflate", "_is_full", "_is_held_back", "sandbox_id")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        limits: SocketLimits,
        *,
        is_client: bool = False,
        keep_alive: KeepAlive | None = None,
        deflate: Deflate | None = None,
    ) -> None:
        super().__init__(
            transport, loop, limits, is_client=is_client, keep_alive=keep_alive, deflate=deflate
        )
        self.sandbox_id: str | None = None
        self._deflate = deflate
        self._read_so_far = Boundaries()
        self._is_full = False  # the transport is, whatever else holds messages back
        self._is_held_back = False

    def pause_writing(self) -> None:
        self._is_full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self._is_full = False
        if not self._is_held_back:
            super().resume_writing()

    # The process that has it.

    @property
    def may_move(self) -> bool:
        """It stands, nobody has said goodbye, and all that is known of it can be told."""
        transport = self._transport
        return (
            not (self._is_over or self._sent_close or self._got_close or transport.is_closing())
            and transport.get_extra_info("sslcontext") is None
            and self._reader.can_let_go
        )

    @property
    def is_dry(self) -> bool:
        """The transport holds nothing that has not left."""
        return self._transport.get_write_buffer_size() == 0

    def hold_back(self) -> None:
        """Give the transport nothing more; what is sent from now on waits here."""
        if not self._is_held_back:
            self._is_held_back = True
            if not self._is_full:
                super().pause_writing()

    def let_flow(self) -> None:
        """Send what waits, and go on as always."""
        if self._is_held_back:
            self._is_held_back = False
            if not self._is_full and not self._is_over:
                super().resume_writing()

    def take_out(self) -> SocketState:
        """Return what it is now. It neither reads nor sends until ``put_back``."""
        assert self._is_held_back, "or something would leave after this"
        assert self._is_paused, "or something would be read after this"
        assert self.may_move, "it was asked before"
        assert self.is_dry, "likewise"
        queue, delivery = self._queue, self._delivery
        if self._keep_alive is not None:
            self._keep_alive.remove(self)
        size_max = delivery.queue_size_bytes_max
        return SocketState(
            inbound=self._reader.let_go(self._boundaries),
            waiting=[] if queue is None else queue.messages(),
            pong=None if queue is None else queue.pong,
            policy=delivery.policy,
            queue_size_bytes_max=None if size_max == inf else int(size_max),
            window_bits=None if self._deflate is None else self._deflate.window_bits,
            auto_response=self._auto_response,
            auto_response_time_ms=self.auto_response_time_ms,
            round_trip_s=self.round_trip_s,
            dropped_messages=self.dropped_messages,
        )

    def duplicate(self) -> socket.socket:
        """Return another descriptor of the connection."""
        raw = self._transport.get_extra_info("socket")
        return socket.socket(fileno=os.dup(raw.fileno()))

    def put_back(self, state: SocketState) -> None:
        """Go on here after all, with what ``take_out`` has said last."""
        if self._is_over:
            return
        read = FrameReader if self._deflate is None else InflatingReader
        size_bytes_max = self._limits.websocket_message_size_bytes_max
        self._reader = read(self, size_bytes_max, masked=not self.is_client)
        self._read_so_far = Boundaries()
        if self._keep_alive is not None:
            self._keep_alive.add(self)
        self._reader.feed(state.inbound)
        self._boundaries.read(state.inbound)

    @property
    def _boundaries(self) -> Boundaries:
        assert self._read_so_far is not None, "it is there from the beginning"
        return self._read_so_far

    def end(self) -> None:
        """The peer says nothing more: have what is written leave, then end."""
        self._transport.close()

    def give_away(self) -> None:
        """Another process has it: let go of it here, and tell nobody."""
        self._receiver = None
        self._transport.abort()

    @classmethod
    def again(
        cls,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        limits: SocketLimits,
        keep_alive: KeepAlive | None,
        state: SocketState,
        *,
        is_client: bool = False,
    ) -> Self:
        """Return the connection that another process has taken out, which is not read yet."""
        bits = state.window_bits
        deflate = None
        if bits is not None:
            deflate = Deflate(bits, limits.websocket_compression_size_bytes_min)
        new = cls(
            transport, loop, limits, is_client=is_client, keep_alive=keep_alive, deflate=deflate
        )
        new._is_paused = True  # who has made the transport has seen to that
        new.set_delivery(state.policy, state.queue_size_bytes_max)
        new.set_auto_response(state.auto_response)
        new.auto_response_time_ms = state.auto_response_time_ms
        new.round_trip_s = state.round_trip_s
        new.dropped_messages = state.dropped_messages
        return new

    def send_from(self, state: SocketState) -> None:
        """Send what had waited."""
        if state.pong is not None:
            self.send_pong(state.pong)
        if state.waiting:
            self.transmit(state.waiting)

    def read_from(self, state: SocketState) -> None:
        """Read what had come of a message; it has a receiver now."""
        self.data_received(state.inbound)
        if self._takes_more and self._receiver is not None:
            self._receiver.go_on()
