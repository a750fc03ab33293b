"""The WebSocket sessions of one actor: the one map behind all that counts, lists or sends."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from .link import Sent
from .session import INTERNAL_ERROR, CloseFrame


class SessionSocket(Protocol):
    """What the map asks of a socket."""

    unsent: list[Sent | CloseFrame]

    @property
    def id(self) -> str: ...

    @property
    def tags(self) -> tuple[str, ...]: ...

    def transmit(self, frames: Sequence[Sent | CloseFrame]) -> None: ...

    def sever(self, code: int, reason: str) -> None: ...


S = TypeVar("S", bound=SessionSocket)


class Sessions(Mapping[str, S], Generic[S]):
    """Sockets that the actor has accepted and that have not ended, by their ``id``.

    ``len(ctx.sessions)`` counts them, ``ctx.sessions.values()`` lists them oldest first, and
    ``ctx.sessions[id]`` addresses one. A socket leaves the map after its close listeners have
    run.
    """

    __slots__ = ("_sockets", "unsent")

    def __init__(self) -> None:
        self._sockets: dict[str, S] = {}
        self.unsent: list[S] = []

    def __getitem__(self, session_id: str) -> S:
        return self._sockets[session_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sockets)

    def __len__(self) -> int:
        return len(self._sockets)

    def with_tag(self, tag: str) -> list[S]:
        """The sockets accepted with this tag, oldest first."""
        return [socket for socket in self._sockets.values() if tag in socket.tags]

    # For the runtime.

    def add(self, socket: S) -> None:
        self._sockets[socket.id] = socket

    def remove(self, socket: S) -> None:
        self._sockets.pop(socket.id, None)

    def flush(self, emit: Callable[[Callable[[], None]], None]) -> None:
        """Emit what this turn has sent: for each socket all its frames as one write."""
        unsent, self.unsent = self.unsent, []
        for socket in unsent:
            frames, socket.unsent = socket.unsent, []
            if frames:  # else the socket was severed after it had sent
                emit(partial(socket.transmit, frames))

    def sever(self, reason: str, code: int = INTERNAL_ERROR) -> None:
        """End every session at once, without another event."""
        self.unsent.clear()
        for socket in list(self._sockets.values()):
            socket.sever(code, reason)
        self._sockets.clear()
