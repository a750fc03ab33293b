"""What ``ctx`` can do with the WebSockets of its actor."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..storage.errors import UsageError
from .actor import Actor
from .auto_response import WebSocketRequestResponsePair
from .delivery import check_delivery
from .durable_storage import DurableStorage
from .errors import InvalidEventTimeout, SocketLimitExceeded, SocketStateError
from .session import SocketState
from .sessions import Sessions
from .websocket import WebSocket

# A week: workerd's figure, as is the text of the error.
EVENT_TIMEOUT_MS_MAX = 604_800_000


class SocketCalls:
    """The part of an actor's ``ctx`` that is about sockets."""

    __slots__ = ("_actor", "storage")

    def __init__(self, actor: Actor, storage: DurableStorage) -> None:
        self._actor = actor
        self.storage = storage

    @property
    def sessions(self) -> Sessions[WebSocket]:
        """The actor's WebSocket sessions by their ``id``; see ``Sessions``."""
        return self._actor.sessions

    def accept_web_socket(
        self,
        socket: WebSocket,
        tags: Sequence[str] = (),
        *,
        delivery: str | None = None,
        queue_bytes_max: int | None = None,
    ) -> None:
        """Take ``socket``; its events go to ``web_socket_message`` and its like.

        ``delivery`` and ``queue_bytes_max`` are as for ``WebSocket.accept``.

        Raises:
            SocketStateError: It was accepted or used before.
            SocketLimitExceeded: Too many sockets or tags, or too long a tag.
        """
        actor = self._actor
        self.storage.check_access()
        kept = _check_tags(
            tags, actor.limits.websocket_tags_max, actor.limits.websocket_tag_length_max
        )
        said = check_delivery(delivery, queue_bytes_max)
        if len(actor.sessions) >= actor.limits.websockets_per_actor_max:
            raise SocketLimitExceeded(
                f"only {actor.limits.websockets_per_actor_max} websockets can be accepted on a "
                "single Durable Object instance",
                "websockets_per_actor_max",
                actor.limits.websockets_per_actor_max,
                len(actor.sessions) + 1,
            )
        if socket.owner is not None:
            raise SocketStateError(
                "Cannot call `accept_web_socket()` if the WebSocket was already accepted via "
                "`accept()`"
            )
        if socket.is_used:
            raise SocketStateError(
                "Cannot call `accept_web_socket()` on this WebSocket because its pair has already "
                "been accepted or used in a Response."
            )
        if actor.handlers is None:
            raise SocketStateError("a socket can be accepted in a handler, not in __init__")
        socket.tags = kept
        socket.handlers = actor.handlers
        socket.take(actor, said)
        if self.sessions.auto_response is not None:
            socket.set_auto_response(self.sessions.auto_response)

    def get_web_sockets(self, tag: str | None = None) -> list[WebSocket]:
        """Sockets taken with ``accept_web_socket``, the newest first.

        With a tag, only those that carry it, the oldest first (so does workerd).
        """
        if tag is not None:
            return self.sessions.with_tag(tag)
        sockets = [socket for socket in self.sessions.values() if socket.handlers is not None]
        sockets.reverse()
        return sockets

    def get_tags(self, socket: WebSocket) -> list[str]:
        """The tags that ``accept_web_socket`` was given for ``socket``."""
        if socket.handlers is not None:
            return list(socket.tags)
        if socket.owner is not None:
            raise SocketStateError("only hibernatable websockets can have tags.")
        raise SocketStateError(
            "you must call 'accept_web_socket()' before attempting to access the tags of a "
            "WebSocket."
        )

    def broadcast(
        self,
        message: str | bytes | bytearray | memoryview,
        tags: str | Sequence[str] | None = None,
        exclude: WebSocket | Collection[WebSocket] = (),
        *,
        key: str | None = None,
    ) -> int:
        """Send a message to the actor's clients: to every open socket that it has accepted.

        Connections that the actor has opened itself are not among them. The message is encoded
        once, and leaves like any other that is sent now.

        Args:
            message: As for ``WebSocket.send``.
            tags: Only to sockets that ``accept_web_socket`` was given one of these for.
            exclude: Not to this one, or these.
            key: As for ``WebSocket.send``.

        Returns:
            To how many it was sent.
        """
        self.storage.check_access()
        sessions = self.sessions
        if tags is None:
            sockets: Iterable[WebSocket] = sessions.values()
        else:
            sockets = sessions.with_any([tags] if isinstance(tags, str) else tags)
        excluded = {exclude} if isinstance(exclude, WebSocket) else set(exclude)
        if isinstance(message, bytearray | memoryview):
            message = bytes(message)  # once, so that it is encoded once
        receivers = [
            socket
            for socket in sockets
            if socket.state is SocketState.OPEN and socket.url is None and socket not in excluded
        ]
        for socket in receivers:
            socket.send(message, key=key)
        return len(receivers)

    # What happens while the actor is not in memory.

    def set_web_socket_auto_response(
        self, pair: WebSocketRequestResponsePair | None = None
    ) -> None:
        """Have a message answered without a handler: for a ping, the actor need not wake.

        Holds for all sockets taken with ``accept_web_socket``, now and later, also while the
        actor is out of memory. A text message that is ``pair.request``, exactly, is answered with
        ``pair.response``; without a pair no message is any more.
        """
        actor = self._actor
        self.storage.check_access()
        if pair is not None and not isinstance(pair, WebSocketRequestResponsePair):
            raise UsageError(
                "set_web_socket_auto_response() takes a WebSocketRequestResponsePair, not "
                f"{type(pair).__name__}"
            )
        texts = None if pair is None else (pair.request, pair.response)
        if texts == self.sessions.auto_response:
            return  # a constructor says the same each time
        self.sessions.auto_response = texts
        actor.emit(lambda: actor.sessions.spread_auto_response(texts))

    def get_web_socket_auto_response(self) -> WebSocketRequestResponsePair | None:
        """What is answered by itself; None when nothing is."""
        texts = self.sessions.auto_response
        return None if texts is None else WebSocketRequestResponsePair(*texts)

    def get_web_socket_auto_response_timestamp(self, socket: WebSocket) -> int | None:
        """When ``socket`` was last answered by itself, in Unix milliseconds; None for never."""
        return socket.auto_response_time_ms

    def set_hibernatable_web_socket_event_timeout(self, timeout_ms: int | None = None) -> None:
        """Cancel a handler that takes longer for one event of a socket; 0 or None: never.

        Raises:
            InvalidEventTimeout: It is more than a week.
        """
        self.storage.check_access()
        if timeout_ms is not None and not 0 <= timeout_ms <= EVENT_TIMEOUT_MS_MAX:
            raise InvalidEventTimeout(timeout_ms, EVENT_TIMEOUT_MS_MAX)
        self.sessions.event_timeout_ms = int(timeout_ms) if timeout_ms else None

    def get_hibernatable_web_socket_event_timeout(self) -> int | None:
        """How long a handler may take for one event of a socket; None for as long as it likes."""
        return self.sessions.event_timeout_ms


def _check_tags(tags: Any, tags_max: int, length_max: int) -> tuple[str, ...]:
    if isinstance(tags, str) or not isinstance(tags, Sequence):
        raise UsageError(
            f"tags are a list of strings, not {type(tags).__name__}; write [tag] for one tag"
        )
    for tag in tags:
        if not isinstance(tag, str):
            raise UsageError(f"a tag is a string, not {type(tag).__name__}")
        if len(tag) > length_max:
            raise SocketLimitExceeded(
                f'"{tag}" is longer than the max tag length ({length_max} characters).',
                "websocket_tag_length_max",
                length_max,
                len(tag),
            )
    kept = tuple(dict.fromkeys(tags))
    if len(kept) > tags_max:
        raise SocketLimitExceeded(
            f"a Hibernatable WebSocket cannot have more than {tags_max} tags",
            "websocket_tags_max",
            tags_max,
            len(kept),
        )
    return kept
