"""The WebSocket sessions of one actor: the one map behind all that counts, lists or sends.

*Promise*: a session is in the map from ``accept`` until its close listeners have run, whether
its actor is in memory or not. The map outlives the actor's instance if all of it can hibernate.
*Rules for editing*: sockets of an actor that slept become ``WebSocket`` objects one by one, when
they are asked for: an actor with 32,768 of them has to wake as fast as one with a single one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from ..storage.errors import InternalError
from .hibernated_socket import HibernatedSocket
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

    def dismiss(self, code: int, reason: str) -> bool:
        """Close it, if it is an open connection of a client's; say whether it was."""
        ...

    @property
    def is_classes(self) -> bool:
        """Its events go to the handlers of the actor's class."""
        ...

    @property
    def can_hibernate(self) -> bool:
        """Likewise, and it is connected to the outside."""
        ...

    def set_auto_response(self, pair: tuple[str, str] | None) -> None: ...

    def hear_early(self, kept: HibernatedSocket) -> None:
        """Hear what ``kept`` has heard, whose place it has taken."""
        ...

    def hibernate(self, wake: Callable[[HibernatedSocket], None]) -> HibernatedSocket:
        """What stands for it from now on."""
        ...


S = TypeVar("S", bound=SessionSocket)


def _nobody_revives(socket: HibernatedSocket) -> Any:
    raise InternalError(f"nobody can take the place of session {socket.id}")


class Sessions(Mapping[str, S], Generic[S]):
    """Sockets that the actor has accepted and that have not ended, by their ``id``.

    ``len(ctx.sessions)`` counts them, ``ctx.sessions.values()`` lists them oldest first, and
    ``ctx.sessions[id]`` addresses one. A socket leaves the map after its close listeners have
    run.

    Attributes:
        unsent: Those that have something to send when this turn ends.
        revive: Makes the socket that takes a hibernated one's place.
        auto_response: What the actor answers without being asked, and to what; or None.
        event_timeout_ms: How long a handler of its class may take for a socket; or None.
    """

    __slots__ = ("_sockets", "_tagged", "auto_response", "event_timeout_ms", "revive", "unsent")

    def __init__(self) -> None:
        self._sockets: dict[str, S | HibernatedSocket] = {}
        self._tagged: dict[str, dict[str, None]] = {}
        self.unsent: list[S] = []
        self.revive: Callable[[HibernatedSocket], S] = _nobody_revives
        self.auto_response: tuple[str, str] | None = None
        self.event_timeout_ms: int | None = None

    def __getitem__(self, session_id: str) -> S:
        socket = self._sockets[session_id]
        if isinstance(socket, HibernatedSocket):
            socket = self.wake(socket)
        return socket

    def __iter__(self) -> Iterator[str]:
        return iter(self._sockets)

    def __len__(self) -> int:
        return len(self._sockets)

    def with_tag(self, tag: str) -> list[S]:
        """The sockets accepted with this tag, oldest first."""
        return [self[session_id] for session_id in list(self._tagged.get(tag, ()))]

    def with_any(self, tags: Iterable[str]) -> list[S]:
        """The sockets accepted with at least one of these tags, each once."""
        ids = {session_id: None for tag in tags for session_id in self._tagged.get(tag, ())}
        return [self[session_id] for session_id in ids]

    # For the runtime.

    def add(self, socket: S | HibernatedSocket) -> None:
        self._sockets[socket.id] = socket
        for tag in socket.tags:
            self._tagged.setdefault(tag, {})[socket.id] = None

    def remove(self, socket: S | HibernatedSocket) -> None:
        if self._sockets.pop(socket.id, None) is None:
            return
        for tag in socket.tags:
            tagged = self._tagged[tag]
            del tagged[socket.id]
            if not tagged:
                del self._tagged[tag]

    def flush(self, emit: Callable[..., None]) -> None:
        """Emit what this turn has sent: for each socket all its frames as one write.

        Args:
            emit: Is given a function and its arguments.
        """
        unsent, self.unsent = self.unsent, []
        if len(unsent) == 1:
            socket = unsent[0]
            frames, socket.unsent = socket.unsent, []
            if frames:  # else the socket was severed after it had sent
                emit(socket.transmit, frames)
            return
        writes: list[tuple[Callable[[Any], None], Any]] = []
        for socket in unsent:
            frames, socket.unsent = socket.unsent, []
            if frames:
                writes.append((socket.transmit, frames))
        emit(_transmit, writes)

    def sever(self, reason: str, code: int = INTERNAL_ERROR) -> None:
        """End every session at once, without another event."""
        self.unsent.clear()
        for socket in list(self._sockets.values()):
            socket.sever(code, reason)
        self._sockets.clear()
        self._tagged.clear()

    def dismiss(self, code: int, reason: str, tag: str | None) -> int:
        """Close connections of clients, all or those with a tag; return how many.

        Those that are closing already, and connections of the actor's own, are let alone.
        """
        sockets = [one for one in self._sockets.values() if tag is None or tag in one.tags]
        return sum(socket.dismiss(code, reason) for socket in sockets)

    # Hibernation.

    @property
    def can_hibernate(self) -> bool:
        """The actor may leave memory without that any of them notices."""
        return not self.unsent and all(
            isinstance(socket, HibernatedSocket) or socket.can_hibernate
            for socket in self._sockets.values()
        )

    def hibernate(self, wake: Callable[[HibernatedSocket], None]) -> None:
        """Let go of every ``WebSocket``; ``wake`` is called with the first that hears anything."""
        for session_id, socket in self._sockets.items():
            if not isinstance(socket, HibernatedSocket):
                self._sockets[session_id] = socket.hibernate(wake)
        self.revive = _nobody_revives

    def wake(self, socket: HibernatedSocket) -> S:
        """Put a ``WebSocket`` in the place of a hibernated socket of this map."""
        awake = self._sockets[socket.id] = self.revive(socket)
        awake.hear_early(socket)
        return awake

    def wake_if_asleep(self, session_id: str) -> None:
        """Likewise, unless somebody has asked for it before, or its session has ended."""
        socket = self._sockets.get(session_id)
        if isinstance(socket, HibernatedSocket):
            self.wake(socket)

    def spread_auto_response(self, pair: tuple[str, str] | None) -> None:
        """Have every connection answer by itself whose events go to the class's handlers."""
        for socket in self._sockets.values():
            if isinstance(socket, HibernatedSocket) or socket.is_classes:
                socket.set_auto_response(pair)


def _transmit(writes: "list[tuple[Callable[[Any], None], Any]]") -> None:
    for transmit, frames in writes:
        transmit(frames)
