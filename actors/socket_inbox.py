"""What a WebSocket hears, up to the turn in which its listeners do: order, and a brake.

*Promise*: what comes is heard in the order in which it came, each at the gate of its owner; of
what nobody hears yet nothing is lost, and while too much waits the peer is not read.
"""

from collections import deque
from typing import Any

from .connection_facts import ConnectionFacts
from .errors import SocketStateError
from .followed_socket_turn import REDELIVERED, FollowedSocketTurn, turn_of
from .gates import InputGate
from .session import OVER, CloseFrame, Lost, Receipted, SocketState
from .socket_iterator import SocketIterator
from .socket_turn import UNHEARD_MESSAGES_MAX, Kept, SocketInput, SocketTurn
from .watch import watch

# So many messages may wait for a first listener; the reading of the connection then pauses.
UNHEARD_MAX = 64
OPEN = SocketState.OPEN


class SocketInbox(ConnectionFacts):
    """The part of a ``WebSocket`` that takes in what the peer says. Is a ``SocketReceiver``."""

    __slots__ = (
        "_early",
        "dropped",
        "gate",
        "handlers",
        "id",
        "is_paused",
        "iterator",
        "unheard",
        "waiting",
    )

    id: str
    gate: InputGate
    handlers: Any
    unheard: deque[str | bytes | Receipted]
    dropped: int
    waiting: int
    is_paused: bool
    _early: list[SocketInput]
    iterator: SocketIterator | None

    def __aiter__(self) -> SocketIterator:
        """Messages as a stream: ``async for message in socket``; ends with the connection."""
        if self.owner is None:
            raise SocketStateError("call accept() before iterating over a WebSocket")
        if self.iterator is None:
            self.iterator = SocketIterator(
                self.owner.loop, self.resume_if_few_wait, self.owner.emit
            )
            for message in self.unheard:
                self.iterator.push(message)
            self.unheard.clear()
            if self.state is SocketState.CLOSED:
                self.iterator.end()
        return self.iterator

    # For the runtime: what the connection tells.

    def receive(self, message: str | bytes | Receipted) -> None:
        owner = self.owner
        if owner is None or self.state is not OPEN or type(message) is Receipted:
            self._receive(message)
            return
        self.waiting += 1  # as _deliver does: this runs for every message
        if self.waiting >= owner.socket_messages_waiting_max:
            self._pause()
        turn = SocketTurn(self, owner, message)
        if watch.tracer is not None:  # as turn_of does
            trace = watch.tracer.event(owner, turn, None)
            if trace is not None:
                turn = FollowedSocketTurn(self, owner, message, trace)
        owner.resume(turn)

    def receive_close(self, code: int | None, reason: str) -> None:
        self._receive(CloseFrame(code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        self._receive(Lost(code, reason))

    def hold(self) -> None:
        """The peer reads slowly; what that means for an actor is its delivery policy's to say."""

    def go_on(self) -> None:
        """See ``hold``."""

    # For the runtime: what a turn asks for.

    def reply_close(self, frame: CloseFrame) -> None:
        """Answer the peer's close frame; what was sent before it leaves before it."""

    def sever(self, code: int, reason: str) -> None:
        """End the connection now, without an event."""

    def iterate(self, message: str | bytes | Receipted, *, is_heard: bool) -> bool:
        """Pass ``message`` on to who iterates; return whether it was."""
        iterator = self.iterator
        assert iterator is not None, "somebody has begun to"
        is_passed_on = not is_heard or len(iterator.messages) < UNHEARD_MESSAGES_MAX
        if is_passed_on:
            iterator.push(message)
        # A loop that was left for good must not keep listeners from hearing more.
        if not is_heard and len(iterator.messages) >= self._waiting_max:
            self._pause()
        return is_passed_on

    def follow_kept(self, receipt: Receipted) -> bool:
        """Tell listeners of a message that was kept; return whether there were any."""
        assert self.owner is not None, "who has kept it"
        return FollowedSocketTurn(self, self.owner, receipt, None).tell_kept()

    def announce(self, what: SocketInput) -> None:
        """Have listeners hear something that the peer has not said."""
        self._deliver(what)

    @property
    def redelivered(self) -> bool:
        """The message that is being handled was in the hands of an earlier instance, which ended.

        What that has written for it may be there, and what it has sent may have arrived. Asked in
        the handler of the message, or in the loop that iterates over this socket.
        """
        if self.iterator is not None and self.iterator.in_hand is not None:
            return self.iterator.in_hand.is_redelivered
        return REDELIVERED.get() == self.id

    # Inside.

    @property
    def _waiting_max(self) -> int:
        return UNHEARD_MAX if self.owner is None else self.owner.socket_messages_waiting_max

    def hear_kept(self) -> None:
        """Messages that nobody has heard are heard now; listeners hear in turns only."""
        self.resume_if_few_wait()
        if self.unheard and self.owner is not None:
            self._deliver(Kept())

    def _receive(self, frame: SocketInput) -> None:
        if self.owner is None:
            self._early.append(frame)
            if len(self._early) >= UNHEARD_MAX:
                self._pause()
        elif self.state not in OVER:
            self._deliver(frame)

    def _deliver(self, frame: SocketInput) -> None:
        owner = self.owner
        assert owner is not None, "only an accepted end hears"
        self.waiting += 1
        if self.waiting >= self._waiting_max:
            self._pause()
        owner.resume(turn_of(self, owner, frame))

    def _pause(self) -> None:
        if not self.is_paused:
            assert self._link is not None, "messages come over a link"
            self.is_paused = True
            self._link.pause()

    @property
    def _kept_for_iteration(self) -> int:
        """How many messages wait for a loop that nobody else has heard."""
        if self.iterator is None or self.has_listeners:
            return 0
        return len(self.iterator.messages)

    def resume_if_few_wait(self) -> None:
        few = self._waiting_max // 2
        if self.is_paused and self.waiting <= few and self._kept_for_iteration <= few:
            assert self._link is not None, "it was paused"
            self.is_paused = False
            self._link.resume()
