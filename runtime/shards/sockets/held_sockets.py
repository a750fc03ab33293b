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
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ....actors.http import Request
from ....actors.ids import DurableObjectId
from ....actors.link import RELAY, REPLAY, REPLAY_FIRST
from ....actors.session import INTERNAL_ERROR
from ...sockets.joint import TRY_AGAIN_LATER, Close, Sent
from ..link.errors import LinkEnded
from ..link.framing import Frame
from ..link.kinds import (
    ACKNOWLEDGED,
    AUTO,
    DELIVERY,
    GO_ON,
    HIBERNATABLE,
    HOLD,
    MESSAGE,
    PAUSE,
    READ_ON,
    RESTART,
    SAID_CLOSE,
    SEND,
    SEVER,
    TAKEN,
    WAS_LOST,
)
from ..link.link import Link
from .connection import Connection
from .deadly import report_deadly
from .facts import Facts, FactsTeller
from .states import HeldState, move
from .unacknowledged import Unacknowledged

# The number of a first message that is told again; receipts for it mean nothing.
FIRST = 0


@dataclass(frozen=True, slots=True)
class HeldLimits:
    """What is kept for one client while its actor is away, or slow.

    Attributes:
        unacknowledged_max: Messages without a receipt, before the client is read no further.
        unacknowledged_size_bytes_max: Likewise, all together; one message may be larger.
        orphaned_timeout_s: How long nobody may have its actor; then it is closed with 1013.
        deaths_max: A message that so many processes in a row have died with ends its connection.
    """

    unacknowledged_max: int = 1024
    unacknowledged_size_bytes_max: int = 2**20
    orphaned_timeout_s: float = 30.0
    deaths_max: int = 3


class Unread(enum.Flag):
    """Why a client is not read."""

    NOTHING = 0
    FULL = enum.auto()  # too much of it has no receipt
    ASKED = enum.auto()  # its actor wants no more for a while
    ORPHANED = enum.auto()
    NOT_TAKEN = enum.auto()  # what its actor wants of the connection is on its way


