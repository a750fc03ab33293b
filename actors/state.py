"""``ctx``: what an actor, or a Worker, knows about itself and may ask of the runtime."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, overload

from ..storage.values import decode
from .actor import Actor
from .durable_storage import DurableStorage
from .errors import ActorReset
from .execution import Execution
from .ids import DurableObjectId
from .lifecycle import GONE
from .sections import CriticalSection
from .socket_calls import SocketCalls

T = TypeVar("T")

NO_PROPS = b""

_WAITED_TOO_LONG = (
    "A call to blockConcurrencyWhile() in a Durable Object waited for too long. "
    "The call was canceled and the Durable Object was reset."
)


class ExecutionContext:
    """A Worker's ``ctx``.

    Attributes:
        props: What the binding, or ``ctx.exports``, through which the Worker is called says of who
            calls; empty for requests from outside. A copy of this call's own.
    """

    __slots__ = ("_execution", "props")

    def __init__(self, execution: Execution, props: bytes = NO_PROPS) -> None:
        self._execution = execution
        self.props: dict[str, Any] = decode(props) if props else {}

    @property
    def exports(self) -> Any:
        """The program's own entrypoints and classes, as bindings to them would be.

        ``ctx.exports.Greeter`` is a ``ServiceStub`` of the class ``Greeter``, whose
        ``ctx.props`` are ``{"a": 1}`` in calls of ``ctx.exports.Greeter(props={"a": 1})``; and
        ``ctx.exports.Room`` is the namespace of ``Room``, if migrations have it.
        """
        return self._execution.exports

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Go on with ``awaitable`` after the response has left; its failure is logged."""
        self._execution.wait_until(awaitable)


class DurableObjectState(SocketCalls):
    """An actor's ``ctx``.

    Attributes:
        id: The actor's id; ``id.name`` is the name it was made from, or None.
        storage: What the actor keeps.
    """

    __slots__ = ("id",)

    def __init__(self, actor: Actor, *, has_sql: bool) -> None:
        super().__init__(actor, DurableStorage(actor, has_sql=has_sql))
        self.id: DurableObjectId = actor.id

    @property
    def exports(self) -> Any:
        """The program's own entrypoints and classes; see ``ExecutionContext.exports``."""
        return self._actor.exports

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
