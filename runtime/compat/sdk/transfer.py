"""Values on their way to and from storage and other objects, by the SDK's rules.

A native codec carries them; here is what the platform refuses, and what it gives back for them.
"""

import inspect
from array import array
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, Self

from ....actors.abort_signal import AbortSignal as NativeSignal
from ....actors.blob import Blob as NativeBlob
from ....actors.body import BodyStream
from ....actors.capability import Sendable
from ....actors.http import Request as NativeRequest
from ....actors.http import Response as NativeResponse
from ....actors.ids import DurableObjectId
from ....actors.namespace import DurableObjectNamespace
from ....actors.rpc_stub import RpcStub
from ....actors.service_stub import ServiceStub
from ....actors.state import DurableObjectState, ExecutionContext
from ....actors.websocket import WebSocket as NativeWebSocket
from ....actors.writable_stream import WritableStream as NativeWritable
from ....storage.errors import ValueNotSerializable
from ..js.abort import AbortSignal
from ..js.blobs import Blob as JsBlob
from ..js.blobs import File as JsFile
from ..js.blobs import FormData as JsFormData
from ..js.blobs import blob_of
from ..js.buffers import ArrayBuffer
from ..js.errors import DOMException, js_error
from ..js.http import Request as JsRequest
from ..js.http import Response as JsResponse
from ..js.proxies import JsProxy, is_nullish
from ..js.pyproxies import PyProxy, unwrapped
from ..js.regexp import RegExp
from ..js.sent_signals import native_signal, signal_from
from ..js.sent_streams import native_readable, native_writable, writable_of
from ..js.streams import ReadableStream, WritableStream
from ..js.values import JsDict, JsList, from_native, to_native
from .blobs import Blob, File
from .fetch import fetch, fetch_with
from .forms import FormData
from .messages import Request, Response

__all__ = ["python_from_rpc", "python_to_rpc"]

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_REFUSED = (tuple, bytearray)
# What views lead to and no call carries.
_STAYS = (
    DurableObjectId,
    DurableObjectNamespace,
    DurableObjectState,
    ExecutionContext,
    JsProxy,
    NativeWebSocket,
)
_WRAPPED: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (JsRequest, lambda value: Request.of(value.native)),
    (JsResponse, lambda value: Response.of(value.native)),
    (JsFile, File.of),
    (JsBlob, Blob.of),
    (JsFormData, FormData),
)


def outgoing(value: Any) -> Any:
    """The native value that stands for ``value`` where it goes.

    Raises:
        TypeError: The platform sends no such thing.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict or kind is JsDict:
        return {key: outgoing(item) for key, item in value.items()}
    if kind is list or kind is JsList:
        return [outgoing(item) for item in value]
    if isinstance(value, Remote):
        return value.native
    if isinstance(value, PyProxy):
        return outgoing(unwrapped(value))
    if isinstance(value, JsProxy):
        return _proxied(value)
    if isinstance(value, _REFUSED):
        raise TypeError(f"{kind} cannot be sent over RPC.")
    if inspect.isawaitable(value):
        raise TypeError(f"Awaitable {kind} cannot be sent over RPC.")
    if isinstance(value, dict):
        return {key: outgoing(item) for key, item in value.items()}
    if isinstance(value, list):
        return [outgoing(item) for item in value]
    if isinstance(value, set | frozenset):
        return {outgoing(item) for item in value}
    if isinstance(value, memoryview | array):
        return value.tobytes()
    if not isinstance(value, type) and (held := getattr(value, "js_object", None)) is not None:
        return outgoing(held)
    if callable(value) and not isinstance(value, type | Sendable):
        return _called_with_views(value)
    return value


def _proxied(value: JsProxy) -> Any:
    for kind, send in _SENT:
        if isinstance(value, kind):
            return send(value)
    native = to_native(value)
    if isinstance(native, _STAYS) and not isinstance(native, BaseException):
        message = f'Could not serialize object of type "{type(value).js_name}". '
        raise _refusal(message + "This type does not support serialization.")
    return native


def _refusal(message: str) -> DOMException:
    return DOMException(message, "DataCloneError")


def _refuse_pattern(value: RegExp) -> Any:
    raise TypeError(f"{value.js_name} cannot be sent over RPC.")


_SENT: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (JsBlob, lambda value: value.as_sent()),
    (ReadableStream, native_readable),
    (WritableStream, native_writable),
    (AbortSignal, native_signal),
    (RegExp, _refuse_pattern),
)


def _called_with_views(function: Callable[..., Any]) -> Callable[..., Any]:
    """What calls ``function`` for somebody elsewhere, and has it see what a method would."""

    async def finish(result: Any) -> Any:
        return outgoing(await result)

    def call(*args: Any, **kwargs: Any) -> Any:
        named = {name: incoming(value) for name, value in kwargs.items()}
        result = function(*map(incoming, args), **named)
        return finish(result) if inspect.isawaitable(result) else outgoing(result)

    return call


def incoming(value: Any) -> Any:
    """What Python code gets for a native value that came from somewhere.

    Binary data is an ArrayBuffer, which does what the memoryview of the SDK does and more; an
    aware datetime is a naive one in local time, as there.
    """
    kind = type(value)
    if kind in _PLAIN and kind is not bytes:
        return value
    if kind is dict:
        return JsDict({key: incoming(item) for key, item in value.items()})
    if kind is list or kind is tuple:
        return JsList(map(incoming, value))
    if kind is bytes:
        return ArrayBuffer(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone().replace(tzinfo=None)
    view = VIEWS.get(kind)
    if view is not None:
        return view(value)
    for base, make in VIEWS_OF_BASES.items():
        if isinstance(value, base):
            return make(value)
    return value


class Remote:
    """Something elsewhere: ``await it.method(...)``, ``await it.name``.

    Attributes:
        native: What it is seen through.
    """

    __slots__ = ("native",)

    def __init__(self, native: Any) -> None:
        self.native = native

    def __repr__(self) -> str:
        return repr(self.native)

    def __getattr__(self, name: str) -> "Member":
        return Member(getattr(self.native, name))


class Member(Remote):
    """A method or an attribute of something elsewhere: call it, or await it."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> "Pending":
        if kwargs:
            kwargs = {name: outgoing(value) for name, value in kwargs.items()}
        try:
            return Pending(self.native(*map(outgoing, args), **kwargs))
        except ValueNotSerializable as error:
            raise js_error(error) from error

    def __await__(self) -> Generator[Any, None, Any]:
        return incoming((yield from self.native.__await__()))


