"""WebSockets as user code holds them: the two ends of a pair, and outgoing connections.

Promise:
    What is sent within one turn leaves in order, in one write, when the sender's output gate
    opens. Events reach listeners in the order in which they came, each at the actor's gate.
    No message is lost between ``accept`` and the first listener.
Rules for editing this file:
    State changes with ``session.move`` only. Listeners run in turns of the owner, nowhere else.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ..storage.values import decode
from .attachment import SIZE_BYTES_MAX, encode_attachment
from .delivery import check_delivery, sendable
from .errors import SocketStateError
from .execution import Execution, current_execution
from .gates import InputGate
from .hibernated_socket import HibernatedSocket
from .link import PairLink, Sent, SocketLink, join, split
from .listeners import SocketListeners
from .session import (
    INTERNAL_ERROR,
    OVER,
    READY_STATE,
    CloseFrame,
    Lost,
    SocketState,
    cannot_send,
    check_close,
    move,
)
from .socket_iterator import SocketIterator
from .socket_turn import UNHEARD_MESSAGES_MAX, Kept, SocketInput, SocketTurn

# So many messages may wait for a first listener; the reading of the connection then pauses.
UNHEARD_MAX = 64
OPEN = SocketState.OPEN


class WebSocket(SocketListeners):
    """One end of a WebSocket connection.

    Attributes:
        id: Names the session among those of its actor, as in ``ctx.sessions[id]``.
        url: Where an outgoing connection leads; None for an end of a pair.
        protocol: The subprotocol agreed on, or "".
        extensions: The extensions agreed on, or "".
        tags: What ``ctx.accept_web_socket`` was given.
        on_open, on_message, on_close, on_error: One listener each, besides the added ones.
    """

    CONNECTING = READY_STATE_CONNECTING = 0
    OPEN = READY_STATE_OPEN = 1
    CLOSING = READY_STATE_CLOSING = 2
    CLOSED = READY_STATE_CLOSED = 3

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_early",
        "_iterator",
        "_link",
        "attachment",
        "delivery",
        "dropped",
        "extensions",
        "gate",
        "handlers",
        "id",
        "is_paused",
        "owner",
        "protocol",
        "state",
        "tags",
        "unheard",
        "unsent",
        "url",
        "waiting",
    )

    def __init__(self, *, url: str | None = None, protocol: str = "", extensions: str = "") -> None:
        super().__init__()
        self.id = os.urandom(16).hex()
        self.url = url
        self.protocol = protocol
        self.extensions = extensions
        self.tags: tuple[str, ...] = ()
        self.attachment: bytes | None = None
        self.delivery: tuple[str, int | None] | None = None
        self.state = SocketState.NEW
        self.owner: Execution | None = None
        self.gate = InputGate()  # replaced by the one it is accepted at
        self.handlers: Any = None
        self.unsent: list[Sent | CloseFrame] = []
        self.unheard: deque[str | bytes] = deque()
        self.dropped = 0
        self.waiting = 0
        self._link: SocketLink | None = None
        self._early: list[SocketInput] = []
        self._iterator: SocketIterator | None = None
        self.is_paused = False

    def __repr__(self) -> str:
        return f"<WebSocket {self.id[:8]} {self.state.value}>"

    # What users call.

    @property
    def ready_state(self) -> int:
        """0 connecting, 1 open, 2 closing, 3 closed."""
        return READY_STATE[self.state]

    @property
    def buffered_amount(self) -> int:
        """Bytes sent that the peer has not taken yet."""
        return self._link.buffered_size_bytes if self._link is not None else 0

    @property
    def dropped_messages(self) -> int:
        """How many messages its delivery policy has let go of, as the peer read too slowly."""
        return self._link.dropped_messages if self._link is not None else 0

    @property
    def round_trip_s(self) -> float | None:
        """How many seconds the peer took to answer the last ping; None before that."""
        return self._link.round_trip_s if self._link is not None else None

    def accept(self, *, delivery: str | None = None, queue_bytes_max: int | None = None) -> None:
        """Take this end: from now on its events come here, and ``send`` works.

        Messages that came before are delivered first. A second call changes nothing.

        Args:
            delivery: What becomes of messages that a slow peer has not taken: "close" (the
                default), "drop_oldest", "latest" or "coalesce"; see docs/websockets.md.
            queue_bytes_max: How much may wait; None for ``websocket_queue_size_bytes_max``.
        """
        said = check_delivery(delivery, queue_bytes_max)
        if self.handlers is not None:
            raise SocketStateError("Can't accept() WebSocket after enabling hibernation.")
        if self.state is SocketState.NEW:
            self.take(current_execution("WebSocket.accept()"), said)
        elif self.state is SocketState.HANDED_OVER:
            raise SocketStateError(
                "Can't accept() this WebSocket: it was already used in a Response."
            )

    def send(
        self, message: str | bytes | bytearray | memoryview, *, key: str | None = None
    ) -> None:
        """Queue a message; it leaves when what its actor has written so far is durable.

        Of those that wait for a slow peer, delivery="latest" keeps the newest with this ``key``.
        """
        frame: Sent
        if key is None and isinstance(message, str | bytes):
            frame = message
        else:
            frame = sendable(message, key)
        if self.state is OPEN:
            owner = self.owner
            if owner is not None and owner.turn is not None:  # as _queue does
                if not self.unsent:
                    owner.sessions.unsent.append(self)
                self.unsent.append(frame)
            else:
                self._queue(frame)
        elif self.state is not SocketState.ENDING:
            raise cannot_send(self.state)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Say goodbye; the close event follows when the peer has answered.

        ``code`` is 1000 to 4999 but for 1004, 1005, 1006 and 1015; ``reason`` at most 123 bytes
        of UTF-8. Closing again changes nothing.

        Raises:
            InvalidClose: The protocol does not allow code or reason.
        """
        frame = check_close(code, reason)
        if self.state is SocketState.NEW:
            raise SocketStateError(
                "You must call one of accept() or ctx.accept_web_socket() on this WebSocket "
                "before closing it."
            )
        if self.state is SocketState.OPEN:
            self.state = move(self.state, SocketState.CLOSING)
            self._queue(frame)

    def __aiter__(self) -> SocketIterator:
        """Messages as a stream: ``async for message in socket``; ends with the connection."""
        if self.owner is None:
            raise SocketStateError("call accept() before iterating over a WebSocket")
        if self._iterator is None:
            self._iterator = SocketIterator(self.owner.loop, self.resume_if_few_wait)
            for message in self.unheard:
                self._iterator.push(message)
            self.unheard.clear()
            if self.state is SocketState.CLOSED:
                self._iterator.end()
        return self._iterator

    def serialize_attachment(self, value: Any) -> None:
        """Keep ``value`` with the connection, for as long as that lasts.

        A socket that was taken with ``ctx.accept_web_socket`` has it still when its actor was out
        of memory meanwhile. Anything that ``ctx.storage`` takes, at most 16384 bytes encoded; a
        copy is kept.

        Raises:
            SocketLimitExceeded: It is larger.
        """
        limit = SIZE_BYTES_MAX if self.owner is None else self.owner.attachment_size_bytes_max
        self.attachment = encode_attachment(value, limit)

    def deserialize_attachment(self) -> Any:
        """Return a copy of what ``serialize_attachment`` was given last; None before."""
        return None if self.attachment is None else decode(self.attachment)

    # For the runtime.

    @property
    def is_classes(self) -> bool:
        """Its events go to the handlers of its actor's class."""
        return self.handlers is not None

    @property
    def can_hibernate(self) -> bool:
        """Likewise, and its peer is outside of this process."""
        return self.handlers is not None and not isinstance(self._link, PairLink | None)

    def hibernate(self, wake: Callable[[HibernatedSocket], None]) -> HibernatedSocket:
        """Leave the connection to what stands for it while the actor is not in memory."""
        link, self._link = self._link, None
        assert link is not None, "it can hibernate"
        is_closing = self.state is SocketState.CLOSING
        self.state = move(self.state, SocketState.HIBERNATED)
        return HibernatedSocket(
            self.id, self.tags, self.attachment, link, wake, is_closing=is_closing
        )

    def revive(self, kept: HibernatedSocket, owner: Execution, handlers: Any) -> None:
        """Take the place of a hibernated socket."""
        self.id, self.tags, self.attachment = kept.id, kept.tags, kept.attachment
        self.handlers, self.owner, self.gate = handlers, owner, owner.root
        self.state = SocketState.CLOSING if kept.is_closing else SocketState.OPEN
        self.connect(kept.link)

    def hear_early(self, kept: HibernatedSocket) -> None:
        """Hear what the socket has heard whose place this one has taken."""
        if kept.early:
            for heard in kept.early:
                self._deliver(heard)
            kept.link.resume()

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        """Have the connection answer by itself."""
        if self._link is not None:
            self._link.set_auto_response(pair)

    @property
    def auto_response_time_ms(self) -> int | None:
        """When it last did so, in Unix milliseconds; None for never."""
        return None if self._link is None else self._link.auto_response_time_ms

    @property
    def is_used(self) -> bool:
        """This end went away in a Response, has ended, or the other end was accepted."""
        peer = self._link.peer if isinstance(self._link, PairLink) else None
        return self.state is not SocketState.NEW or (peer is not None and peer.is_taken)

    @property
    def is_taken(self) -> bool:
        """Somebody has accepted this end."""
        return self.owner is not None

    def take(self, owner: Execution, delivery: tuple[str, int | None] | None = None) -> None:
        """``owner`` has accepted this end; its connection's queue is to be like this."""
        self.state = move(self.state, SocketState.OPEN)
        self.delivery = delivery
        if delivery is not None and self._link is not None:
            self._link.set_delivery(*delivery)
        self.owner = owner
        # What is accepted inside a critical section is heard inside it.
        self.gate = owner.root if owner.turn is None else owner.turn.gate
        owner.sessions.add(self)
        early, self._early = self._early, []
        for frame in early:
            self._deliver(frame)

    def connect(self, link: SocketLink) -> None:
        """This end's frames travel over ``link``."""
        self._link = link
        link.set_receiver(self)
        if self.delivery is not None:
            link.set_delivery(*self.delivery)
        if self.handlers is not None and self.owner is not None:
            link.set_auto_response(self.owner.sessions.auto_response)

    @property
    def can_be_handed_over(self) -> bool:
        """Nobody has accepted this end, and it was not used before."""
        return self.state is SocketState.NEW and self._link is not None

    def hand_over(self, link: SocketLink) -> None:
        """This end went away in a Response: its peer talks to ``link`` from now on.

        Raises:
            SocketStateError: The end was accepted, or handed over before.
        """
        if self.state is SocketState.OPEN or self.owner is not None:
            raise SocketStateError("Can't return WebSocket in a Response after calling accept().")
        if self.state is not SocketState.NEW or self._link is None:
            raise SocketStateError("Can't return WebSocket in a Response: it was already used.")
        self.state = move(self.state, SocketState.HANDED_OVER)
        inner, self._link = self._link, None
        early, self._early = self._early, []
        was_paused, self.is_paused = self.is_paused, False
        if isinstance(inner, PairLink):
            inner.peer.connect(link)
        else:
            join(inner, link)
            if was_paused:
                inner.resume()
        frames = [frame for frame in early if isinstance(frame, str | bytes | CloseFrame)]
        if frames:
            link.transmit(*split(frames))
        if len(frames) < len(early):
            link.sever(INTERNAL_ERROR, "the other side of this connection was lost")

    def receive(self, message: str | bytes) -> None:
        owner = self.owner
        if owner is None or self.state is not OPEN:
            self._receive(message)
            return
        self.waiting += 1  # as _deliver does: this runs for every message
        if self.waiting >= owner.socket_messages_waiting_max:
            self._pause()
        owner.resume(SocketTurn(self, owner, message))

    def receive_close(self, code: int | None, reason: str) -> None:
        self._receive(CloseFrame(code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        self._receive(Lost(code, reason))

    def hold(self) -> None:
        """The peer reads slowly; what that means for an actor is its delivery policy's to say."""

    def go_on(self) -> None:
        """See ``hold``."""

    def transmit(self, frames: "Sequence[Sent | CloseFrame]") -> None:
        link = self._link
        if link is None:
            return
        if type(frames[-1]) is CloseFrame:
            link.transmit(*split(frames))
        else:
            link.transmit(frames)  # type: ignore[arg-type]  # a close frame is the last, if any

    def sever(self, code: int, reason: str) -> None:
        """End the connection now, without an event."""
        if self.state not in {SocketState.CLOSED, SocketState.HANDED_OVER, SocketState.HIBERNATED}:
            self.state = move(self.state, SocketState.CLOSED)
        self.unsent.clear()
        if self._link is not None:
            self._link.sever(code, reason)
        if self._iterator is not None:
            self._iterator.end()

    @property
    def iterator(self) -> SocketIterator | None:
        return self._iterator

    def iterate(self, message: str | bytes, *, is_heard: bool) -> None:
        """Pass ``message`` on to who iterates."""
        iterator = self._iterator
        assert iterator is not None, "somebody has begun to"
        if not is_heard or len(iterator.messages) < UNHEARD_MESSAGES_MAX:
            iterator.push(message)
        # A loop that was left for good must not keep listeners from hearing more.
        if not is_heard and len(iterator.messages) >= self._waiting_max:
            self._pause()

    def reply_close(self, frame: CloseFrame) -> None:
        """Answer the peer's close frame; what was sent before it leaves before it."""
        self._queue(frame)

    # Inside.

    @property
    def _waiting_max(self) -> int:
        return UNHEARD_MAX if self.owner is None else self.owner.socket_messages_waiting_max

    def hear_kept(self) -> None:
        """Messages that nobody has heard are heard now; listeners hear in turns only."""
        self.resume_if_few_wait()
        if self.unheard and self.owner is not None:
            self._deliver(Kept())

    def _queue(self, frame: Sent | CloseFrame) -> None:
        owner = self.owner
        assert owner is not None, "only an accepted end sends"
        if not self.unsent:
            owner.sessions.unsent.append(self)
        self.unsent.append(frame)
        if owner.turn is None:  # sent from a callback of the loop, outside of any turn
            owner.sessions.flush(owner.emit)

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
        owner.resume(SocketTurn(self, owner, frame))

    def _pause(self) -> None:
        if not self.is_paused:
            assert self._link is not None, "messages come over a link"
            self.is_paused = True
            self._link.pause()

    @property
    def _kept_for_iteration(self) -> int:
        """How many messages wait for a loop that nobody else has heard."""
        if self._iterator is None or self.has_listeners:
            return 0
        return len(self._iterator.messages)

    def resume_if_few_wait(self) -> None:
        few = self._waiting_max // 2
        if self.is_paused and self.waiting <= few and self._kept_for_iteration <= few:
            assert self._link is not None, "it was paused"
            self.is_paused = False
            self._link.resume()
