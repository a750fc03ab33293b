"""Programs that bring the platform's own SDK: classes of that, over our ``js`` and ``pyodide``.

The SDK does there what ``sdk/`` and ``views/`` do for all other programs, so its classes are handed
JavaScript's objects, and what they are called with and give back goes through its conversions.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from types import ModuleType
from typing import Any

from ...actors.actor import Actor
from ...actors.base import DurableObject
from ...actors.channel import Outbound
from ...actors.errors import ActorAborted, ReservedMethod
from ...actors.events import CallEvent, Event, FetchEvent
from ...actors.handlers import NativeHandlers
from ...actors.http import Request as NativeRequest
from ...actors.http import Response as NativeResponse
from ...actors.limits import ActorLimits
from ...actors.scope import SCOPE, Scope
from ...actors.state import NO_PROPS, DurableObjectState
from ..host.bindings import Env
from ..host.worker import Worker
from .entrypoint import WorkersWorker
from .handlers import ALARM, HANDLERS, WorkersHandlers, called
from .js.http import Request
from .pyodide.suspending import WISH
from .replies import native_response
from .views.bindings import BindingViews
from .views.env import EnvView, bind
from .views.raw import RawContext, raw_incoming, raw_outgoing


class ExternalSdk:
    """A program's own copy of the module ``workers``.

    Args:
        module: That.
        views: What the program's bindings are seen as, by the SDK.

    Attributes:
        views: These.
        durable_object: Its class of that name.
        entrypoint: Its ``WorkerEntrypoint``.
        abort: What its ``ctx.abort()`` raises.
        to_python: Its ``python_from_rpc``.
        to_javascript: Its ``python_to_rpc``.
    """

    def __init__(self, module: ModuleType, views: BindingViews) -> None:
        self.views = views
        self.durable_object: type[Any] = module.DurableObject
        self.entrypoint: type[Any] = module.WorkerEntrypoint
        # Earlier ones raise nothing, and reset the object at once.
        entrypoints = inspect.getmodule(self.durable_object)
        self.abort: type[BaseException] = getattr(entrypoints, "DurableObjectAbort", ActorAborted)
        WISH.is_there = True  # parts of it use run_sync, and import it while a handler runs
        self.to_python: Callable[[Any], Any] = module.python_from_rpc
        self.to_javascript: Callable[[Any], Any] = module.python_to_rpc

    def incoming(self, value: Any) -> Any:
        """What a method is called with for a native value."""
        return self.to_python(raw_incoming(value))

    def outgoing(self, value: Any) -> Any:
        """The native value of what a method has given back."""
        return raw_outgoing(self.to_javascript(value))

    def request(self, native: NativeRequest) -> Any:
        """What ``fetch`` is called with."""
        return self.to_python(Request.of(native))

    def response(self, result: Any) -> NativeResponse:
        """What ``fetch`` has given back."""
        return native_response(self.to_javascript(result))

    def guarded(self, function: Callable[..., Any], actor: Actor) -> Callable[..., Any]:
        """``function`` of the program, which may raise what the SDK's ``ctx.abort()`` does.

        The SDK has asked for the reset before it raises, for the next turn of the loop; what it
        raises says no more than that.
        """
        raised = self.abort

        async def abort(error: BaseException) -> None:
            await asyncio.sleep(0)
            actor.abort(str(error))

        async def finish(running: Awaitable[Any]) -> Any:
            try:
                return await running
            except raised as error:
                await abort(error)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                result = function(*args, **kwargs)
            except raised as error:
                return abort(error)
            return finish(result) if inspect.isawaitable(result) else result

        return call

    def construct(
        self, cls: type[Any], view: EnvView, env: Env, *, has_sql: bool
    ) -> Callable[[Actor], "SdkHandlers"]:
        """A function that makes the instance of an actor, and what calls its handlers."""
        bind(view, env, self.views)
        has_alarm = callable(getattr(cls, ALARM, None))

        def construct(actor: Actor) -> SdkHandlers:
            native = DurableObjectState(actor, has_sql=has_sql)
            native.storage.alarm.has_handler = has_alarm

            def guard(function: Callable[..., Any]) -> Callable[..., Any]:
                return self.guarded(function, actor)

            try:
                instance = cls(RawContext(native, guard, self.views), view)
            except self.abort as error:
                actor.abort(str(error))
            return SdkHandlers(actor, native, instance, self)

        return construct

    def worker(
        self,
        loop: asyncio.AbstractEventLoop,
        outbound: Outbound,
        entrypoint: type[Any],
        env: Env,
        limits: ActorLimits,
        *,
        view: EnvView,
    ) -> Worker:
        """What runs the entrypoint."""
        bind(view, env, self.views)
        return SdkWorker(loop, outbound, entrypoint, env, limits, view=view, sdk=self)


class SdkHandlers(WorkersHandlers):
    """Calls the handlers of an object whose class derives from the SDK's."""

    __slots__ = ("_sdk",)

    def __init__(
        self, actor: Actor, ctx: DurableObjectState, instance: Any, sdk: ExternalSdk
    ) -> None:
        super().__init__(actor, ctx, instance)
        self._sdk = sdk

    @property
    def on_restart(self) -> str:
        return str(getattr(type(self._instance), "on_restart", DurableObject.on_restart))

    def _find(self, name: str) -> Callable[..., Any] | None:
        found = super()._find(name)
        return None if found is None else self._sdk.guarded(found, self._actor)

    def _seen(self, request: NativeRequest) -> Any:
        return self._sdk.request(request)

    def call(self, event: CallEvent) -> Any:
        name = event.method.partition(".")[0]
        if name in HANDLERS:
            raise ReservedMethod(name)
        call = self._sdk.guarded(called, self._actor)
        return call(self._instance, event, SCOPE.get(), self._sdk.incoming)

    def answer(self, event: Event, result: Any) -> Any:
        if isinstance(event, FetchEvent):
            return NativeHandlers.answer(self, event, self._sdk.response(result))
        if isinstance(event, CallEvent):
            return NativeHandlers.answer(self, event, self._sdk.outgoing(result))
        return super().answer(event, result)


class SdkWorker(WorkersWorker):
    """Runs an entrypoint that derives from the SDK's."""

    def __init__(self, *arguments: Any, view: EnvView, sdk: ExternalSdk) -> None:
        super().__init__(*arguments, view=view, views=sdk.views)
        self._sdk = sdk

    def instance_of(self, entrypoint: type[Any], props: bytes = NO_PROPS) -> Any:
        return entrypoint(self.context_of(props), self._view)

    def call_on(self, instance: Any, event: CallEvent, scope: Scope | None) -> Any:
        return called(instance, event, scope, self._sdk.incoming)

    def result_of(self, result: Any) -> Any:
        return self._sdk.outgoing(result)

    def seen(self, request: NativeRequest) -> Any:
        return self._sdk.request(request)

    def response_of(self, result: Any) -> NativeResponse:
        return self._sdk.response(result)
