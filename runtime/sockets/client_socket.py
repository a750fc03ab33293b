"""One network connection that speaks WebSocket: what it hears, and the close handshake.

Promise:
    A frame is never half sent and then followed by another; after a close frame nothing is
    sent. The receiver hears of the end exactly once.
Assumes:
    Everything runs on the loop's thread; the transport writes what it is given in order.
Rules for editing this file:
    No user code, and nothing that knows actors: a process without them runs the same objects.
"""

import asyncio
import time
from collections.abc import Callable

from .boundaries import Boundaries, short_heads, whole_messages
from .counters import counters
from .deflate import Deflate, InflatingReader
from .frames import FrameReader, encode_ping
from .joint import LOST, LOST_REASON, SocketReceiver
from .keepalive import KeepAlive, Peer
from .limits import SocketLimits
from .sending import SendingHalf
from .taking import Taking, taking_of
from .watch import message_fields, watch


class ClientSocket(SendingHalf):
    """A connection after its upgrade: what an actor has for a ``SocketLink``.

    Attributes:
        on_end: Called with this connection when it has ended.
        on_news: Called when one of the following two is another.
        auto_response_time_ms: When it last answered by itself, in Unix milliseconds; or None.
        round_trip_s: How long the answer to the last ping has taken; None before the first.
        heard_tick, keep_alive_slot: The keep-alive's.
    """

    __slots__ = (
        "_auto_response",
        "_close_timer",
        "_got_close",
        "_has_heard",
        "_is_over",
        "_is_paused",
        "_keep_alive",
        "_loop",
        "_passes_to",
        "_read_so_far",
        "_reader",
        "_receiver",
        "_short_heads",
        "_waiter",
        "auto_response_time_ms",
        "heard_tick",
        "keep_alive_slot",
        "on_end",
        "on_news",
        "round_trip_s",
    )

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
        super().__init__(transport, limits, is_client=is_client, deflate=deflate)
        counters.connections_accepted += not is_client
        self._loop = loop
        self.on_end: Callable[[ClientSocket], None] | None = None
        self.on_news: Callable[[], None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._receiver: SocketReceiver | None = None
        self._got_close = False
        self._is_over = False
        self._is_paused = False
        self._close_timer: asyncio.TimerHandle | None = None
        self._auto_response: tuple[str, str] | None = None
        self.auto_response_time_ms: int | None = None
        self.round_trip_s: float | None = None
        self.heard_tick = 0
        self.keep_alive_slot: set[Peer] | None = None
        self._keep_alive = keep_alive
        if keep_alive is not None:
            keep_alive.add(self)
        read = FrameReader if deflate is None else InflatingReader
        self._reader = read(self, limits.websocket_message_size_bytes_max, masked=not is_client)
        # For who passes on what comes: a server may speak before there is anybody who hears it.
        self._passes_to: ClientSocket | None = None
        self._read_so_far = Boundaries() if is_client and deflate is None else None
        self._short_heads = short_heads(
            0 if is_client else 0x80, limits.websocket_message_size_bytes_max
        )
        self._has_heard = False

    # SocketLink.

    def set_receiver(self, receiver: SocketReceiver) -> None:
        self._receiver = receiver
        self._pass_to(getattr(receiver, "passes_to", None))  # what a proxy's receiver has
        if not self._takes_more:
            receiver.hold()

    @property
    def receiver(self) -> SocketReceiver | None:
        """Who hears what the peer says; None when nobody does any more."""
        return self._receiver

    @property
    def buffered_size_bytes(self) -> int:
        return 0 if self._is_over else super().buffered_size_bytes

    def sever(self, code: int, reason: str) -> None:
        """End the connection now: the close frame if it can still be sent, then nothing more."""
        if not self._is_over and not self._sent_close:
            self._tell_closed(code, reason, was_clean=False)
            self._receiver = None
            self.transmit((), (code, reason))

    remembers = False

    def remember(self, kept: object) -> None:
        """Nobody asks: it ends with this process."""

    def set_restart(self, policy: str) -> None:
        """See ``remember``."""

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        """Answer this text with that one, without the receiver's hearing of it; None: no more."""
        self._auto_response = pair

    def pause(self) -> None:
        if not self._is_paused and not self._is_over:
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._is_paused and not self._is_over:
            self._is_paused = False
            self._is_alive()  # what it has said meanwhile is read only now
            self._transport.resume_reading()

    @property
    def ended(self) -> "asyncio.Future[None]":
        """Done when the connection is gone."""
        if self._waiter is None:
            self._waiter = self._loop.create_future()
            if self._transport.is_closing() and self._is_over:
                self._waiter.set_result(None)
        return self._waiter

    def abort(self) -> None:
        """Cut the connection; what is not written is lost."""
        self._transport.abort()

    # The transport.

    def data_received(self, data: bytes) -> None:
        if self._keep_alive is not None:  # as _is_alive does, for each read
            self.heard_tick = self._keep_alive.tick
        if not self._got_close and not self._is_over:
            if self._read_so_far is not None and self._passed_on(data, self._read_so_far):
                return
            self._has_heard = True
            self._reader.feed(data)

    def pause_writing(self) -> None:
        """The peer reads slowly: what is only passed on to it is read as slowly."""
        super().pause_writing()
        if self._receiver is not None:
            self._receiver.hold()

    def resume_writing(self) -> None:
        """It has caught up, unless what waited is as much again."""
        self._is_alive()
        super().resume_writing()
        if self._takes_more and self._receiver is not None:
            self._receiver.go_on()

    def eof_received(self) -> None:
        """Nothing more comes from the peer; the transport closes itself."""

    def connection_lost(self, exc: BaseException | None) -> None:
        del exc
        told = self._got_close
        counters.connections_closed += not self.is_client
        self._end()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.on_end is not None:
            self.on_end(self)
        if not told:
            self._tell_lost(LOST, LOST_REASON)

    # What the peer says: is a ``FrameSink``.

    def on_message(self, message: str | bytes) -> None:
        counters.messages_received += 1
        if watch.tell is not None:
            watch.tell("message.received", self, message_fields(message))
        auto = self._auto_response
        if auto is not None and message == auto[0]:
            self.auto_response_time_ms = time.time_ns() // 1_000_000
            self.transmit((auto[1],))
            if self.on_news is not None:
                self.on_news()
            return
        if self._receiver is not None and not self._got_close:
            self._receiver.receive(message)

    def on_close(self, code: int | None, reason: str) -> None:
        if self._got_close:
            return
        self._got_close = True
        self._tell_closed(code, reason, was_clean=True)
        receiver, self._receiver = self._receiver, None
        if self._sent_close:
            if not self._close_waits:
                self._hang_up()
        else:  # the answer is the receiver's; should none come, the connection is cut
            self._cut_later()
        if receiver is not None:
            receiver.receive_close(code, reason)

    def on_ping(self, payload: bytes) -> None:
        if not self._got_close:  # section 5.5.2
            self.send_pong(payload)

    def on_pong(self, payload: bytes) -> None:
        """The answer to a ping; what it is otherwise means nothing (section 5.5.3)."""
        if self._keep_alive is not None:
            took_s = self._keep_alive.answered(self, payload)
            if took_s is not None:
                self.round_trip_s = took_s
                if self.on_news is not None:
                    self.on_news()

    def on_broken(self, code: int, why: str) -> None:
        """The peer broke the protocol: say how, tell the receiver, hang up."""
        if self._got_close:  # what follows a close frame is not looked at
            return
        counters.protocol_errors += 1
        reason = why[:100]
        if watch.tell is not None:
            watch.tell("websocket.protocol.error", self, {"code": code, "reason": reason})
        unsaid = not self._sent_close or self._close_waits
        self._queue = None  # what waits would only keep the peer from hearing why
        if unsaid:
            self._write_close((code, reason))
        self._got_close = True
        self._tell_lost(code, reason)
        self._half_close()

    # The keep-alive: is a ``Peer``.

    @property
    def can_answer(self) -> bool:
        return not (self._is_paused or self._sent_close or self._got_close)

    @property
    def taking(self) -> Taking:
        return taking_of(self._transport)

    def ping(self, payload: bytes) -> None:
        self._write(encode_ping(payload, mask=self.is_client))

    def presume_dead(self, silent_s: float) -> None:
        if watch.tell is not None:
            watch.tell("websocket.peer.dead", self, {"silent_s": silent_s})
        self._queue = None
        self._sent_close = True
        self._tell_lost(LOST, f"no answer to a ping for {silent_s:g} s")
        self._transport.abort()

    # Inside.

    def _pass_to(self, to: object) -> None:
        """Have messages leave by ``to`` as they have come, if that is the same as sending them.

        It is where one side is a server's and the other a client's, so that masks stay, and no
        side compresses. To take each message apart and make it anew costs as much again as all
        else that is done to pass it on.
        """
        self._passes_to = None
        if not isinstance(to, ClientSocket) or self.is_client == to.is_client:
            return
        if to.compresses or self.compresses:
            return
        if self._read_so_far is None and not self._has_heard:
            self._read_so_far = Boundaries()
        self._passes_to = to

    def _passed_on(self, data: bytes, so_far: Boundaries) -> bool:
        """Give the other connection what has come, if it is whole messages; say whether it was.

        Whether text is UTF-8 is for those to see to whom it goes. All else (control frames,
        fragments, what comes in pieces, what has to wait) goes by the reader and the receiver.
        """
        to = self._passes_to
        if (  # without calls where that can be: this runs for each read
            to is not None
            and to._queue is None  # noqa: SLF001  # another of our own class
            and not to._sent_close  # noqa: SLF001  # likewise
            and not (so_far.header or so_far.missing_size_bytes)
            and self._receiver is not None
            and self._auto_response is None
            and watch.tell is None
            and not self._reader.is_in_message
        ):
            if self._short_heads.get(data[:2]) == len(data):  # as most are
                count = 1
            else:
                limit = self._limits.websocket_message_size_bytes_max
                count = whole_messages(data, 0 if self.is_client else 0x80, limit)
            if count:
                counters.messages_received += count
                counters.messages_sent += count
                transport = to._transport  # noqa: SLF001  # likewise
                if not transport.is_closing():
                    transport.write(data)
                return True
        so_far.read(data)
        return False

    def _is_alive(self) -> None:
        if self._keep_alive is not None:
            self.heard_tick = self._keep_alive.tick

    def _overflowed(self, code: int, reason: str) -> None:
        self._tell_lost(code, reason)
        self._after_close_frame()

    def _after_close_frame(self) -> None:
        if self._got_close:
            self._hang_up()
        else:
            self._cut_later()

    def _cut_later(self) -> None:
        if self._close_timer is None:
            delay_s = self._limits.websocket_close_timeout_s
            self._close_timer = self._loop.call_later(delay_s, self._transport.abort)
        self.resume()  # the peer's answer has to be read

    def _hang_up(self) -> None:
        """Both have said goodbye: what is written leaves, then the connection ends.

        Who said it first has started the timer: a peer that does not read keeps nothing for ever.
        """
        if not self._is_over:
            self._transport.close()

    def _half_close(self) -> None:
        """Send the rest and nothing more, and let the peer hang up, or be cut off later.

        To close with something unread is to reset the connection, and the peer, which may still
        be sending, would lose the close frame that tells it why.
        """
        if not self._is_over and not self._transport.is_closing():
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._cut_later()

    def _end(self) -> None:
        self._is_over = self._sent_close = True
        self._queue = None
        if self._keep_alive is not None:
            self._keep_alive.remove(self)
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None

    def _tell_closed(self, code: int | None, reason: str, *, was_clean: bool) -> None:
        """Tell who watches; of each connection once, while it has a receiver."""
        if watch.tell is not None and self._receiver is not None:
            fields = {"code": code, "reason": reason, "was_clean": was_clean}
            watch.tell("websocket.connection.closed", self, fields)

    def _tell_lost(self, code: int, reason: str) -> None:
        self._tell_closed(code, reason, was_clean=False)
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.receive_lost(code, reason)
