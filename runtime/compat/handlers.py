"""Dispatch to the camelCase handlers of a class in Workers style.

Beside ``NativeHandlers``, whose place it takes for such an app: it looks handlers up under the
platform's names, hands them views, and reads the native reply out of what they return.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ...actors.actor import Actor
from ...actors.alarm import AlarmInfo
from ...actors.errors import ReservedMethod
from ...actors.events import CallEvent, Event, FetchEvent
from ...actors.handlers import NativeHandlers
from ...actors.http import Request as NativeRequest
from ...actors.promise import READ
from ...actors.receiving import find
from ...actors.rpc_stub import unpack
from ...actors.scope import SCOPE, Scope
from ...actors.state import DurableObjectState
from .js.errors import js_error
from .js.values import JsDict
from .js.websockets import WebSocket
from .pyodide.suspending import WISH, run, suspendable
from .replies import native_response
from .sdk.messages import Request
from .sdk.transfer import incoming, outgoing
from .views.bindings import OURS, BindingViews
from .views.env import EnvView
from .views.state import AlarmInfoView, DurableObjectContext

FETCH, ALARM = "fetch", "alarm"
MESSAGE, CLOSE, ERROR = "webSocketMessage", "webSocketClose", "webSocketError"
HANDLERS = (FETCH, ALARM, MESSAGE, CLOSE, ERROR)
# The request, env and ctx; a class, which has the latter two itself, gets None for them.
FETCH_ARGUMENTS = 3


class WorkersHandlers(NativeHandlers):
    """Calls the camelCase handlers of a DurableObject.

    Args:
        actor: Whose object it is.
        ctx: The actor's own.
        instance: The object.
        prefix: What stands before the handlers' names: ``on_`` in programs of before 2025.
    """

    __slots__ = ("_fetch", "_message", "_prefix")

    def __init__(
        self, actor: Actor, ctx: DurableObjectState, instance: Any, prefix: str = ""
    ) -> None:
        super().__init__(actor, ctx, instance)
        self._prefix = prefix
        self._fetch: Callable[..., Any] | None = None
        self._message: Callable[..., Any] | None = None

    def _handler(self, name: str, arguments_max: int) -> Callable[..., Any]:
        """The handler, which takes so many arguments and drops those it has no place for.

        Raises:
            TypeError: The class has none.
        """
        found = self._find(name)
        if found is None:
            raise TypeError(f"Method {self._prefix}{name} does not exist")
        return suspendable(relaxed(found, arguments_max))

    def _find(self, name: str) -> Callable[..., Any] | None:
        found: Callable[..., Any] | None = getattr(self._instance, self._prefix + name, None)
        return found

    def handle(self, event: Event) -> Any:
        if isinstance(event, FetchEvent):
            fetch = self._fetch
            if fetch is None:
                fetch = self._fetch = self._fetch_handler()
            return fetch(self._seen(event.request))
        return super().handle(event)

    def _seen(self, request: NativeRequest) -> Any:
        """A request as the program sees it."""
        return Request.of(request)

    def _fetch_handler(self) -> Callable[..., Any]:
        handler, instance = self._find(FETCH), self._instance
        if handler is not None and places_of(handler, FETCH_ARGUMENTS) == 1:
            return suspendable(handler)
        call = self._handler(FETCH, FETCH_ARGUMENTS)
        if self._prefix:
            return lambda request: call(request, instance.env, instance.ctx)
        return lambda request: call(request, None, None)

    def call(self, event: CallEvent) -> Any:
        name = event.method.partition(".")[0]
        if name in HANDLERS:
            raise ReservedMethod(name)
        return called(self._instance, event, SCOPE.get())

    def answer(self, event: Event, result: Any) -> Any:
        if isinstance(event, FetchEvent):
            return super().answer(event, native_response(result))
        if isinstance(event, CallEvent):
            return super().answer(event, outgoing(result))
        return super().answer(event, result)

    def message(self, socket: Any, message: str | bytes) -> Any:
        handler = self._message
        if handler is None:
            handler = self._message = self._handler(MESSAGE, 2)
        said = message if type(message) is str else incoming(message)
        return handler(WebSocket.of(socket), said)

    def close(self, socket: Any, code: int, reason: str, was_clean: bool) -> Any:  # users' order
        if self._find(CLOSE) is None:
            return None
        return self._handler(CLOSE, 4)(WebSocket.of(socket), code, reason, was_clean)

    def error(self, socket: Any, error: BaseException) -> Any:
        if self._find(ERROR) is None:
            return None
        return self._handler(ERROR, 2)(WebSocket.of(socket), js_error(error))

    async def _call_alarm(self, info: AlarmInfo) -> None:
        result = self._handler(ALARM, 1)(AlarmInfoView(info))
        if inspect.isawaitable(result):
            await result


def called(
    instance: Any,
    event: CallEvent,
    scope: Scope | None,
    convert: Callable[[Any], Any] = incoming,
) -> Any:
    """What a call of somebody outside gives: of a method, or of an attribute that is read.

    Args:
        instance: Whose method it is.
        event: The call.
        scope: Where what it brings is kept.
        convert: What the method is given for a native value.
    """
    arguments = event.arguments
    if arguments == READ:
        return find(instance, event.method, is_call=False)
    method = find(instance, event.method, is_call=True)
    args, kwargs = unpack(arguments, scope)
    return call_method(method, args, kwargs, convert)


def call_method(
    method: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    convert: Callable[[Any], Any],
) -> Any:
    """Call a method of the class for somebody outside, with what was sent as Python sees it.

    Named arguments are the caller's options, which JavaScript sends as a last object; a method
    that has parameters of these names gets them so.
    """
    taken = map(convert, args)
    if not kwargs:
        return run(method, *taken) if WISH.is_there else method(*taken)
    positional, named = list(taken), {name: convert(v) for name, v in kwargs.items()}
    call = partial(method, *positional, **named)
    if not _takes(method, positional, named):
        call = partial(method, *positional, JsDict(named))
    return run(call) if WISH.is_there else call()


def _takes(method: Callable[..., Any], args: list[Any], kwargs: Mapping[str, Any]) -> bool:
    try:
        inspect.signature(method).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def relaxed(function: Callable[..., Any], arguments_max: int) -> Callable[..., Any]:
    """``function``, called with as many of the arguments, at most so many, as it has places for."""
    places = places_of(function, arguments_max)
    if places == arguments_max:
        return function

    def call(*arguments: Any) -> Any:
        return function(*arguments[:places])

    return call


def places_of(function: Callable[..., Any], arguments_max: int) -> int:
    """How many arguments ``function`` takes by position, at most ``arguments_max``."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # something written in C says nothing of itself
        return arguments_max
    places = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return arguments_max
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}:
            places += 1
    return min(places, arguments_max)


def construct_in_workers_style(
    cls: type[Any],
    env: EnvView,
    views: BindingViews = OURS,
    *,
    has_sql: bool,
    has_global_handlers: bool = False,
) -> Callable[[Actor], WorkersHandlers]:
    """A function that makes the instance of an actor, and what calls its handlers."""
    prefix = ""
    if has_global_handlers and any(hasattr(cls, f"on_{name}") for name in HANDLERS):
        prefix = "on_"
    has_alarm = callable(getattr(cls, prefix + ALARM, None))

    def construct(actor: Actor) -> WorkersHandlers:
        native = DurableObjectState(actor, has_sql=has_sql)
        native.storage.alarm.has_handler = has_alarm
        instance = made_with(cls, DurableObjectContext(native, views), env)
        return WorkersHandlers(actor, native, instance, prefix)

    return construct


def made_with(cls: type[Any], ctx: Any, env: Any) -> Any:
    """An instance that has ``ctx`` and ``env`` even if its ``__init__`` never calls ours.

    A mixin may come first in the class's order with one of its own.
    """
    make: Callable[..., Any] = cls.__new__
    instance = make(cls, ctx, env)
    instance.ctx = ctx
    instance.env = env
    instance.__init__(ctx, env)
    return instance
