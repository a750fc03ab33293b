"""One WebSocket whose frames another server carries: an actor has it for a ``SocketLink``.

Promise:
    What is sent leaves in order, one message at a time, as fast as the server takes it; what waits
    meanwhile waits as the socket's delivery policy says. After a close nothing is sent. The
    receiver hears of the end exactly once.
Assumes:
    Everything runs on the loop's thread. The server answers close frames and pings by itself.
"""

import asyncio
import contextvars
import time
from collections.abc import Sequence
from typing import Any, Protocol

from ...actors.link import Close, KeptSocket, Sent, SocketReceiver
from ...actors.session import LOST, LOST_REASON, NORMAL, CloseFrame, Lost
from ..sockets.counters import counters
from ..sockets.delivery import CLOSE, WRITE_SIZE_BYTES, delivery_of, queue_of
from ..sockets.joint import TRY_AGAIN_LATER
from ..sockets.limits import SocketLimits

TOO_BIG = 1009


class Carrier(Protocol):
    """The server's side of one connection."""

    async def send(self, message: str | bytes) -> None:
        """Send, and wait while the client reads slowly.

        Raises:
            OSError: The client has gone.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye."""
        ...

    async def receive(self) -> str | bytes | CloseFrame | Lost:
        """What the client says next."""
        ...


class HostedSocket:
    """A connection after its upgrade. Is a ``SocketLink``.

    Attributes:
        ended: Done when the connection is gone.
    """

    dropped_messages = 0
    round_trip_s = None
    remembers = False

    def __init__(
        self, carrier: Carrier, loop: asyncio.AbstractEventLoop, limits: SocketLimits
    ) -> None:
        self._carrier = carrier
        self._loop = loop
        self._limits = limits
        self._receiver: SocketReceiver | None = None
        self._queue = queue_of(delivery_of(CLOSE, limits.websocket_queue_size_bytes_max))
        self._is_held = self._has_closed = self._is_over = False
        self._sending: asyncio.Task[None] | None = None
        self._sending_size_bytes = 0
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_given_up = False
        self._context = contextvars.Context()  # of no actor, whoever sends first
        self._auto_response: tuple[str, str] | None = None
        self.auto_response_time_ms: int | None = None
        self.ended: asyncio.Future[None] = loop.create_future()
        counters.connections_accepted += 1

    # SocketLink.

    def set_receiver(self, receiver: SocketReceiver) -> None:
        self._receiver = receiver
        if self._is_held:
            receiver.hold()

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        if self._has_closed or self._is_over:
            return
        for sent in messages:
            if not self._queue.push(sent):
                self._overflow()
                return
        if self._queue.dropped:
            self.dropped_messages += self._queue.dropped
            counters.messages_dropped += self._queue.dropped
            self._queue.dropped = 0
        if close is not None:
            self._has_closed = True
            self._queue.close = close
        elif not self._is_held and self._queue.size_bytes > WRITE_SIZE_BYTES:
            self._is_held = True
            if self._receiver is not None:
                self._receiver.hold()
        if self._sending is None:
            self._sending = asyncio.Task(self._send(), loop=self._loop, context=self._context)

    def sever(self, code: int, reason: str) -> None:
        if not self._is_over and not self._has_closed:
            self._receiver = None
            self.transmit((), (code, reason))

    def pause(self) -> None:
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    @property
    def buffered_size_bytes(self) -> int:
        return self._queue.messages_size_bytes + self._sending_size_bytes

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        size_max = queue_size_bytes_max or self._limits.websocket_queue_size_bytes_max
        self._queue = queue_of(delivery_of(policy, size_max))

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self._auto_response = pair

    def remember(self, kept: KeptSocket) -> None:
        """It ends with this process."""

    def set_restart(self, policy: str) -> None:
        """See ``remember``."""

    # Sending.

    async def _send(self) -> None:
        try:
            while self._queue:
                for message in self._queue.take(WRITE_SIZE_BYTES):
                    counters.messages_sent += 1
                    self._sending_size_bytes = len(message)
                    await self._carrier.send(message)
                self._sending_size_bytes = 0
                if self._is_held and self._queue.size_bytes <= WRITE_SIZE_BYTES:
                    self._is_held = False
                    if self._receiver is not None:
                        self._receiver.go_on()
            if self._queue.close is not None:
                code, reason = self._queue.close
                limit_s = self._limits.websocket_close_timeout_s
                self._timer = self._loop.call_later(limit_s, self._give_up)
                await self._carrier.close(NORMAL if code is None else code, reason)
        except OSError:
            self._lose(Lost(LOST, LOST_REASON))
        finally:
            self._sending = None
            self._sending_size_bytes = 0

    def _overflow(self) -> None:
        """The client does not read, and more may not wait: it gets to know if it ever reads on."""
        reason = f"{self._queue.size_bytes} bytes wait for a client that does not read them"
        counters.queues_overflowed += 1
        receiver, self._receiver = self._receiver, None
        self._queue = queue_of(delivery_of(CLOSE, self._limits.websocket_queue_size_bytes_max))
        self.transmit((), (TRY_AGAIN_LATER, reason))
        if receiver is not None:
            receiver.receive_lost(TRY_AGAIN_LATER, reason)

    # What the client says.

    async def run(self) -> None:
        """Hear the client until the connection has ended; in the server's task for it."""
        self._task = asyncio.current_task()
        try:
            while not self._is_over:
                heard = await self._carrier.receive()
                if isinstance(heard, CloseFrame | Lost):
                    self._lose(heard)
                else:
                    self._take(heard)
                if not self._may_read.is_set():
                    await self._may_read.wait()
        except asyncio.CancelledError:
            if self._task is None or not self._has_given_up:
                raise
            self._task.uncancel()
        finally:
            self._lose(Lost(LOST, LOST_REASON))
            if self._timer is not None:
                self._timer.cancel()
            if self._sending is not None:
                self._sending.cancel()
            counters.connections_closed += 1
            self.ended.set_result(None)

    def _give_up(self) -> None:
        """The client has not answered the close frame in time."""
        if self._task is not None and not self._is_over:
            self._has_given_up = True
            self._task.cancel()

    def _take(self, message: str | bytes) -> None:
        counters.messages_received += 1
        size = len(message) if isinstance(message, bytes) else len(message.encode())
        limit = self._limits.websocket_message_size_bytes_max
        if size > limit:
            reason = f"a message of {size} bytes is more than {limit}"
            receiver, self._receiver = self._receiver, None
            self.transmit((), (TOO_BIG, reason))
            if receiver is not None:
                receiver.receive_lost(TOO_BIG, reason)
            return
        auto = self._auto_response
        if auto is not None and message == auto[0]:
            self.auto_response_time_ms = time.time_ns() // 1_000_000
            self.transmit((auto[1],))
        elif self._receiver is not None:
            self._receiver.receive(message)

    def _lose(self, end: CloseFrame | Lost) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.resume()
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        if isinstance(end, CloseFrame):
            receiver.receive_close(end.code, end.reason)
        else:
            receiver.receive_lost(end.code, end.reason)
