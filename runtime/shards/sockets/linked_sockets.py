"""Sockets of this process's actors whose connections another process holds.

*Promise*: what an actor sends, in order, is what the other process is told, in order; a message
that one turn of the loop sends to many sockets crosses the link once. What the client says is given
to its receiver with a receipt, so that it is said again to another instance if this process dies.
*Assumes*: one thread. Whoever is at the other end of the link holds the connection, or did: frames
for a session that is over are what was on its way.
*Rules for editing*: everything that leaves here goes through ``tell`` or ``send``, which keep the
order between messages that are gathered and all other frames.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from ....actors.link import Close, KeptSocket, Sent, SocketReceiver
from ....actors.session import Receipted
from ....storage.errors import LimitExceeded
from ..link.errors import LinkBroken, LinkEnded
from ..link.framing import Frame
from ..link.kinds import (
    ACKNOWLEDGED,
    ARRIVED,
    AUTO,
    DELIVERY,
    FACTS,
    GO_ON,
    HIBERNATABLE,
    HOLD,
    LEAVING,
    LEFT,
    MESSAGE,
    PAUSE,
    READ_ON,
    RESTART,
    RESUME,
    SAID_CLOSE,
    SEND,
    SEVER,
    WAS_LOST,
)
from ..link.link import Link
from .travelling import Travelling

# More than this, in characters or bytes, goes in several frames.
FRAME_LENGTH_MAX = 4 * 2**20
MESSAGE_TOO_BIG = 1009
REASON_LENGTH_MAX = 100  # a close frame holds 123 bytes; the text is ASCII
# How an actor hears that the process is gone that held its clients' connections.
ROUTER_LOST = (1006, "the process that held this connection is gone")


class Home(Protocol):
    """Where a linked socket's frames go: is ``LinkedSockets``.

    Attributes:
        period: Grows when the other process has taken all that was sent before this one began.
    """

    period: int

    def send(self, session: int, messages: Sequence[Sent], close: Close | None) -> None: ...
    def tell(self, frame: Frame) -> None: ...
    def acknowledge(self, session: int, sequence: int) -> None: ...
    def forget(self, session: int) -> None: ...


class LinkedSocket:
    """A client's connection as its actor sees it. Is a ``SocketLink``.

    Attributes:
        session: The number by which both processes know it.
        receiver: Who hears the client; None before anybody does.
        told_size_bytes: What the client had not taken when that was told last; so are:
        dropped_messages: How many messages its delivery policy has let go of.
        round_trip_s: How long the client took to answer the last ping, or None.
        auto_response_time_ms: When it was last answered by itself, or None.
    """

    __slots__ = (
        "_home",
        "_length",
        "_length_before",
        "_period",
        "auto_response_time_ms",
        "dropped_messages",
        "receiver",
        "round_trip_s",
        "session",
        "told_size_bytes",
    )

    def __init__(self, home: Home, session: int) -> None:
        self._home = home
        self.session = session
        self.receiver: SocketReceiver | None = None
        # How much was sent in which period of the home's, and in the one before.
        self._period = self._length = self._length_before = 0
        self.told_size_bytes = 0
        self.dropped_messages = 0
        self.round_trip_s: float | None = None
        self.auto_response_time_ms: int | None = None

    def set_receiver(self, receiver: SocketReceiver) -> None:
        self.receiver = receiver

    def acknowledge(self, sequence: int) -> None:
        """Message ``sequence`` of the client was handled, and all that came of it was sent."""
        self._home.acknowledge(self.session, sequence)

    def move(self, home: Home, session: int) -> None:
        """Another process holds the connection, or will, and calls it ``session``."""
        self._home, self.session = home, session
        self._period, self._length, self._length_before = home.period, 0, 0

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        if self._period != self._home.period:
            self._turn_over()
        for sent in messages:
            # In characters, if it is text: that many bytes at least.
            self._length += len(sent[1] if isinstance(sent, tuple) else sent)
        self._home.send(self.session, messages, close)

    @property
    def buffered_size_bytes(self) -> int:
        """What the client has not taken yet, as far as is known, what is on its way included.

        Whoever sends until so much is buffered would otherwise fill the link, and then the queue
        of the connection, before hearing of it.
        """
        if self._period != self._home.period:
            self._turn_over()
        return self.told_size_bytes + self._length_before + self._length

    def _turn_over(self) -> None:
        period = self._home.period
        self._length_before = self._length if self._period == period - 1 else 0
        self._period, self._length = period, 0

    def sever(self, code: int, reason: str) -> None:
        self._home.tell([SEVER, self.session, code, reason])
        self._home.forget(self.session)

    def pause(self) -> None:
        self._home.tell([PAUSE, self.session])

    def resume(self) -> None:
        self._home.tell([READ_ON, self.session])

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        self._home.tell([DELIVERY, self.session, policy, queue_size_bytes_max])

    remembers = True

    def remember(self, kept: KeptSocket) -> None:
        self._home.tell([HIBERNATABLE, self.session, *kept])

    def set_restart(self, policy: str) -> None:
        self._home.tell([RESTART, self.session, policy])

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self._home.tell([AUTO, self.session, None if pair is None else list(pair)])


class Resume(Protocol):
    """Makes a socket anew whose actor's last process has gone."""

    def __call__(
        self, kept: KeptSocket, link: LinkedSocket, auto_response: tuple[str, str] | None
    ) -> None: ...


