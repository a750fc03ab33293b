"""The sending half of a connection: messages to frames, and what happens when they do not leave.

*Promise*: only whole frames are given to the transport, so whatever follows splits none. While the
transport takes what it gets, a turn's messages are one write and nothing is kept. When it says
stop, messages wait in a queue of ``delivery.py``; a client that stalls costs no other anything.
*Assumes*: the transport says stop soon: asyncio's and uvloop's do at 64 KiB (512 with TLS).
*Rules for editing*: the first lines of ``transmit`` run for each message; measure.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import inf

from .counters import counters
from .deflate import Deflate, shared_frames
from .delivery import (
    CLOSE,
    COALESCE,
    WRITE_SIZE_BYTES,
    Coalesce,
    Message,
    Waiting,
    coalesced,
    delivery_of,
    message_of,
    queue_of,
)
from .frames import encode_close, encode_message, encode_pong
from .joint import TRY_AGAIN_LATER, Close, Sent, SocketReceiver
from .limits import SocketLimits
from .watch import message_fields, watch

# What is larger is not kept once it is sent: encoding it again costs little beside sending it.
KEPT_SIZE_BYTES_MAX = 64 * 1024


class _LastFrame:
    """The frame of the message encoded last: one message sent to many is encoded once.

    Equal ones are as good: who formats a text for each receiver often makes the same each time.
    """

    __slots__ = ("_encode", "frame", "message")

    def __init__(self, encode: Callable[[Message], bytes]) -> None:
        self._encode = encode
        self.message: Message | None = None
        self.frame = b""

    def of(self, message: Message) -> bytes:
        if message == self.message:
            return self.frame
        frame = self._encode(message)
        if len(frame) <= KEPT_SIZE_BYTES_MAX:
            self.frame, self.message = frame, message
        return frame


def _encode_masked(message: Message) -> bytes:
    return encode_message(message, mask=True)


class _LastTurn:
    """The frames of what was encoded last in one go: likewise for what one turn sends."""

    __slots__ = ("frames", "messages")

    def __init__(self) -> None:
        self.messages: list[Sent] = []
        self.frames = b""

    def of(self, messages: Sequence[Sent]) -> bytes | None:
        """Their frames; None if that would be much, and should leave bit by bit."""
        if messages == self.messages:
            return self.frames
        frames: list[bytes] = []
        size = 0
        for sent in messages:
            frame = _encode_plain(sent[1] if isinstance(sent, tuple) else sent)
            frames.append(frame)
            size += len(frame)
            if size > WRITE_SIZE_BYTES:
                return None
        self.messages, self.frames = list(messages), b"".join(frames)
        return self.frames


_encode_plain = _LastFrame(encode_message).of
_encode_turn = _LastTurn().of
_last_coalesced = _LastFrame(lambda message: encode_message(coalesced([message])[0]))
# Stands for the queue of a socket that coalesces while nothing waits; nothing is put into it.
_NOTHING_WAITS = Coalesce(0)


class SendingHalf(asyncio.Protocol):
    """What a connection sends, and what of it waits.

    Attributes:
        is_client: We are the side that masks its frames.
        dropped_messages: How many messages the delivery policy has let go of.
    """

    __slots__ = (
        "_delivery",
        "_encode_message",
        "_limits",
        "_queue",
        "_sent_close",
        "_takes_more",
        "_transport",
        "dropped_messages",
        "is_client",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        limits: SocketLimits,
        *,
        is_client: bool,
        deflate: Deflate | None = None,
    ) -> None:
        self._transport = transport
        self._limits = limits
        self.is_client = is_client
        if deflate is None:
            self._encode_message = _encode_masked if is_client else _encode_plain
        else:
            self._encode_message = deflate.encode_masked if is_client else shared_frames(deflate).of
        self._sent_close = False  # or it waits behind what was sent before
        self._takes_more = True  # of the transport: it has not said stop
        # What is sent goes straight to the transport as long as this is None.
        self._queue: Waiting | None = None
        self._delivery = delivery_of(CLOSE, limits.websocket_queue_size_bytes_max)
        self.dropped_messages = 0

    @property
    def compresses(self) -> bool:
        """Messages may be compressed, as the two sides have agreed."""
        return self._encode_message not in {_encode_masked, _encode_plain}

    @property
    @abstractmethod
    def receiver(self) -> SocketReceiver | None:
        """Who hears what the peer says."""

    @abstractmethod
    def _after_close_frame(self) -> None:
        """A close frame was written: nothing is sent any more."""

    @abstractmethod
    def _cut_later(self) -> None:
        """A close frame waits: the peer has no longer to read than others have to answer."""

    @abstractmethod
    def _overflowed(self, code: int, reason: str) -> None:
        """More may not wait: ``code`` was written, and what waited was let go of."""

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        """Say what becomes of messages while the client is slow, before any is sent.

        Args:
            policy: A key of ``delivery.QUEUES``.
            queue_size_bytes_max: How much may wait; None for what the limits say.
        """
        size_max = queue_size_bytes_max or self._limits.websocket_queue_size_bytes_max
        self._delivery = delivery_of(policy, size_max)
        if self._queue is None or self._queue is _NOTHING_WAITS:
            self._queue = self._empty_queue

    @property
    def buffered_size_bytes(self) -> int:
        """Bytes that the transport holds, and those of what waits."""
        waiting = 0 if self._queue is None else self._queue.messages_size_bytes
        return self._transport.get_write_buffer_size() + waiting

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        """Send, in order and in one write; a close frame is the last that is sent."""
        if self._sent_close:
            return
        if self._queue is not None:
            self._transmit_later(self._queue, messages, close)
        elif close is None and len(messages) == 1:
            sent = messages[0]
            data = self._encode_message(sent[1] if isinstance(sent, tuple) else sent)
            transport = self._transport
            if not transport.is_closing():  # as _write does
                counters.messages_sent += 1
                transport.write(data)
                if watch.tell is not None:
                    self._tell_sent(messages)
        else:
            self._transmit_turn(messages, close)

    def send_pong(self, payload: bytes) -> None:
        """Answer a ping; of those that a slow peer has sent, the last (section 5.5.3).

        So a peer that pings and does not read makes nothing pile up.
        """
        if self._sent_close:
            return
        if self._queue is None or self._takes_more:
            self._write(encode_pong(payload, mask=self.is_client))
        else:
            self._queue.pong = payload

    # The transport.

    def pause_writing(self) -> None:
        """The transport holds enough: what is sent from now on waits here."""
        self._takes_more = False
        if self._queue is None or self._queue is _NOTHING_WAITS:
            self._queue = queue_of(self._delivery)
        else:
            self._queue.size_bytes_max = self._delivery.queue_size_bytes_max

    def resume_writing(self) -> None:
        """It has got rid of most."""
        self._takes_more = True
        if self._queue is not None:
            self._drain(self._queue)

    # Inside.

    @property
    def _empty_queue(self) -> Waiting | None:
        """What there is for a queue while nothing waits."""
        return _NOTHING_WAITS if self._delivery.policy == COALESCE else None

    @property
    def _close_waits(self) -> bool:
        return self._queue is not None and self._queue.close is not None

    def _encode(self, sent: Sent) -> bytes:
        return self._encode_message(sent[1] if isinstance(sent, tuple) else sent)

    def _tell_sent(self, messages: Sequence[Sent]) -> None:
        tell = watch.tell
        assert tell is not None, "it was asked"
        for sent in messages:
            tell("message.sent", self, message_fields(message_of(sent)))

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _write_close(self, close: Close) -> None:
        self._sent_close = True
        self._write(encode_close(close, mask=self.is_client))

    def _transmit_turn(self, messages: Sequence[Sent], close: Close | None) -> None:
        """Write what a turn has sent: at once, unless that is so much that it may have to wait."""
        if close is None and self._encode_message is _encode_plain:
            data = _encode_turn(messages)
            if data is not None:
                counters.messages_sent += len(messages)
                self._write(data)
                if watch.tell is not None:
                    self._tell_sent(messages)
                return
        frames: list[bytes] = []
        size = 0
        for index, sent in enumerate(messages):
            frame = self._encode(sent)
            frames.append(frame)
            size += len(frame)
            if size > WRITE_SIZE_BYTES:
                counters.messages_sent += len(frames)
                self._write(b"".join(frames))
                if watch.tell is not None:
                    self._tell_sent(messages[index + 1 - len(frames) : index + 1])
                frames.clear()
                size = 0
                if self._queue is not None:
                    self._transmit_later(self._queue, messages[index + 1 :], close)
                    return
        counters.messages_sent += len(frames)
        if watch.tell is not None:
            self._tell_sent(messages[len(messages) - len(frames) :])
        if close is not None:
            self._sent_close = True
            frames.append(encode_close(close, mask=self.is_client))
        if frames:
            self._write(b"".join(frames))
        if close is not None:
            self._after_close_frame()

    def _transmit_later(
        self, queue: Waiting, messages: Sequence[Sent], close: Close | None
    ) -> None:
        if queue is _NOTHING_WAITS:
            if close is None and len(messages) == 1 and self._encode_message is _encode_plain:
                counters.messages_sent += 1
                if watch.tell is not None:
                    self._tell_sent(messages)
                self._write(_last_coalesced.of(message_of(messages[0])))
                return
            queue = self._queue = queue_of(self._delivery)
            queue.size_bytes_max = inf  # until the transport says stop
        has_room = self._put(queue, messages)
        self._count_dropped(queue)
        if not has_room:
            self._overflow(queue)
            return
        if close is not None:
            self._sent_close = True
            queue.close = close
        if self._takes_more:
            self._drain(queue)
        elif close is not None:
            self._cut_later()

    def _put(self, queue: Waiting, messages: Sequence[Sent]) -> bool:
        for sent in messages:
            if not queue.push(sent):
                return False
            if self._takes_more and queue.size_bytes > WRITE_SIZE_BYTES:
                self._write_some(queue)
        return True

    def _count_dropped(self, queue: Waiting) -> None:
        if queue.dropped:
            self.dropped_messages += queue.dropped
            counters.messages_dropped += queue.dropped
            if watch.tell is not None:
                watch.tell("message.dropped", self, {"count": queue.dropped})
            queue.dropped = 0

    def _drain(self, queue: Waiting) -> None:
        """Write what waits until the transport says stop; then all is as if nothing had been."""
        if queue.pong is not None:
            self._write(encode_pong(queue.pong, mask=self.is_client))
            queue.pong = None
        while self._takes_more and queue:
            self._write_some(queue)
        if queue:
            return
        close, queue.close = queue.close, None
        if self._takes_more:
            self._queue = self._empty_queue
        if close is not None:  # a few bytes, which the transport takes in any case
            self._write_close(close)
            self._after_close_frame()

    def _write_some(self, queue: Waiting) -> None:
        messages = queue.take(WRITE_SIZE_BYTES)
        counters.messages_sent += len(messages)
        if watch.tell is not None:
            self._tell_sent(messages)
        self._write(b"".join([self._encode_message(m) for m in messages]))

    def _overflow(self, queue: Waiting) -> None:
        """The peer does not read, and more may not wait: it gets to know if it ever reads on."""
        reason = f"{queue.size_bytes} bytes wait for a client that does not read them"
        counters.queues_overflowed += 1
        if watch.tell is not None:
            watch.tell("websocket.queue.overflowed", self, {"waiting_bytes": queue.size_bytes})
        self._queue = None
        self._write_close((TRY_AGAIN_LATER, reason))
        self._overflowed(TRY_AGAIN_LATER, reason)
