"""One link: frames to and from one other process.

*Promise*: frames arrive in the order in which they were sent. What is sent in one turn of the loop
leaves in one write. A frame reaches its handler only after its kind, its sender's role and the
types of its fields were checked; whoever sends anything else is cut off, and what came before that
is still delivered. So is everything whole that the other process had sent before it died. Those who
asked are told of the end once each, and hear no frame after it.

*Assumes*: one thread, that of the loop. Handlers do not wait, and raise ``LinkBroken`` for what
only they can see to be a lie.

*Rules for editing*: ``_end`` is the only way out. Whatever calls a handler has to look at
``ended`` afterwards: the handler may have ended the link.

*Considered and refused*: asyncio's streams (a task for each end, and a turn of the loop for each
frame); a datagram for each frame (SOCK_SEQPACKET: a system call for each frame).
"""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from ....storage.errors import LimitExceeded
from ..version import VERSION
from .begun import Begun, BegunElsewhere
from .descriptors import Descriptors
from .errors import LinkBroken, LinkEnded, VersionsDiffer
from .framing import Frame, FrameReader, FrameWriter, joined, read_body
from .kinds import BYE, HELLO, KINDS, PART, PROTOCOL, ROLE_NAMES, check

log = logging.getLogger("perdure.link")

# What is larger is cut into pieces of this size.
PIECE_SIZE_BYTES = 2**20
# The default of the largest frame there may be, put together: what limits.py lets an RPC message
# have, twice, so that an error that quotes one passes.
MESSAGE_SIZE_BYTES_MAX = 64 * 2**20
# So much is read from a dead process's socket at a time.
_READ_SIZE_BYTES = 256 * 1024
_GONE = "the process at the other end is gone"