class LinkedSockets:
    """All linked sockets of one link. Is the ``Home`` of them.

    Args:
        link: The link.
        resume: Called for each socket that an actor of this process is to have again; None where
            nobody may ask for that.
        travelling: Sockets that go from one link to another; None likewise.

    Attributes:
        period: See ``Home``. When one begins, all that was sent before the last one has arrived;
            so what is under way was sent in the last one or in this.
    """

    def __init__(
        self, link: Link, resume: Resume | None = None, travelling: Travelling | None = None
    ) -> None:
        self._link = link
        self._takes_more = True
        self.period = 0
        self._sent_count = 0  # SEND frames
        self._sent_before = 0  # how many of them before this period
        self._sockets: dict[int, LinkedSocket] = {}
        # Session and number of messages whose receipts leave with the next write.
        self._receipts: list[int] = []
        # What was sent last, and to which sessions, while it may go to others as well.
        self._gathered: tuple[list[int], Sequence[Sent], Close | None] | None = None
        for kind, handler in (
            (MESSAGE, self._message),
            (SAID_CLOSE, self._said_close),
            (WAS_LOST, self._was_lost),
            (HOLD, self._hold),
            (GO_ON, self._go_on),
            (FACTS, self._facts),
        ):
            link.handle(kind, handler)
        if resume is not None:
            link.handle(RESUME, partial(self._resume, resume))
        if travelling is not None:
            link.handle(LEAVING, partial(self._leaving, travelling))
            link.handle(ARRIVED, partial(self._arrived, travelling))
        link.before_flush(self._send_all)
        link.when_ended(self._ended)

    def __len__(self) -> int:
        return len(self._sockets)

    def begin(self, session: int) -> LinkedSocket:
        """Return the connection that the other process calls ``session``.

        Raises:
            LinkBroken: It has begun one of that number already.
        """
        if session in self._sockets:
            raise LinkBroken(f"session {session} has begun already")
        socket = self._sockets[session] = LinkedSocket(self, session)
        return socket

    def forget(self, session: int) -> None:
        """Nothing follows for a session that its actor has ended by force; nobody says so."""
        self._sockets.pop(session, None)

    def stop_taking(self, reason: str) -> None:
        """Hear no more messages: what comes stays without a receipt, and is for the successor."""
        del reason  # nobody is told: the next process is
        self._takes_more = False

    # What leaves.

    def send(self, session: int, messages: Sequence[Sent], close: Close | None) -> None:
        """Send to one session; what follows at once to others, and is the same, goes with it."""
        if self._link.ended is not None:
            return
        gathered = self._gathered
        if gathered is not None and gathered[2] == close and gathered[1] == messages:
            gathered[0].append(session)
            return
        self._send_gathered()
        self._gathered = ([session], messages, close)
        self._link.flush_soon()

    def tell(self, frame: Frame) -> None:
        """Send a frame, behind everything that was sent before it."""
        self._send_gathered()
        self._link.send(frame)

    def acknowledge(self, session: int, sequence: int) -> None:
        """Send a receipt, behind all that was sent before; those of a turn make one frame."""
        if self._link.ended is None:
            self._receipts += (session, sequence)
            self._link.flush_soon()

    def _send_all(self) -> None:
        self._send_gathered()
        if self._receipts:
            receipts, self._receipts = self._receipts, []
            self._link.send([ACKNOWLEDGED, receipts])

    def _send_gathered(self) -> None:
        if self._gathered is None:
            return
        (sessions, messages, close), self._gathered = self._gathered, None
        said: list[Any] = []
        size = 0
        for sent in messages:
            message = sent[1] if isinstance(sent, tuple) else sent
            if said and size + len(message) > FRAME_LENGTH_MAX:
                self._send(sessions, said, None)
                said, size = [], 0
            said.append(list(sent) if isinstance(sent, tuple) else sent)
            size += len(message)
        self._send(sessions, said, None if close is None else list(close))

    def _send(self, sessions: list[int], said: list[Any], close: list[Any] | None) -> None:
        try:
            self._link.send([SEND, sessions, said, close])
            self._sent_count += 1
        except LimitExceeded as error:  # one message by itself; its sender has gone on
            for session in sessions:
                self._link.send([SEVER, session, MESSAGE_TOO_BIG, str(error)[:REASON_LENGTH_MAX]])

    # What comes.

    def _receiver(self, frame: Frame) -> SocketReceiver | None:
        """Who hears this session; None if it is over, or nobody is there yet."""
        socket = self._sockets.get(frame[1])
        return None if socket is None else socket.receiver

    def _resume(self, resume: Resume, frame: Frame) -> None:
        _, session, unique_key, raw_id, name, session_id, tags, attachment, pair, _ = frame
        kept = KeptSocket(unique_key, raw_id, name, session_id, tuple(tags), attachment)
        resume(kept, self.begin(session), None if pair is None else (pair[0], pair[1]))

    def _message(self, frame: Frame) -> None:
        _, session, sequence, data, is_redelivered = frame
        if not self._takes_more:
            return
        socket = self._sockets.get(session)
        if socket is not None and socket.receiver is not None:
            # It may be another link's by the time that this is handled.
            acknowledge = partial(socket.acknowledge, sequence)
            socket.receiver.receive(Receipted(data, acknowledge, is_redelivered))

    def _leaving(self, travelling: Travelling, frame: Frame) -> None:
        session = frame[1]
        socket = self._sockets.pop(session, None)
        if socket is None or self._link.peer is None:
            return  # its actor has ended it: that is on its way, and is the answer
        self._send_all()
        self._link.send([LEFT, session])
        travelling.depart(self._link.peer.generation, session, socket, ROUTER_LOST)

    def _arrived(self, travelling: Travelling, frame: Frame) -> None:
        _, generation, former_session, session = frame
        if session in self._sockets:
            raise LinkBroken(f"session {session} arrives, and is here already")
        found = travelling.arrive(generation, former_session)
        if found is None:  # its actor has heard that it was lost
            self.tell([SEVER, session, *ROUTER_LOST])
            return
        socket, underway = found
        assert isinstance(socket, LinkedSocket), "no others depart"
        self._sockets[session] = socket
        socket.move(self, session)
        underway.unload(self, session)

    def _said_close(self, frame: Frame) -> None:
        socket = self._sockets.pop(frame[1], None)  # nothing follows it
        if socket is not None and socket.receiver is not None:
            socket.receiver.receive_close(frame[2], frame[3])

    def _was_lost(self, frame: Frame) -> None:
        socket = self._sockets.pop(frame[1], None)
        if socket is not None and socket.receiver is not None:
            socket.receiver.receive_lost(frame[2], frame[3])

    def _hold(self, frame: Frame) -> None:
        receiver = self._receiver(frame)
        if receiver is not None:
            receiver.hold()

    def _go_on(self, frame: Frame) -> None:
        receiver = self._receiver(frame)
        if receiver is not None:
            receiver.go_on()

    def _facts(self, frame: Frame) -> None:
        self._send_gathered()  # it is counted from now on
        _, taken_count, facts = frame
        for session, size_bytes, dropped, round_trip_s, time_ms in facts:
            socket = self._sockets.get(session)
            if socket is not None:
                socket.told_size_bytes, socket.dropped_messages = size_bytes, dropped
                socket.round_trip_s, socket.auto_response_time_ms = round_trip_s, time_ms
        if taken_count >= self._sent_count:
            self.period += 2  # nothing is under way
        elif taken_count >= self._sent_before:
            self.period += 1
        else:
            return
        self._sent_before = self._sent_count

    def _ended(self, end: LinkEnded) -> None:
        del end
        self._gathered = None
        sockets, self._sockets = list(self._sockets.values()), {}
        for socket in sockets:
            if socket.receiver is not None:
                socket.receiver.receive_lost(*ROUTER_LOST)
