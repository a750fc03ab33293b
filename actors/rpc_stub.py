"""Stubs of what has no name: objects and functions that somebody has sent."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from ..storage.values import decode
from .abort_signal import AbortSignal, reason_of
from .blob import Blob
from .body import BodyStream, StreamSource
from .capability import Capability, Sendable
from .errors import StubDisposed
from .events import CallEvent
from .headers import Headers
from .http import Request, Response
from .packing import ABORTED, BLOB, EXCEPTION, HEADERS, RECORD
from .parcel import SIGNAL, Packed, Parcel
from .promise import READ, RemoteMember, RpcPromise, call_capability, check_name, make_call
from .records import record_of
from .rpc import decode_sent_error
from .scope import Scope
from .writable_stream import WritableStream


class RpcStub(Sendable):
    """Calls an object, or a function, that somebody else has sent.

    One of a function is called itself; one of an ``RpcTarget`` has its methods, and its properties
    can be awaited: ``await stub.name``. A call runs as an event of the actor that has sent the
    target; calls on one stub arrive in the order in which they were made.

    A stub that was an argument is disposed of when the handler that got it has ended, and one that
    was in an answer when the handler that called has. ``dup()`` gives one that stays until
    ``dispose()``, or until nobody refers to it; so is one that was received outside of ``fetch``,
    methods and ``alarm``. ``with`` and ``async with`` dispose of it at their end.
    """

    __slots__ = ("__weakref__", "_broken", "_capability")

    def __init__(self, capability: Capability) -> None:
        self._capability: Capability | None = capability
        self._broken: bytes | None = None

    def __repr__(self) -> str:
        return f"<RpcStub{'' if self._capability is not None else ', disposed of'}>"

    def __call__(self, *args: Any, **kwargs: Any) -> RpcPromise:
        return self._call("", *args, **kwargs)

    def __getattr__(self, name: str) -> RemoteMember:
        check_name(name)
        return RemoteMember(self._call, name)

    def dup(self) -> "RpcStub":
        """Another stub of the same, which is disposed of by itself.

        Raises:
            StubDisposed: This one has been.
        """
        return RpcStub(self._to_capability())

    def dispose(self) -> None:
        """Let go of what it leads to; calls that were made go on. Harmless a second time."""
        self._capability = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.dispose()

    # For the runtime.

    def _member(self, name: str) -> RemoteMember:
        check_name(name)
        return RemoteMember(self._call, name)

    def _to_capability(self) -> Capability:
        if self._capability is None:
            raise StubDisposed
        return self._capability

    def _open(self, packed: Packed, scope: Scope | None) -> Any:
        return unpack(packed, scope)

    def _call(self, path: str, /, *args: Any, **kwargs: Any) -> RpcPromise:
        capability = self._to_capability()
        return call_capability(self, capability, make_call(path, args, kwargs))

    def _read(self, path: str) -> RpcPromise:
        return call_capability(self, self._to_capability(), CallEvent(path, READ))


def unpack(packed: Packed, scope: Scope | None) -> Any:
    """The value in ``packed``; what it gives to ``scope`` is let go of when that is over."""
    if not isinstance(packed, Parcel):
        return decode(packed)
    opened: dict[int, Any] = {}

    def read_item(item: Any) -> Any:
        if id(item) not in opened:
            opened[id(item)] = _opened(item, scope)
        return opened[id(item)]

    value = packed.read(read_item, partial(_led, read_item), read_inline)
    packed.items = []
    return value


def peek(packed: Packed) -> Any:
    """Likewise, of an answer that somebody else will open: its streams stay closed."""
    if not isinstance(packed, Parcel):
        return decode(packed)
    return packed.read(_peeked, partial(_led, _peeked), read_inline)


def _led(read_item: Callable[[Any], Any], kind: bytes, item: Any) -> WritableStream | AbortSignal:
    if kind == SIGNAL:
        if not isinstance(item, StreamSource):
            raise ValueError("nobody can tell of that")
        return AbortSignal.told_by(read_item(item))
    if not isinstance(item, Capability):
        raise ValueError("nobody can write into that")  # noqa: TRY004  # as of any other garbage
    return WritableStream.leading_to(read_item(item))


def read_inline(payload: bytes) -> Any:
    """What stands in the bytes in a form of its own."""
    kind, data = payload[:1], payload[1:]
    if kind == HEADERS:
        return Headers([(name, value) for name, value in decode(data)])
    if kind == BLOB:
        return Blob(*decode(data))
    if kind == RECORD:
        return record_of(data)
    if kind == ABORTED:
        return AbortSignal.aborted(reason_of(data))
    if kind == EXCEPTION:
        return decode_sent_error(data)
    raise ValueError(f"unknown kind of item: {kind!r}")


def _peeked(item: Any) -> Any:
    if not isinstance(item, Capability):
        return item
    stub = item.as_stub()
    return RpcStub(item) if stub is None else stub


def _opened(item: Any, scope: Scope | None) -> Any:
    if isinstance(item, Capability):
        stub = _peeked(item)
        if scope is not None and isinstance(stub, RpcStub):
            scope.keep(stub)
        return stub
    if isinstance(item, Request | Response):
        if scope is not None and item.content is not None and not isinstance(item.content, bytes):
            scope.at_end(_cancelling(item))
        return item
    assert isinstance(item, StreamSource), "nothing else is in a parcel"
    stream = BodyStream(item, "stream")
    if scope is not None:
        scope.at_end(stream.cancel)
    return stream


def _cancelling(message: Request | Response) -> Callable[[], None]:
    """What stops whoever sends the body of ``message``, unless somebody has taken that."""
    return partial(_cancel_unless_taken, message, message.content)


def _cancel_unless_taken(message: Request | Response, content: object) -> None:
    now = message.content
    if (now is content or isinstance(now, BodyStream)) and not message.body_used:
        assert message.body is not None, "there was content"
        message.body.cancel()