Handler = Callable[[Frame], None]
OnEnd = Callable[[LinkEnded], None]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is at one end of a link.

    Attributes:
        role: One of ``kinds.SUPERVISOR``, ``ROUTER`` and ``WORKER``.
        slot: The worker's slot, or the router's name; None where there is only one.
        generation: Which process of that name it is; a later one has a higher number.
    """

    role: int
    slot: str | None
    generation: int

    def __str__(self) -> str:
        slot = "" if self.slot is None else f" {self.slot}"
        return f"{ROLE_NAMES.get(self.role, self.role)}{slot} (generation {self.generation})"


@dataclass(frozen=True, slots=True)
class LinkStatistics:
    """How much has passed over a link."""

    frames_sent: int
    frames_received: int
    sent_size_bytes: int
    received_size_bytes: int
    writes: int
    unsent_size_bytes: int
    is_writing_paused: bool


class Link(asyncio.Protocol):
    """One end of a link.

    Args:
        own: Who this process is.
        expected: Who is to be at the other end, and is refused if it is somebody else; None lets
            any role in.
        message_size_bytes_max: The largest frame that may be put together from pieces.
        perdure_version: What HELLO says; that of this process if None.

    Attributes:
        own, expected: See above.
        peer: Who is at the other end; None until its HELLO has come.
        loop: On which all of this happens.
        ended: Why nothing comes any more; None while the link lives.
        is_writing_paused: The other process reads more slowly than it is written to.
        descriptors: What is given beside the frames; None if nothing can be.
    """

    def __init__(
        self,
        own: Identity,
        expected: Identity | None = None,
        *,
        message_size_bytes_max: int = MESSAGE_SIZE_BYTES_MAX,
        perdure_version: str | None = None,
    ) -> None:
        self.own = own
        self.peer: Identity | None = None
        self.ended: LinkEnded | None = None
        self.is_writing_paused = False
        self.expected = expected
        self._message_size_bytes_max = message_size_bytes_max
        self._piece_size_bytes = min(PIECE_SIZE_BYTES, message_size_bytes_max)
        self._version = perdure_version or VERSION
        self.loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._descriptor: int | None = None
        self._handlers: dict[int, Handler] = {}
        self._on_end: list[OnEnd] = []
        self._on_pause: list[Callable[[bool], None]] = []
        self._gathering: list[Callable[[], None]] = []
        self._reader = FrameReader()
        self._writer = FrameWriter()
        self._unsent: list[bytes] = []
        self._unsent_size_bytes = 0
        self._flush_is_due = False
        self._is_started = False
        self._pieces = bytearray()
        self._begun: Begun | None = None
        self._begun_elsewhere: BegunElsewhere | None = None
        self.descriptors: Descriptors | None = None
        self._frames_sent = self._frames_received = self._writes = 0
        self._sent_size_bytes = self._received_size_bytes = 0

    def __repr__(self) -> str:
        state = "" if self.ended is None else f", ended: {self.ended}"
        return f"<Link {self.own} to {self.peer or self.expected or 'nobody yet'}{state}>"

    # For the layers above.

    def handle(self, kind: int, handler: Handler) -> None:
        """Give frames of ``kind``, checked, to ``handler``."""
        assert kind not in self._handlers, "a kind has one handler"
        self._handlers[kind] = handler

    def when_ended(self, callback: OnEnd) -> None:
        """Call ``callback`` once with the reason, when the link ends; at once if it has."""
        if self.ended is not None:
            callback(self.ended)
        else:
            self._on_end.append(callback)

    def when_paused(self, callback: Callable[[bool], None]) -> None:
        """Call ``callback`` with True when to send no more, and with False when to go on."""
        self._on_pause.append(callback)

    def send(self, frame: Frame) -> None:
        """Send ``frame`` in this turn of the loop; nothing happens when the link has ended.

        Raises:
            LimitExceeded: It is too large; nothing of it was sent.
        """
        if self.ended is not None:
            return
        body = self._writer.body(frame)
        if len(body) <= self._piece_size_bytes:
            self._queue(body)
        else:
            self._send_in_pieces(frame, body)
        self._frames_sent += 1
        self.flush_soon()

    def flush_soon(self) -> None:
        """Write in the loop's next iteration, what ``before_flush`` adds included."""
        if not self._flush_is_due:
            self._flush_is_due = True
            self.loop.call_soon(self._flush)

    def before_flush(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` before each write: what it has gathered is sent by it then."""
        self._gathering.append(callback)

    def close(self, reason: str) -> None:
        """End the link on purpose: what was sent still leaves, and the other end learns why."""
        if self.ended is None:
            self.send([BYE, reason])
            self._flush()
            if self.ended is None:
                self._end(LinkEnded(reason))

    def statistics(self) -> LinkStatistics:
        return LinkStatistics(
            frames_sent=self._frames_sent,
            frames_received=self._frames_received,
            sent_size_bytes=self._sent_size_bytes,
            received_size_bytes=self._received_size_bytes,
            writes=self._writes,
            unsent_size_bytes=self.unsent_size_bytes,
            is_writing_paused=self.is_writing_paused,
        )

    @property
    def unsent_size_bytes(self) -> int:
        """How much waits here for the other process to read."""
        waiting = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return self._unsent_size_bytes + waiting

    # What was begun, see begun.py.

    def give_begun(self, begun: Begun, elsewhere: BegunElsewhere) -> None:
        """Keep these two for as long as the link lives; ``open_link`` calls this."""
        self._begun, self._begun_elsewhere = begun, elsewhere

    def mark_begun(self, number: int) -> None:
        """Note, for the other end, that its call ``number`` begins now."""
        if self._begun is not None:
            self._begun.mark(number)

    def highest_begun(self, end: LinkEnded) -> int | None:
        """The last of our calls that the other end has begun; None if that cannot be known.

        To be asked in a callback of ``when_ended``. A process that lives and was cut off may
        still begin what it had received, so of that one nothing is known.
        """
        if self._begun_elsewhere is None or not end.is_peer_gone:
            return None
        return self._begun_elsewhere.highest()

    def start(self) -> None:
        """Begin to talk, once there is a connection; ``connect_link`` calls this."""
        assert self._transport is not None, "connected before"
        if self.ended is not None:
            self._transport.abort()
            return
        self._is_started = True
        own = self.own
        hello = [HELLO, self._version, PROTOCOL, own.role, own.slot, own.generation]
        self._write(self._writer.whole(hello))  # by itself: who reads on looks at it first
        self._flush()
        self._transport.resume_reading()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)  # uvloop's are none by class
        stream.pause_reading()
        self._transport = stream
        sock = stream.get_extra_info("socket")
        # Of our own: the transport closes its descriptor when a write fails, with unread frames
        # still in it. See _read_what_is_left.
        self._descriptor = None if sock is None else os.dup(sock.fileno())

    def data_received(self, data: bytes) -> None:
        if self.ended is not None:
            return
        self._received_size_bytes += len(data)
        frames: list[Frame] = []
        broken: LinkBroken | None = None
        try:
            self._reader.feed(data, frames)
        except LinkBroken as error:
            broken = error
        try:
            for frame in frames:
                self._receive(frame)
                if self.ended is not None:
                    return
        except LinkBroken as error:
            broken = error
        except Exception as error:
            log.exception("link.handler_failed", extra={"link": repr(self)})
            broken = LinkBroken(f"a frame could not be handled: {type(error).__name__}: {error}")
        if broken is not None and self.ended is None:
            self._end(broken, is_abrupt=True)

    def pause_writing(self) -> None:
        self._set_paused(is_paused=True)

    def resume_writing(self) -> None:
        self._set_paused(is_paused=False)

    def eof_received(self) -> bool:
        """Everything before it has been read."""
        if self.ended is None:
            self._end(LinkEnded(_GONE, is_peer_gone=True), is_abrupt=True)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ended is None:
            self._read_what_is_left()
        if self.ended is None:
            is_gone = exc is None or isinstance(exc, ConnectionError)
            reason = f"{_GONE}: {exc}" if is_gone and exc is not None else str(exc or _GONE)
            self._end(LinkEnded(reason, is_peer_gone=is_gone), is_abrupt=True)
        self._close_descriptor()

    # Sending.

    def _queue(self, body: bytes) -> None:
        self._unsent.append(body)
        self._unsent_size_bytes += len(body)

    def _send_in_pieces(self, frame: Frame, body: bytes) -> None:
        if len(body) > self._message_size_bytes_max:
            what = f"the size of a {KINDS[frame[0]].name} to another process"
            limit = "rpc_message_size_bytes_max"  # what the allowed size is made from
            raise LimitExceeded(what, limit, self._message_size_bytes_max, len(body))
        size = self._piece_size_bytes
        for start in range(0, len(body), size):
            end = start + size
            self._queue(self._writer.body([PART, body[start:end], end >= len(body)]))

    def _flush(self) -> None:
        self._flush_is_due = True  # what is gathered goes with this write
        try:
            for callback in self._gathering:
                callback()
        except Exception as error:  # a bug; without its end the link would be silent for ever
            log.exception("link.handler_failed", extra={"link": repr(self)})
            broken = LinkBroken(f"a frame could not be made: {type(error).__name__}: {error}")
            self._end(broken, is_abrupt=True)
        finally:
            self._flush_is_due = False
        unsent = self._unsent
        if not unsent or self._transport is None or not self._is_started:
            return
        data = joined(unsent)
        unsent.clear()
        self._unsent_size_bytes = 0
        self._write(data)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None, "looked at before"
        self._writes += 1
        self._sent_size_bytes += len(data)
        self._transport.write(data)

    def _set_paused(self, *, is_paused: bool) -> None:
        self.is_writing_paused = is_paused
        for callback in self._on_pause:
            callback(is_paused)

    # Receiving.

    def _receive(self, frame: Frame) -> None:
        if self.peer is None:
            self._meet(frame)
            return
        kind = check(self.peer.role, frame)
        if kind == PART:
            whole = self._put_together(frame)
            if whole is None:
                return
            frame, kind = whole, check(self.peer.role, whole)
        elif self._pieces:
            raise LinkBroken(f"{KINDS[kind].name} between the pieces of another frame")
        self._frames_received += 1
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(frame)
        elif kind == BYE:
            reason = f"the other end has closed it: {frame[1]}"
            self._end(LinkEnded(reason, is_peer_gone=True, is_orderly=True))
        else:
            raise LinkBroken(f"nobody here takes {KINDS[kind].name}")

    def _meet(self, frame: Frame) -> None:
        """The first frame says who is there."""
        if frame[0] != HELLO or len(frame) < 3:
            raise LinkBroken("what came first is no HELLO")
        theirs, protocol = frame[1], frame[2]
        if type(theirs) is not str or type(protocol) is not int:
            raise LinkBroken("its HELLO names no version")
        if theirs != self._version:  # before anything that another version may say in another way
            raise VersionsDiffer(self._version, theirs)
        if protocol != PROTOCOL:
            raise VersionsDiffer(
                f"{self._version} (protocol {PROTOCOL})", f"{theirs} (protocol {protocol})"
            )
        role = frame[3] if len(frame) > 3 else None
        if type(role) is not int or role not in ROLE_NAMES:
            raise LinkBroken(f"its HELLO names no role: {role!r:.40}")
        check(role, frame)
        peer = Identity(*frame[3:])
        if self.expected is not None and peer != self.expected:
            raise LinkBroken(f"{self.expected} was to be here, and it is {peer}")
        self.peer = peer

    def _put_together(self, frame: Frame) -> Frame | None:
        _, data, is_last = frame
        if len(self._pieces) + len(data) > self._message_size_bytes_max:
            raise LinkBroken(
                f"a frame in pieces of more than {self._message_size_bytes_max:,} bytes"
            )
        if not data:
            raise LinkBroken("an empty piece of a frame")
        self._pieces += data
        if not is_last:
            return None
        pieces, self._pieces = self._pieces, bytearray()
        whole = read_body(pieces)
        if whole[0] in {PART, HELLO}:
            raise LinkBroken("a frame in pieces that is never cut")
        return whole

    def _read_what_is_left(self) -> None:
        """A write has failed because the other process is dead: what it had sent still counts.

        asyncio gives such a connection up without reading on.
        """
        while self._descriptor is not None and self.ended is None:
            try:
                data = os.read(self._descriptor, _READ_SIZE_BYTES)
            except OSError:
                return
            if not data:
                return
            self.data_received(data)

    # The end.

    def _end(self, end: LinkEnded, *, is_abrupt: bool = False) -> None:
        self.ended = end
        if isinstance(end, LinkBroken):
            log.error("link.cut_off", extra={"link": repr(self), "reason": end.reason})
        else:
            log.debug("link.ended", extra={"link": repr(self), "reason": end.reason})
        self._unsent.clear()
        self._unsent_size_bytes = 0
        self._pieces = bytearray()
        if self._transport is not None and self._is_started:
            (self._transport.abort if is_abrupt else self._transport.close)()
        told, self._on_end = self._on_end, []
        try:
            for callback in told:
                try:
                    callback(end)
                except Exception:  # a bug, and the others have to know all the same
                    log.exception("link.handler_failed", extra={"link": repr(self)})
        finally:
            for memory in (self._begun, self._begun_elsewhere):
                if memory is not None:
                    memory.close()
            self._begun = self._begun_elsewhere = None

    def _close_descriptor(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