class HeldSocket:
    """One client's connection. Is the ``SocketReceiver`` of it.

    Attributes:
        session: The number by which this process and the other one know it.
        state: See ``states.py``.
        unacknowledged: What it has said and nobody has acknowledged.
        kept: What its actor has said to make it from again, as RESUME sends it; None for one that
            cannot hibernate.
        auto_response: What it answers without its actor, and to what; or None.
        on_restart: What its actor's class wants done with it when the process has gone.
        request: How the client has asked for it; None if nobody could ask again.
        protocol: The subprotocol that was agreed on; None for none.
        told: How the connection is, as the process of its actor was told last; None before.
        on_orphaned: Called with this when the process of its actor has gone: to find a successor.
        on_over: Called with this once, when nothing will come of it any more.
    """

    __slots__ = (
        "_connection",
        "_home",
        "_limits",
        "_loop",
        "_lost",
        "_said_close",
        "_timer",
        "_unread",
        "_wants_brake",
        "auto_response",
        "first_message",
        "kept",
        "on_orphaned",
        "on_over",
        "on_restart",
        "protocol",
        "request",
        "session",
        "state",
        "told",
        "unacknowledged",
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
        self.on_restart = REPLAY
        self.first_message: str | bytes | None = None
        self.request: Request | None = None
        self.protocol: str | None = None
        self.auto_response: tuple[str, str] | None = None
        self.told: Facts | None = None
        self.on_orphaned = on_orphaned
        self.on_over = on_over
        self._connection = connection
        self._home = home
        self._loop = loop
        self._limits = limits
        self._unread = Unread.NOTHING
        self._wants_brake = False
        self._said_close: Close | None = None  # the client has, and nobody has answered yet
        self._lost: tuple[int, str] | None = None  # its connection was, while nobody was there
        self._timer: asyncio.TimerHandle | None = None
        if home is not None:
            home.add(self)
        connection.set_receiver(self)
        connection.on_news = self._is_new
        if home is None:
            self._wait()

    # Who it is, for who watches; only of one that can hibernate that is known here.

    @property
    def actor_id(self) -> DurableObjectId | None:
        return None if self.kept is None else DurableObjectId(*self.kept[:3])

    @property
    def socket_id(self) -> str | None:
        return None if self.kept is None else self.kept[3]

    # What the client says.

    @property
    def is_closing(self) -> bool:
        """The client has said goodbye, or its connection was lost."""
        return self._said_close is not None or self._lost is not None

    def receive(self, message: str | bytes) -> None:
        if self.first_message is None and self.on_restart == REPLAY_FIRST:
            self.first_message = message
        number = self.unacknowledged.add(message)
        if self._home is not None:
            self.unacknowledged.delivered(number)
            self._home.facts.tell_news(self)
            self._home.link.send([MESSAGE, self.session, number, message, False])
        if self._is_full():
            self._read_no_more(Unread.FULL)

    def receive_close(self, code: int | None, reason: str) -> None:
        self._said_close = (code, reason)
        if self._home is not None:
            self._home.link.send([SAID_CLOSE, self.session, code, reason])

    def receive_lost(self, code: int, reason: str) -> None:
        if self._home is None:  # whoever comes next has to know
            self._lost = (code, reason)
            return
        self._home.link.send([WAS_LOST, self.session, code, reason])
        self._end()

    def hold(self) -> None:
        if self._wants_brake and self._home is not None:
            self._home.link.send([HOLD, self.session])

    def go_on(self) -> None:
        if self._wants_brake and self._home is not None:
            self._home.link.send([GO_ON, self.session])

    # How the connection is.

    def facts(self) -> Facts:
        connection = self._connection
        return (
            self.session,
            connection.buffered_size_bytes,
            connection.dropped_messages,
            connection.round_trip_s,
            connection.auto_response_time_ms,
        )

    def _is_new(self) -> None:
        if self._home is not None:
            self._home.facts.is_new(self)

    # What its actor asks for.

    def send(self, messages: list[Sent], close: Close | None) -> None:
        """Send to the client; nothing of it is lost with the process that has sent it."""
        if self.state is HeldState.OVER:
            return
        self._connection.transmit(messages, close)
        if close is not None and self._said_close is not None:
            self._end()  # both have said goodbye

    def sever(self, code: int, reason: str) -> None:
        """End the connection, and tell nobody."""
        if self.state is not HeldState.OVER:
            self._end()
            self._connection.sever(code, reason)

    def acknowledge(self, number: int) -> None:
        """A message was handled."""
        self.unacknowledged.acknowledge(number)
        if Unread.FULL in self._unread and self._is_half_empty():
            self._read_on(Unread.FULL)

    def ask(self, *, is_to_wait: bool) -> None:
        """Its actor wants no more for a while, or wants more."""
        if is_to_wait:
            self._read_no_more(Unread.ASKED)
        else:
            self._read_on(Unread.ASKED)

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        self._wants_brake = policy == RELAY
        self._connection.set_delivery(policy, queue_size_bytes_max)

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self.auto_response = pair
        self._connection.set_auto_response(pair)

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
        self.state = move(self.state, HeldState.ORPHANED)
        deaths = self.unacknowledged.process_ended(is_death=is_death)
        if deaths >= self._limits.deaths_max:
            self.sever(INTERNAL_ERROR, report_deadly(self.kept, self.request, deaths))
            return
        self._home = self.told = None
        self._wait()
        self._unread &= ~(Unread.ASKED | Unread.NOT_TAKEN)  # whoever asked is gone
        self.on_orphaned(self)

    def _wait(self) -> None:
        self._read_no_more(Unread.ORPHANED)
        self._timer = self._loop.call_later(self._limits.orphaned_timeout_s, self._give_up)

    def attach(self, home: "HeldSockets") -> None:
        """A successor has taken its actor over: tell it what was not acknowledged."""
        self.state = move(self.state, HeldState.ATTACHED)
        self._stop_timer()
        home.add(self)
        self._home = home
        link = home.link
        home.facts.tell((self,))
        undelivered = list(self.unacknowledged.undelivered())
        if self.first_message is not None and (not undelivered or undelivered[0][0] != 1):
            link.send([MESSAGE, self.session, FIRST, self.first_message, True])
        for number, message, is_redelivered in undelivered:
            self.unacknowledged.delivered(number)
            link.send([MESSAGE, self.session, number, message, is_redelivered])
        if self._said_close is not None:
            code, reason = self._said_close
            link.send([SAID_CLOSE, self.session, code, reason])
        if self._lost is not None:
            self.receive_lost(*self._lost)
        else:
            self._read_on(Unread.ORPHANED)

    def _give_up(self) -> None:
        self._timer = None
        self.sever(TRY_AGAIN_LATER, "nobody serves the actor of this connection")

    def _end(self) -> None:
        self.state = move(self.state, HeldState.OVER)
        self._stop_timer()
        if self._home is not None:
            self._home.discard(self)
        self.on_over(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Reading.

    def _is_full(self) -> bool:
        limits, kept = self._limits, self.unacknowledged
        return (
            len(kept) >= limits.unacknowledged_max
            or kept.size_bytes >= limits.unacknowledged_size_bytes_max
        )

    def _is_half_empty(self) -> bool:
        limits, kept = self._limits, self.unacknowledged
        return (
            len(kept) <= limits.unacknowledged_max // 2
            and kept.size_bytes <= limits.unacknowledged_size_bytes_max // 2
        )

    def _read_no_more(self, why: Unread) -> None:
        if not self._unread:
            self._connection.pause()
        self._unread |= why

    def _read_on(self, why: Unread) -> None:
        if why in self._unread:
            self._unread &= ~why
            if not self._unread and self.state is not HeldState.OVER:
                self._connection.resume()


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
            (ACKNOWLEDGED, self._acknowledged),
            (TAKEN, self._one(lambda held, _: held.taken())),
        ):
            link.handle(kind, handler)
        link.when_ended(self._ended)

    def __len__(self) -> int:
        return len(self._sockets)

    def __iter__(self) -> Iterator[HeldSocket]:
        return iter(list(self._sockets.values()))

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
    held.kept = frame[2:]


def _want(held: HeldSocket, frame: Frame) -> None:
    held.on_restart = frame[2]


def _pair(value: Any) -> tuple[str, str] | None:
    return None if value is None else (value[0], value[1])
