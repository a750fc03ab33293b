"""What a copy of the platform's own SDK is given in the place of its runtime's objects.

The SDK wraps them in classes of its own: it converts what it sends and what it gets, and knows
objects by the names of their JavaScript classes. So these take and give JavaScript's values, and
calls give something with ``then``.
"""

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from datetime import datetime
from functools import wraps
from inspect import isawaitable
from typing import Any

from ....actors.errors import ActorAborted
from ....actors.http import Request as NativeRequest
from ....actors.http import Response as NativeResponse
from ....actors.rpc_stub import RpcStub
from ....actors.service_stub import ServiceStub
from ....actors.state import DurableObjectState
from ....actors.stub import DurableObjectStub
from ..js.dates import Date
from ..js.http import Request, Response, fetch_by
from ..js.promises import Promise
from ..js.proxies import JsProxy
from ..js.pyproxies import PyProxy, unwrapped
from ..js.values import JsDict, JsList, from_native
from ..sdk.transfer import outgoing
from .bindings import BindingViews, props_of
from .names import spelled
from .namespaces import DurableObjectIdView, NamespaceView
from .scheduling import Scheduling
from .state import DurableObjectContext
from .storage import StorageView

Guard = Callable[[Callable[..., Any]], Callable[..., Any]]


def raw_incoming(value: Any) -> Any:
    """What JavaScript code gets for a native value that came from somewhere."""
    kind = type(value)
    if kind is dict:
        return JsDict({key: raw_incoming(item) for key, item in value.items()})
    if kind is list or kind is tuple:
        return JsList(map(raw_incoming, value))
    if kind is datetime:
        return Date(value.timestamp() * 1000)
    view = _VIEWS.get(kind)
    return from_native(value) if view is None else view(value)


def raw_outgoing(value: Any) -> Any:
    """The native value that stands for one of JavaScript's where it goes.

    A function is called with JavaScript's values, and what it gives is taken as it is.

    Raises:
        TypeError: The platform sends no such thing.
    """
    if isinstance(value, dict):
        return {key: raw_outgoing(item) for key, item in value.items()}
    if isinstance(value, list):
        return [raw_outgoing(item) for item in value]
    if isinstance(value, PyProxy) and value.is_callable:
        return _called_raw(value.to_native())
    return outgoing(value)


def _called_raw(function: Callable[..., Any]) -> Callable[..., Any]:
    async def finish(result: Awaitable[Any]) -> Any:
        return outgoing(await result)

    def call(*args: Any, **kwargs: Any) -> Any:
        named = {name: raw_incoming(value) for name, value in kwargs.items()}
        result = function(*map(raw_incoming, args), **named)
        return finish(result) if isawaitable(result) else outgoing(result)

    return call


class Coming(JsProxy, js_name="Promise"):
    """What an awaitable of perdure's comes to, with ``then``; errors are what they were.

    Args:
        native: That awaitable, which is under way.
        convert: What is given for its value.
    """

    def __init__(self, native: Awaitable[Any], convert: Callable[[Any], Any]) -> None:
        self._native = native
        self._convert = convert

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._convert((yield from self._native.__await__()))

    def then(self, onFulfilled: Any = None, onRejected: Any = None) -> Promise:
        """Call back with the value or the error, and promise what that comes to."""
        return Promise.of(self).then(onFulfilled, onRejected)

    def catch(self, onRejected: Any) -> Promise:
        """Call back with the error, and promise what that comes to."""
        return self.then(None, onRejected)


class RawMember(JsProxy, js_name="JsRpcProperty"):
    """A method of something elsewhere."""

    def __init__(self, native: Any) -> None:
        self.native = native

    def __call__(self, *args: Any, **kwargs: Any) -> Coming:
        named = {name: raw_outgoing(value) for name, value in kwargs.items()}
        return Coming(self.native(*map(raw_outgoing, args), **named), raw_incoming)


class RawFetcher(JsProxy, js_name="Fetcher"):
    """A service binding: ``fetch``, and the methods of the entrypoint it leads to."""

    def __init__(self, native: Any) -> None:
        self.native = native

    def fetch(self, resource: Any, init: Any = None, **more: Any) -> Promise:
        """Send a request, as ``js.fetch``; awaiting it gives a Response."""
        return fetch_by(self.native.fetch, resource, init, **more)

    def __getattr__(self, name: str) -> RawMember:
        if name.startswith("_"):
            raise AttributeError(name)
        return RawMember(getattr(self.native, name))


