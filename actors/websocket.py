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
from threading import get_ident
from typing import Any

from yarl import URL

from .delivery import check_delivery, sendable
from .errors import SocketStateError, WrongThread
from .execution import Execution, current_execution
from .gates import InputGate
from .headers import HeadersInit
from .hibernated_socket import HibernatedSocket
from .http import UpgradeSocket
from .link import REPLAY, KeptSocket, PairLink, Sent, SocketLink, join, split
from .outgoing import begin_handshake, opening_request
from .session import (
    INTERNAL_ERROR,
    NORMAL,
    CloseFrame,
    Receipted,
    SocketState,
    cannot_send,
    check_close,
    move,
)
from .socket_events import OpenEvent, SocketEvent
from .socket_inbox import SocketInbox
from .socket_turn import Dispatched, SocketInput

OPEN = SocketState.OPEN
_MESSAGE = (str, bytes)  # made once: what each send asks for


class WebSocket(SocketInbox):
    """One end of a WebSocket connection.

    ``WebSocket(url)`` connects to another server, when what its actor has written so far is
    durable. Its ``open`` event tells that it may send; if the connection cannot be made, ``error``
    and ``close`` (1006) come instead. Nobody accepts it. ``WebSocketPair`` makes the other kind.

    Args:
        url: Where to, with the scheme ws, wss, http or https, and without a fragment.
        protocols: The subprotocols offered, one or several; ``protocol`` is the server's choice
            once it is open, or "" if it has made none.
        headers: More headers of the request, for instance ``Authorization``.

    Raises:
        NotInHandler: No handler is running.
        InvalidUrl: The URL cannot be connected to.
        InvalidInit: A subprotocol is no token, or is named twice.

    Attributes:
        id: Names the session among those of its actor, as in ``ctx.sessions[id]``.
        url: Where an outgoing connection leads; None for an end of a pair.
        protocol: The subprotocol agreed on, or "".
        extensions: The extensions agreed on, or "".
        tags: What ``ctx.accept_web_socket`` was given.
        on_open, on_message, on_close, on_error: One listener each, besides the added ones.
    """

    __slots__ = (
        "__weakref__",
        "delivery",
        "extensions",
        "protocol",
        "tags",
        "unsent",
        "url",
    )

    def __init__(
        self,
        url: "str | URL",
        protocols: str | Sequence[str] = (),
        *,
        headers: HeadersInit = None,
    ) -> None:
        request = opening_request(url, protocols, headers)
        owner = current_execution("WebSocket()")
        owner.check_may_call_out()
        self._start(request.url, "", "")
        self.state = SocketState.CONNECTING
        self._belong_to(owner)
        self._link = begin_handshake(self, owner, request)

    @classmethod
    def unaccepted(
        cls, *, url: str | None = None, protocol: str = "", extensions: str = ""
    ) -> "WebSocket":
        """An end that is for somebody to accept. For the runtime."""
        self = cls.__new__(cls)
        self._start(url, protocol, extensions)
        return self

    def _start(self, url: str | None, protocol: str, extensions: str) -> None:
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
        self.unheard: deque[str | bytes | Receipted] = deque()
        self.dropped = 0
        self.waiting = 0
        self._link: SocketLink | None = None
        self._early: list[SocketInput] = []
        self.iterator = None
        self.is_paused = False

    def __repr__(self) -> str:
        return f"<WebSocket {self.id[:8]} {self.state.value}>"

    # What users call.

    def accept(
        self,
        *,
        allow_half_open: bool = False,
        delivery: str | None = None,
        queue_bytes_max: int | None = None,
    ) -> None:
        """Take this end: from now on its events come here, and ``send`` works.

        Messages that came before are delivered first. A second call changes nothing.

        Args:
            allow_half_open: Do not answer the peer's close frame: after the close event, ``send``
                still works until ``close`` is called, which the peer waits for.
            delivery: What becomes of messages that a slow peer has not taken: "close" (the
                default), "drop_oldest", "latest" or "coalesce"; see docs/websockets.md.
            queue_bytes_max: How much may wait; None for ``websocket_queue_size_bytes_max``.
        """
        said = check_delivery(delivery, queue_bytes_max)
        if self.handlers is not None:
            raise SocketStateError("Can't accept() WebSocket after enabling hibernation.")
        if self.state is SocketState.NEW:
            owner = current_execution("WebSocket.accept()")
            if allow_half_open:
                self.is_half_open = True
            self.take(owner, said)
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
        frame = message if key is None and isinstance(message, _MESSAGE) else sendable(message, key)
        if self.state is OPEN:
            owner = self.owner
            if owner is not None and owner.turn is not None:  # as _queue does
                if not self.unsent:
                    owner.sessions.unsent.append(self)
                self.unsent.append(frame)
            else:
                self._queue(frame)
        elif self.state is SocketState.HALF_CLOSED:
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
        elif self.state is SocketState.HALF_CLOSED:
            self.state = move(self.state, SocketState.CLOSED)
            self._queue(frame)
        elif self.state is SocketState.CONNECTING and self._link is not None:
            self.state = move(self.state, SocketState.CLOSING)
            self._link.sever(NORMAL, "")

    def dispatch_event(self, event: SocketEvent) -> None:
        """Have the listeners of ``event.type`` hear an event of your making, in a later turn."""
        if self.owner is None:
            raise SocketStateError("call accept() before dispatch_event()")
        self.announce(Dispatched(event))

    def serialize_attachment(self, value: Any) -> None:
        super().serialize_attachment(value)
        link, owner = self._link, self.owner
        if link is not None and link.remembers and self.handlers is not None and owner is not None:
            owner.emit(link.remember, self._kept(owner))  # in order with what is sent

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
        self._belong_to(owner)
        owner.sessions.add(self)
        if self._link is not None and self._link.remembers:
            self._introduce(self._link, owner)
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
        if link.remembers and self.owner is not None:
            self._introduce(link, self.owner)

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
        was_paused, self.is_paused = self.is_paused, False
        inner, early = self._leave_it()
        if isinstance(inner, PairLink):
            inner.peer.connect(link)
        else:
            join(inner, link)
            if was_paused:
                inner.resume()
        receipts = [heard for heard in early if isinstance(heard, Receipted)]
        said = [heard.message if isinstance(heard, Receipted) else heard for heard in early]
        frames = [frame for frame in said if isinstance(frame, str | bytes | CloseFrame)]
        if frames:
            link.transmit(*split(frames))
        for receipt in receipts:
            receipt.acknowledge()
        if len(frames) < len(early):
            link.sever(INTERNAL_ERROR, "the other side of this connection was lost")

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
        if self.iterator is not None:
            self.iterator.end()

    def dismiss(self, code: int, reason: str) -> bool:
        """Close a client's connection for the operator; say whether there was one that was open.

        Its actor hears of it as of a client that has closed it.
        """
        if self.state is not SocketState.OPEN or self.url is not None or self._link is None:
            return False
        self._link.sever(code, reason)
        self.receive_close(code, reason)
        return True

    def reply_close(self, frame: CloseFrame) -> None:
        """Answer the peer's close frame; what was sent before it leaves before it."""
        self._queue(frame)

    def opened(self, inner: UpgradeSocket) -> None:
        """The handshake has succeeded: go on with the connection that ``inner`` has got."""
        assert isinstance(inner, WebSocket), "made by the Outbound"
        link, early = inner._leave_it()  # noqa: SLF001  # of our own class
        self.state = move(self.state, SocketState.OPEN)
        self.protocol, self.extensions = inner.protocol, inner.extensions
        self.is_paused = inner.is_paused
        assert self.owner is not None, "who has made it"
        self.owner.sessions.add(self)
        self.connect(link)
        self.announce(OpenEvent())
        for frame in early:
            self._deliver(frame)

    # Inside.

    def _introduce(self, link: SocketLink, owner: Execution) -> None:
        """Tell what outlives this process whose socket this is."""
        if owner.on_restart != REPLAY:
            link.set_restart(owner.on_restart)
        if self.handlers is not None:
            link.remember(self._kept(owner))

    def _kept(self, owner: Execution) -> KeptSocket:
        """What another process would make this socket from, as it is now."""
        actor_id = owner.actor_id
        assert actor_id is not None, "only actors have handlers for sockets"
        whose = (actor_id.unique_key, actor_id.raw, actor_id.name)
        return KeptSocket(*whose, self.id, self.tags, self.attachment)

    def _leave_it(self) -> tuple[SocketLink, list[SocketInput]]:
        """Give away the connection, and what came over it so far."""
        self.state = move(self.state, SocketState.HANDED_OVER)
        link, self._link = self._link, None
        assert link is not None, "nobody has used it"
        early, self._early = self._early, []
        return link, early

    def _belong_to(self, owner: Execution) -> None:
        self.owner = owner
        # What is accepted inside a critical section is heard inside it.
        self.gate = owner.root if owner.turn is None else owner.turn.gate

    def _queue(self, frame: Sent | CloseFrame) -> None:
        owner = self.owner
        assert owner is not None, "only an accepted end sends"
        if owner.turn is None and owner.thread != get_ident():
            raise WrongThread("a WebSocket")
        if not self.unsent:
            owner.sessions.unsent.append(self)
        self.unsent.append(frame)
        if owner.turn is None:  # sent from a callback of the loop, outside of any turn
            owner.sessions.flush(owner.emit)
