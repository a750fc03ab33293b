"""A connection whose peer reads when a test says so, and who hears it."""

import asyncio
from collections.abc import Sequence
from typing import Any

from perdure.runtime.sockets.client_socket import ClientSocket
from perdure.runtime.sockets.deflate import Deflate, InflatingReader
from perdure.runtime.sockets.keepalive import KeepAlive
from perdure.runtime.sockets.limits import SocketLimits

HIGH_WATER = 64 * 1024
LOW_WATER = HIGH_WATER // 4


class SlowTransport(asyncio.Transport):
    """Holds what is written until the peer reads, and says stop and go on as asyncio's does.

    Attributes:
        arrived: What the peer has read.
        writes: The size of each write.
        calls: What else it was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None
        self.held = bytearray()
        self.arrived = bytearray()
        self.writes: list[int] = []
        self.calls: list[str] = []
        self.room = 0
        self._is_full = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closing(), "written to a transport that is closed"
        self.writes.append(len(data))
        self.held += data
        self._move()
        if len(self.held) > HIGH_WATER and not self._is_full:
            self._is_full = True
            self.protocol.pause_writing()

    def reads(self, size: int) -> None:
        """The peer reads so many bytes, now or when they come."""
        self.room += size
        self._move()
        while self._is_full and len(self.held) <= LOW_WATER:
            self._is_full = False
            self.protocol.resume_writing()

    def _move(self) -> None:
        size = min(self.room, len(self.held))
        self.arrived += self.held[:size]
        del self.held[:size]
        self.room -= size

    def get_write_buffer_size(self) -> int:
        return len(self.held)

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.calls.append("resume_reading")


class Noting:
    """Notes what a link tells it, or what frames say."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def receive(self, message: str | bytes) -> None:
        self.heard.append(message)

    def receive_close(self, code: int | None, reason: str) -> None:
        self.heard.append(("close", code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        self.heard.append(("lost", code, reason))

    def hold(self) -> None:
        self.heard.append("hold")

    def go_on(self) -> None:
        self.heard.append("go on")

    # As a FrameSink.

    on_message = receive
    on_close = receive_close

    def on_ping(self, payload: bytes) -> None:
        self.heard.append(("ping", payload))

    def on_pong(self, payload: bytes) -> None:
        self.heard.append(("pong", payload))

    def on_broken(self, code: int, why: str) -> None:
        raise AssertionError((code, why))


class SlowPeer:
    """A connection to a peer that reads nothing until it is told to."""

    def __init__(
        self,
        delivery: str = "close",
        size_max: int | None = None,
        keep_alive: KeepAlive | None = None,
        *,
        is_client: bool = False,
        deflate: Deflate | None = None,
        **limits: Any,
    ) -> None:
        self.transport = SlowTransport()
        self.receiver = Noting()
        loop = asyncio.get_running_loop()
        self.connection = ClientSocket(
            self.transport,
            loop,
            SocketLimits(**limits),
            is_client=is_client,
            keep_alive=keep_alive,
            deflate=deflate,
        )
        self.transport.protocol = self.connection
        self.connection.set_receiver(self.receiver)
        self.connection.set_delivery(delivery, size_max)

    def fill(self) -> None:
        """One message that the transport takes whole, and that nothing gets past."""
        self.connection.transmit((b"\0" * (HIGH_WATER + 1),))

    def send(self, *messages: Any) -> None:
        """Each is a turn of its own."""
        for message in messages:
            self.connection.transmit((message,))

    def reads_all(self) -> list[Any]:
        """All that has been sent, read to the last, without what ``fill`` has written."""
        self.transport.reads(2**40)
        self.transport.room = 0
        return self.got()

    def got(self) -> list[Any]:
        """What the peer has read so far."""
        peer = Noting()
        reader = InflatingReader(peer, 2**30, masked=self.connection.is_client)
        reader.feed(bytes(self.transport.arrived))
        return [heard for heard in peer.heard if heard != b"\0" * (HIGH_WATER + 1)]

    def end(self) -> None:
        self.connection.connection_lost(None)


def texts(count: int, size: int = 1000) -> Sequence[str]:
    """Messages that differ."""
    return [f"{n:0{size}}" for n in range(count)]