class Pending(Remote):
    """A call under way: gives what it gives, as Python code sees it. Sent when it was made.

    What it will give can be called at once: ``await stub.room("x").join(user)``.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Any]:
        return incoming((yield from self.native.__await__()))


class StubOfTarget(Remote):
    """A function, or an object with methods, that somebody has sent.

    It is let go of when the handler that has got it ends; ``dup()`` gives one that is not.
    """

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Pending:
        return Member(self.native)(*args, **kwargs)

    def dup(self) -> "StubOfTarget":
        """Another one, which stays until ``dispose()``."""
        return StubOfTarget(self.native.dup())

    def dispose(self) -> None:
        """Let go of what it leads to."""
        self.native.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()


class ServiceView(Remote):
    """Calls a Worker, or an object: ``await stub.fetch(...)``, ``await stub.method(...)``."""

    __slots__ = ()

    def fetch(self, *arguments: Any, **options: Any) -> Any:
        """Send a request to its ``fetch``; arguments are those of ``workers.fetch``.

        Raises:
            TypeError: There are more by position than there; the text is the same.
        """
        if len(arguments) == 1:
            return fetch_with(self.native.fetch, arguments[0], options)
        return fetch(*arguments, **options, fetcher=self)


# What Python code sees native objects as that came from somewhere; more are added by who has them.
VIEWS: dict[type[Any], Callable[[Any], Any]] = {
    RpcStub: StubOfTarget,
    ServiceStub: ServiceView,
    BodyStream: ReadableStream.of,
    NativeBlob: lambda native: _from_proxy(blob_of(native)),
    NativeWritable: writable_of,
    NativeSignal: signal_from,
    NativeRequest: Request.of,
    NativeResponse: Response.of,
}
# And what it sees those as that derive from something.
VIEWS_OF_BASES: dict[type[Any], Callable[[Any], Any]] = {}


def python_to_rpc(value: Any) -> Any:
    """What JavaScript would be given for a Python value.

    Raises:
        TypeError: A tuple, a bytearray, a pattern or something to be awaited is in it.
    """
    return from_native(outgoing(value))


def python_from_rpc(value: Any) -> Any:
    """What Python is given for a value that came from JavaScript."""
    if is_nullish(value):
        return None
    if isinstance(value, JsProxy) and not isinstance(value, dict | list):
        return _from_proxy(value)
    return incoming(to_native(value))


def _from_proxy(value: JsProxy) -> Any:
    for kind, wrap in _WRAPPED:
        if isinstance(value, kind):
            return wrap(value)
    return incoming(to_native(value))
