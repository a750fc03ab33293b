"""A WebSocket that an actor in another process has answered with, in a process with user code.

Mostly an entrypoint returns it as it came, and then only its reference goes on. Who accepts it
speaks with the actor over the link, as a client's connection would.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ....actors.execution import Execution
from ....actors.link import Close, KeptSocket, NoPeer, Sent, SocketLink, SocketReceiver
from ....actors.session import LOST, SocketState, move
from ....actors.websocket import WebSocket
from ...sockets.joint import SocketReceiver as Held
from ..link.messages import SocketRef


class Lender(Protocol):
    """Where the socket is: is ``borrowed_sockets.BorrowedSockets``."""

    def take(self, ref: SocketRef, connection: "LocalConnection") -> object: ...
    def drop(self, ref: SocketRef) -> None: ...


class PassedWebSocket(WebSocket):
    """An end that is for somebody to accept, or to return in a response of their own."""

    __slots__ = ("_lender", "_ref")

    _lender: Lender
    _ref: SocketRef

    @classmethod
    def of(cls, ref: SocketRef, lender: Lender) -> "PassedWebSocket":
        """The socket that ``ref`` names."""
        self = cls.__new__(cls)
        self._start(None, "", "")
        self._ref = ref
        self._lender = lender
        return self

    @property
    def can_be_handed_over(self) -> bool:
        """Nobody has accepted it, and it has not gone on."""
        return self.state is SocketState.NEW

    def pass_on(self) -> SocketRef:
        """Return the reference, for another process: it is not for this one any more."""
        self.state = move(self.state, SocketState.HANDED_OVER)
        return self._ref

    def take(self, owner: Execution, delivery: tuple[str, int | None] | None = None) -> None:
        self._begin()
        super().take(owner, delivery)

    def hand_over(self, link: SocketLink) -> None:
        if self.can_be_handed_over:
            if isinstance(link, NoPeer):
                self._lender.drop(self.pass_on())
                return
            self._begin()
        super().hand_over(link)

    def _begin(self) -> None:
        """Speak with the actor from now on."""
        if self._link is None:
            link = LocalLink()
            self.connect(link)
            self._lender.take(self._ref, LocalConnection(link))


class LocalLink:
    """What a ``PassedWebSocket`` has for a connection. Is a ``SocketLink``.

    Attributes:
        here: Who hears the actor: the WebSocket.
        held: Who hears the WebSocket, on behalf of the actor; None before somebody does.
        auto_response: What the actor has answered without being asked, and with what.
        answered_time_ms: When that was done last, in Unix milliseconds; None for never.
        on_news: Called when it is done.
    """

    buffered_size_bytes = 0
    dropped_messages = 0
    round_trip_s = None
    auto_response_time_ms = None
    remembers = False

    def __init__(self) -> None:
        self.here: SocketReceiver | None = None
        self.held: Held | None = None
        self.auto_response: tuple[str, str] | None = None
        self.answered_time_ms: int | None = None
        self.on_news: Callable[[], None] | None = None

    def set_receiver(self, receiver: SocketReceiver) -> None:
        self.here = receiver

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        for sent in messages:
            message = sent[1] if isinstance(sent, tuple) else sent
            if self.auto_response is not None and message == self.auto_response[0]:
                if self.here is not None:
                    self.here.receive(self.auto_response[1])
                self.answered_time_ms = time.time_ns() // 1_000_000
                if self.on_news is not None:
                    self.on_news()
            elif self.held is not None:
                self.held.receive(message)
        if close is not None and self.held is not None:
            self.held.receive_close(*close)

    def sever(self, code: int, reason: str) -> None:
        if self.held is not None:
            self.held.receive_close(code, reason)

    def pause(self) -> None:
        """What comes meanwhile waits in memory, as between the ends of a pair."""

    def resume(self) -> None:
        """See ``pause``."""

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        """Nothing waits on this side of the link."""

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        """Only connections to clients answer by themselves."""

    def remember(self, kept: KeptSocket) -> None:
        """This end goes with this process."""

    def set_restart(self, policy: str) -> None:
        """See ``remember``."""


class LocalConnection:
    """What a held socket has for its client: the other face of a ``LocalLink``."""

    buffered_size_bytes = 0
    dropped_messages = 0
    round_trip_s = None

    def __init__(self, link: LocalLink) -> None:
        self._link = link

    @property
    def auto_response_time_ms(self) -> int | None:
        return self._link.answered_time_ms

    @property
    def on_news(self) -> Callable[[], None] | None:
        return self._link.on_news

    @on_news.setter
    def on_news(self, callback: Callable[[], None] | None) -> None:
        self._link.on_news = callback

    def set_receiver(self, receiver: Held) -> None:
        self._link.held = receiver

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        here = self._link.here
        if here is None:
            return
        for sent in messages:
            here.receive(sent[1] if isinstance(sent, tuple) else sent)
        if close is not None:
            here.receive_close(*close)

    def sever(self, code: int, reason: str) -> None:
        here = self._link.here
        if here is None:
            return
        if code == LOST:
            here.receive_lost(code, reason)
        else:
            here.receive_close(code, reason)

    def pause(self) -> None:
        """There is nothing to be paused: what the WebSocket sends is here already."""

    def resume(self) -> None:
        """See ``pause``."""

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        """Nothing waits here."""

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self._link.auto_response = pair