class RawStub(RawFetcher, js_name="DurableObject"):
    """Calls one object."""

    def __init__(
        self, native: DurableObjectStub, actor_id: DurableObjectIdView | None = None
    ) -> None:
        super().__init__(native)
        self.id = DurableObjectIdView(native.id) if actor_id is None else actor_id
        self.name = self.id.name


class RawRpcStub(RawMember, js_name="JsRpcStub"):
    """A function, or an object with methods, that somebody has sent."""

    def __getattr__(self, name: str) -> RawMember:
        if name.startswith("_") or name == "then":  # it is not a promise
            raise AttributeError(name)
        return RawMember(getattr(self.native, name))

    def dup(self) -> "RawRpcStub":
        """Another one, which stays until ``dispose()``."""
        return RawRpcStub(self.native.dup())

    def dispose(self) -> None:
        """Let go of what it leads to."""
        self.native.dispose()


class RawNamespace(NamespaceView, js_name="DurableObjectNamespace"):
    """All objects of one class; its stubs are raw."""

    make_stub = RawStub


class RawLoopback(RawFetcher, js_name="LoopbackServiceStub"):
    """Calls an entrypoint of the program's own."""

    make_service: type[RawFetcher] = RawFetcher

    def __call__(self, options: Any = None, **more: Any) -> RawFetcher:
        """One whose ``ctx.props`` are ``options.props`` in each call."""
        return self.make_service(self.native(props=props_of(options, more)))


class RawSchedulingFetcher(Scheduling, RawFetcher, js_name="Fetcher"):
    """A service binding that can fire a cron trigger."""


class RawSchedulingLoopback(Scheduling, RawLoopback, js_name="LoopbackServiceStub"):
    """Likewise, to an entrypoint of the program's own."""

    make_service = RawSchedulingFetcher


RAW = BindingViews(RawNamespace, RawFetcher, RawLoopback)
RAW_SCHEDULING = BindingViews(RawNamespace, RawSchedulingFetcher, RawSchedulingLoopback)


class RawStorage(JsProxy, js_name="DurableObjectStorage"):
    """``ctx.storage``, whose calls give promises."""

    def __init__(self, view: StorageView, guard: Guard) -> None:
        self._view = view
        self._guard = guard

    def transaction(self, closure: Any) -> Coming:
        """Run ``closure(txn)``: all it writes, or nothing if it raises."""
        return _coming(self._view.transaction(self._guard(unwrapped(closure))))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._view, name)
        if isinstance(found, JsProxy):  # sql and kv
            return found

        @wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = found(*args, **kwargs)
            return _coming(result) if isawaitable(result) else result

        return call


def _coming(native: Awaitable[Any]) -> Coming:
    return Coming(native, lambda value: value)


class RawContext(DurableObjectContext, js_name="DurableObjectState"):
    """An object's ``ctx``.

    Args:
        native: Perdure's.
        guard: Makes what calls a function of the program that may ask for a reset.
        views: What ``exports`` are seen as.
    """

    def __init__(self, native: DurableObjectState, guard: Guard, views: BindingViews = RAW) -> None:
        super().__init__(native, views)
        self._guard = guard
        self.storage: Any = RawStorage(StorageView(native.storage), guard)

    @spelled
    def blockConcurrencyWhile(self, callback: Callable[[], Any]) -> Any:
        """Run ``callback`` while no other event of the object runs; also usable as a decorator."""
        return self.native.block_concurrency_while(self._guard(unwrapped(callback)))

    def abort(self, reason: Any = None) -> None:
        """Reset the object. Here it returns: it is called by what runs between two events."""
        with suppress(ActorAborted):
            super().abort(reason)


_VIEWS: dict[type[Any], Callable[[Any], Any]] = {
    RpcStub: RawRpcStub,
    ServiceStub: RawFetcher,
    DurableObjectStub: RawStub,
    NativeRequest: Request.of,
    NativeResponse: Response.of,
}
