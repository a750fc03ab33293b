"""``ctx``: what an actor, or a Worker, knows about itself and may ask of the runtime."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar, overload

from ..storage.errors import LimitExceeded, UsageError
from .actor import Actor
from .durable_storage import DurableStorage
from .errors import ActorReset, SocketStateError
from .execution import Execution
from .ids import DurableObjectId
from .lifecycle import GONE
from .sections import CriticalSection
from .sessions import Sessions
from .websocket import WebSocket

T = TypeVar("T")

_WAITED_TOO_LONG = (
    "A call to blockConcurrencyWhile() in a Durable Object waited for too long. "
    "The call was canceled and the Durable Object was reset."
)


class ExecutionContext:
    """A Worker's ``ctx``."""

    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Go on with ``awaitable`` after the response has left; its failure is logged."""
        self._execution.wait_until(awaitable)


class DurableObjectState:
    """An actor's ``ctx``.

    Attributes:
        id: The actor's id; ``id.name`` is the name it was made from, or None.
        storage: What the actor keeps.
    """

    __slots__ = ("_actor", "id", "storage")

    def __init__(self, actor: Actor, *, has_sql: bool) -> None:
        self._actor = actor
        self.id: DurableObjectId = actor.id
        self.storage = DurableStorage(actor, has_sql=has_sql)

    @property
    def sessions(self) -> Sessions[WebSocket]:
        """The actor's WebSocket sessions by their ``id``; see ``Sessions``."""
        return self._actor.sessions

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Go on with ``awaitable`` after the reply has left; its failure is logged."""
        self._actor.wait_until(awaitable)

    @overload
    def block_concurrency_while(
        self, callback: Callable[[], Coroutine[Any, Any, T]]
    ) -> asyncio.Future[T]: ...
    @overload
    def block_concurrency_while(self, callback: Callable[[], T]) -> asyncio.Future[T]: ...
    def block_concurrency_while(self, callback: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run ``callback`` while no other event of the actor runs, and give what it gives.

        Also usable as a decorator of an async function in ``__init__``. If the callback raises,
        or takes longer than 30 s, the actor is reset and every waiting caller gets the error.
        """
        actor = self._actor
        self.storage.check_access()

        def settle(section: CriticalSection, value: Any, error: BaseException | None) -> None:
            timer.cancel()
            if actor.stage in GONE:
                return
            if isinstance(error, asyncio.CancelledError):
                actor.break_(ActorReset("the callback of block_concurrency_while() was cancelled"))
            elif error is not None:
                actor.break_(error)
            else:
                section.end(value, None)

        section = CriticalSection(actor, callback, settle)
        turn = actor.turn
        assert turn is not None, "checked above"
        section.request(turn.gate.current(), actor.limits.critical_section_depth_max)
        timer = actor.surroundings.clock.call_later(
            actor.limits.block_concurrency_s, lambda: actor.break_(ActorReset(_WAITED_TOO_LONG))
        )
        return section.result

    def abort(self, reason: str | None = None) -> None:
        """Reset the actor: memory and what is not durable yet are lost, callers get ``reason``.

        Does not return: it raises past ``except Exception``.
        """
        self.storage.check_access()
        self._actor.abort(reason)

    # Sockets whose events go to the class's own handlers.

    def accept_web_socket(self, socket: WebSocket, tags: Sequence[str] = ()) -> None:
        """Take ``socket``; its events go to ``web_socket_message`` and its like.

        Raises:
            SocketStateError: It was accepted or used before.
            LimitExceeded: Too many sockets or tags, or too long a tag.
        """
        actor = self._actor
        self.storage.check_access()
        kept = _check_tags(
            tags, actor.limits.websocket_tags_max, actor.limits.websocket_tag_length_max
        )
        if len(actor.sessions) >= actor.limits.websockets_per_actor_max:
            raise LimitExceeded(
                "WebSockets of one actor",
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
        socket.take(actor)

    def get_web_sockets(self, tag: str | None = None) -> list[WebSocket]:
        """Sockets taken with ``accept_web_socket``; with a tag only those that carry it."""
        sockets = self.sessions.values() if tag is None else self.sessions.with_tag(tag)
        return [socket for socket in sockets if socket.handlers is not None]

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


def _check_tags(tags: Any, tags_max: int, length_max: int) -> tuple[str, ...]:
    if isinstance(tags, str) or not isinstance(tags, Sequence):
        raise UsageError(
            f"tags are a list of strings, not {type(tags).__name__}; write [tag] for one tag"
        )
    for tag in tags:
        if not isinstance(tag, str):
            raise UsageError(f"a tag is a string, not {type(tag).__name__}")
        if len(tag) > length_max:
            raise LimitExceeded(
                f'"{tag}" is longer than the max tag length ({length_max} characters)',
                "websocket_tag_length_max",
                length_max,
                len(tag),
            )
    kept = tuple(dict.fromkeys(tags))
    if len(kept) > tags_max:
        raise LimitExceeded(
            f"a Hibernatable WebSocket cannot have more than {tags_max} tags",
            "websocket_tags_max",
            tags_max,
            len(kept),
        )
    return kept
