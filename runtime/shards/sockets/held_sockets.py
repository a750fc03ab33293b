"""Clients' connections in this process whose actors are in another one.

*Promise*: what a client says is told in order to the process that has its actor, and kept until
that acknowledges it. When that process is gone the client notices nothing: it is not read for a
while, and what was not acknowledged is told again, in order and marked, to the successor. A frame
that a process has sent whole reaches the client; one that it had not, does not.
*Assumes*: one thread. A connection is a ``ClientSocket``; no user code runs here.
*Rules for editing*: a message is added to ``unacknowledged`` before it is sent anywhere. Why the
client is not read is a set of reasons: it is read again when the last of them has gone.
*Considered and refused*: passing on the bytes of frames as they came. A message has to be whole to
be acknowledged, and its text has to be looked at (RFC 6455, section 8.1) before anybody else.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from ....actors.http import Request
from ....actors.link import RELAY, REPLAY, REPLAY_FIRST
from ....actors.session import INTERNAL_ERROR
from ...sockets.joint import TRY_AGAIN_LATER, Close, Sent
from ..link.errors import LinkEnded
from ..link.framing import Frame
from ..link.kinds import (
    ACKNOWLEDGED,
    ARRIVED,
    AUTO,
    DELIVERY,
    GO_ON,
    HIBERNATABLE,
    HOLD,
    LEAVING,
    LEFT,
    MESSAGE,
    PAUSE,
    READ_ON,
    RESTART,
    SAID_CLOSE,
    SEND,
    SEVER,
    TAKEN,
    WAS_LOST,
    WHOSE,
)
from ..link.link import Link
from .connection import Connection
from .deadly import report_deadly
from .facts import Facts, FactsTeller
from .reading import HeldLimits, Unread
from .states import HeldState, move
from .unacknowledged import Unacknowledged

# The number of a first message that is told again; receipts for it mean nothing.
FIRST = 0


class HeldSocket:
    """One client's connection. Is the ``SocketReceiver`` of it.

    Attributes:
        session: The number by which this process and the other one know it.
        connection: The client's.
        home: Where its actor is; None while it is nowhere.
        state: See ``states.py``.
        unacknowledged: What it has said and nobody has acknowledged.
        unread: Why the client is not read.
        kept: What its actor has said to make it from again, as RESUME sends it; None for one that
            cannot hibernate.
        whose: Its actor's namespace, id and name, and what that calls the socket; None as long as
            nobody says, or if it is no actor's.
        auto_response: What it answers without its actor, and to what; or None.
        on_restart: What its actor's class wants done with it when the process has gone.
        request: How the client has asked for it; None if nobody could ask again.
        said_close: What the client has said goodbye with, if nobody has answered yet; or None.
        protocol: The subprotocol that was agreed on; None for none.
        told: How the connection is, as the process of its actor was told last; None before.
        on_orphaned: Called with this when the process of its actor has gone: to find a successor.
        on_over: Called with this once, when nothing will come of it any more.
    """

    __slots__ = (
        "_limits",
        "_loop",
        "_lost",
        "_on_left",
        "_timer",
        "_wants_brake",
        "auto_response",
        "connection",
        "first_message",
        "home",
        "kept",
        "on_orphaned",
        "on_over",
        "on_restart",
        "protocol",
        "request",
        "said_close",
        "session",
        "state",
        "told",
        "unacknowledged",
        "unread",
        "whose",
    )

    def __init__(
        self,
        session: int,
        connection: Connection,
        home: "HeldSockets | None",
        loop: asyncio.AbstractEventLoop,
        limits: HeldLimits,
        on_orphaned: "Callable[[HeldSocket], None]",
        on_over: "Callable[[HeldSocket], None]",
    ) -> None:
        self.session = session
        self.state = HeldState.ORPHANED if home is None else HeldState.ATTACHED
        self.unacknowledged = Unacknowledged()
        self.kept: list[Any] | None = None
        self.whose: list[Any] | None = None
        self.on_restart = REPLAY
        self.first_message: str | bytes | None = None
        self.request: Request | None = None
        self.protocol: str | None = None
        self.auto_response: tuple[str, str] | None = None
        self.told: Facts | None = None
        self.on_orphaned = on_orphaned
        self.on_over = on_over
        self.connection = connection
        self.home = home
        self._loop = loop
        self._limits = limits
        self.unread = Unread.NOTHING
        self._wants_brake = False
        self.said_close: Close | None = None
        self._on_left: Callable[[bool], None] | None = None
        self._lost: tuple[int, str] | None = None  # its connection was, while nobody was there
        self._timer: asyncio.TimerHandle | None = None
        if home is not None:
            home.add(self)
        connection.set_receiver(self)
        connection.on_news = self._is_new
        if home is None:
            self._wait()

    # What the client says.

    @property
    def is_closing(self) -> bool:
        """The client has said goodbye, or its connection was lost."""
        return self.said_close is not None or self._lost is not None

    def receive(self, message: str | bytes) -> None:
        if self.first_message is None and self.on_restart == REPLAY_FIRST:
            self.first_message = message
        number = self.unacknowledged.add(message)
        if self.home is not None:
            self.unacknowledged.delivered(number)
            self.home.facts.tell_news(self)
            self.home.link.send([MESSAGE, self.session, number, message, False])
        if self._limits.is_full(self.unacknowledged):
            self._read_no_more(Unread.FULL)

    def receive_close(self, code: int | None, reason: str) -> None:
        self.said_close = (code, reason)
        if self.home is not None:
            self.home.link.send([SAID_CLOSE, self.session, code, reason])

    def receive_lost(self, code: int, reason: str) -> None:
        if self.home is None:  # whoever comes next has to know
            self._lost = (code, reason)
            return
        self.home.link.send([WAS_LOST, self.session, code, reason])
        self.end()

    def hold(self) -> None:
        if self._wants_brake and self.home is not None:
            self.home.link.send([HOLD, self.session])

    def go_on(self) -> None:
        if self._wants_brake and self.home is not None:
            self.home.link.send([GO_ON, self.session])

    # How the connection is.

    def facts(self) -> Facts:
        connection = self.connection
        return (
            self.session,
            connection.buffered_size_bytes,
            connection.dropped_messages,
            connection.round_trip_s,
            connection.auto_response_time_ms,
        )

    def _is_new(self) -> None:
        if self.home is not None:
            self.home.facts.is_new(self)

    # What its actor asks for.

    def send(self, messages: list[Sent], close: Close | None) -> None:
        """Send to the client; nothing of it is lost with the process that has sent it."""
        if self.state is HeldState.OVER:
            return
        self.connection.transmit(messages, close)
        if close is not None and self.said_close is not None:
            self.end()  # both have said goodbye

    def sever(self, code: int, reason: str) -> None:
        """End the connection, and tell nobody."""
        if self.state is not HeldState.OVER:
            self.end()
            self.connection.sever(code, reason)

    def acknowledge(self, number: int) -> None:
        """A message was handled."""
        self.unacknowledged.acknowledge(number)
        if Unread.FULL in self.unread and self._limits.is_half_empty(self.unacknowledged):
            self._read_on(Unread.FULL)

    def ask(self, *, is_to_wait: bool) -> None:
        """Its actor wants no more for a while, or wants more."""
        if is_to_wait:
            self._read_no_more(Unread.ASKED)
        else:
            self._read_on(Unread.ASKED)

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        self._wants_brake = policy == RELAY
        self.connection.set_delivery(policy, queue_size_bytes_max)

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self.auto_response = pair
        self.connection.set_auto_response(pair)

    # Another router.

    def leave(self, on_left: Callable[[bool], None]) -> None:
        """Hear no more of the client, and have its actor send nothing more here.

        ``on_left`` is called with True when that is so, or with False when it cannot be any more.
        """
        assert self.home is not None, "nobody could answer"
        self._on_left = on_left
        self._read_no_more(Unread.LEAVING)
        self.home.link.send([LEAVING, self.session])

    def left(self, *, is_so: bool = True) -> None:
        """Its actor sends nothing more here."""
        on_left, self._on_left = self._on_left, None
        if is_so and self.home is not None:
            self.home.discard(self)
        if on_left is not None:
            on_left(is_so)

    def arrive(self, former_generation: int, former_session: int) -> None:
        """Have its actor's process answer here, now and from now on."""
        home = self.home
        if home is not None and home.link.ended is None:
            home.add(self)
            home.link.send([ARRIVED, former_generation, former_session, self.session])
        elif home is not None:
            self.orphan(is_death=False)

    def stay(self) -> None:
        """Hear the client, unless something else is against it."""
        if self._limits.is_full(self.unacknowledged):
            self._read_no_more(Unread.FULL)
        self._read_on(Unread.LEAVING)

    # Its actor's process.

    def wait_until_taken(self) -> None:
        """Read the client when its actor has said what it wants, automatic answers for instance."""
        self._read_no_more(Unread.NOT_TAKEN)

    def taken(self) -> None:
        self._read_on(Unread.NOT_TAKEN)

    def orphan(self, *, is_death: bool = True) -> None:
        """That process is gone. The client waits, for as long as it may.

        Args:
            is_death: It has not gone in good order.
        """
        self.left(is_so=False)
        self.state = move(self.state, HeldState.ORPHANED)
        deaths = self.unacknowledged.process_ended(is_death=is_death)
        if deaths >= self._limits.deaths_max:
            self.sever(INTERNAL_ERROR, report_deadly(self, deaths))
            return
        self.home = self.told = None
        self._wait()
        self.unread &= ~(Unread.ASKED | Unread.NOT_TAKEN)  # whoever asked is gone
        self.on_orphaned(self)

    def _wait(self) -> None:
        self._read_no_more(Unread.ORPHANED)
        self._timer = self._loop.call_later(self._limits.orphaned_timeout_s, self._give_up)

    def attach(self, home: "HeldSockets") -> None:
        """A successor has taken its actor over: tell it what was not acknowledged."""
        self.state = move(self.state, HeldState.ATTACHED)
        self._stop_timer()
        home.add(self)
        self.home = home
        link = home.link
        home.facts.tell((self,))
        undelivered = list(self.unacknowledged.undelivered())
        if self.first_message is not None and (not undelivered or undelivered[0][0] != 1):
            link.send([MESSAGE, self.session, FIRST, self.first_message, True])
        for number, message, is_redelivered in undelivered:
            self.unacknowledged.delivered(number)
            link.send([MESSAGE, self.session, number, message, is_redelivered])
        if self.said_close is not None:
            code, reason = self.said_close
            link.send([SAID_CLOSE, self.session, code, reason])
        if self._lost is not None:
            self.receive_lost(*self._lost)
        else:
            self._read_on(Unread.ORPHANED)

    def _give_up(self) -> None:
        self._timer = None
        self.sever(TRY_AGAIN_LATER, "nobody serves the actor of this connection")

    def end(self) -> None:
        """Nothing will come of it any more, here."""
        self.state = move(self.state, HeldState.OVER)
        self._stop_timer()
        if self.home is not None:
            self.home.discard(self)
        self.left(is_so=False)
        self.on_over(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Reading.

    def _read_no_more(self, why: Unread) -> None:
        if not self.unread:
            self.connection.pause()
        self.unread |= why

    def _read_on(self, why: Unread) -> None:
        if why in self.unread:
            self.unread &= ~why
            if not self.unread and self.state is not HeldState.OVER:
                self.connection.resume()


class HeldSockets:
    """All held sockets whose actors are at the other end of one link, by their sessions.

    Attributes:
        link: The link.
        facts: Tells the other end how the connections are.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.facts = FactsTeller(link)
        self._sockets: dict[int, HeldSocket] = {}
        for kind, handler in (
            (SEND, self._send),
            (SEVER, self._one(lambda held, frame: held.sever(frame[2], frame[3]))),
            (PAUSE, self._one(lambda held, _: held.ask(is_to_wait=True))),
            (READ_ON, self._one(lambda held, _: held.ask(is_to_wait=False))),
            (DELIVERY, self._one(lambda held, frame: held.set_delivery(frame[2], frame[3]))),
            (AUTO, self._one(lambda held, frame: held.set_auto_response(_pair(frame[2])))),
            (HIBERNATABLE, self._one(_keep)),
            (RESTART, self._one(_want)),
            (WHOSE, self._one(_name)),
            (ACKNOWLEDGED, self._acknowledged),
            (TAKEN, self._one(lambda held, _: held.taken())),
            (LEFT, self._one(lambda held, _: held.left())),
        ):
            link.handle(kind, handler)
        link.when_ended(self._ended)

    def __len__(self) -> int:
        return len(self._sockets)

    def __iter__(self) -> Iterator[HeldSocket]:
        return iter(list(self._sockets.values()))

    def get(self, session: int) -> HeldSocket | None:
        """The socket of that number; None for one that is over."""
        return self._sockets.get(session)

    def add(self, held: HeldSocket) -> None:
        """Its actor is at the other end of this link."""
        self._sockets[held.session] = held

    def discard(self, held: HeldSocket) -> None:
        """Nothing that comes for it means anything any more."""
        self._sockets.pop(held.session, None)
        self.facts.forget(held)

    def _one(self, action: Callable[[HeldSocket, Frame], None]) -> Callable[[Frame], None]:
        def handle(frame: Frame) -> None:
            held = self._sockets.get(frame[1])
            if held is not None:  # else it has ended meanwhile
                action(held, frame)

        return handle

    def _send(self, frame: Frame) -> None:
        _, sessions, said, close = frame
        messages: list[Sent] = [tuple(one) if isinstance(one, list) else one for one in said]
        for session in sessions:
            held = self._sockets.get(session)
            if held is not None:
                held.send(messages, None if close is None else (close[0], close[1]))
                self.facts.touch(held)
        self.facts.took()

    def _acknowledged(self, frame: Frame) -> None:
        receipts = iter(frame[1])
        for session, number in zip(receipts, receipts, strict=True):
            held = self._sockets.get(session)
            if held is not None:
                held.acknowledge(number)

    def _ended(self, end: LinkEnded) -> None:
        self.facts.close()
        sockets, self._sockets = list(self._sockets.values()), {}
        for held in sockets:
            held.orphan(is_death=not end.is_orderly)


def _keep(held: HeldSocket, frame: Frame) -> None:
    held.kept, held.whose = frame[2:], frame[2:6]


def _name(held: HeldSocket, frame: Frame) -> None:
    held.whose = frame[2:]


def _want(held: HeldSocket, frame: Frame) -> None:
    held.on_restart = frame[2]


def _pair(value: Any) -> tuple[str, str] | None:
    return None if value is None else (value[0], value[1])
