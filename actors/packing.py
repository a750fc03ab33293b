"""How a value leaves an actor: copied where it can be, and as something to call where not.

Lifted out of the bytes: stubs, ``RpcTarget`` objects and functions, streams of bytes, requests and
responses. Headers, blobs, records and exceptions stand in the bytes, each in a form of its own.
"""

import types
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, cast

from ..storage.errors import LimitExceeded, ValueNotSerializable
from ..storage.values import encode, encode_lifting
from .abort_signal import AbortSignal, payload_of
from .blob import Blob
from .body import BodyStream, IteratorSource, StreamSource
from .capability import Sendable
from .execution import CURRENT, Execution
from .headers import Headers
from .http import Request, Response
from .parcel import INDEX, SIGNAL, WRITABLE, Packed, Parcel, size_bytes_of
from .records import Record, payload_of_record
from .response_stream import let_go, piped, stream_through
from .rpc import encode_error, name_of_argument
from .rpc_target import RpcTarget
from .writable_stream import WritableStream

# The first byte of what stands in the bytes in a form of its own.
HEADERS = b"h"
EXCEPTION = b"e"
BLOB = b"b"
RECORD = b"r"
ABORTED = b"a"

_EXPORTED = (
    RpcTarget,
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.MethodWrapperType,
    partial,
)


def pack(
    value: Any, what: str, execution: Execution | None, size_bytes_max: int | None = None
) -> Packed:
    """``value`` as it travels.

    Args:
        value: What a handler or an argument gave.
        what: How an error calls it.
        execution: Whose code gave it; None: nothing in it is anybody's.
        size_bytes_max: Without what streams carry; None: it is no larger than what it came in.

    Raises:
        ValueNotSerializable: Something in it cannot be sent; the message says where it stands.
        LimitExceeded: It is too large.
        BodyAlreadyUsed: A stream or a body in it has been read.
    """
    lifting = partial(_pack_lifting, execution)
    packed: Packed = encode(value, what=what, otherwise=cast("Any", lifting))
    if size_bytes_max is not None and size_bytes_of(packed) > size_bytes_max:
        discard(packed)
        limit = "rpc_message_size_bytes_max"
        raise LimitExceeded(what, limit, size_bytes_max, size_bytes_of(packed))
    return packed


def pack_call(
    args: Sequence[Any], kwargs: Mapping[str, Any], method: str, size_bytes_max: int
) -> Packed:
    """Arguments as they travel; see ``pack``. An error names the argument."""
    try:
        packed: Packed = encode(  # lists: quicker than tuples
            [list(args), dict(kwargs)], what=method, otherwise=cast("Any", _pack_arguments)
        )
    except ValueNotSerializable as error:
        where = name_of_argument(error.where, method)
        raise ValueNotSerializable(error.type_name, where, error.hint) from None
    if size_bytes_of(packed) > size_bytes_max:
        discard(packed)
        what, limit = f"the arguments of {method}()", "rpc_message_size_bytes_max"
        raise LimitExceeded(what, limit, size_bytes_max, size_bytes_of(packed))
    return packed


def discard(packed: Packed | None) -> None:
    """Nobody will open ``packed``: whoever sends streams in it may stop."""
    if not isinstance(packed, Parcel):
        return
    items, packed.items = packed.items, []
    for item in items:
        if isinstance(item, Response):
            let_go(item)
        elif isinstance(item, Request):
            if item.body is not None:
                item.body.cancel()
        elif isinstance(item, StreamSource):
            item.cancel()


def _pack_arguments(value: Any, what: str) -> Parcel:
    return _pack_lifting(CURRENT.get(), value, what)


def _pack_lifting(execution: Execution | None, value: Any, what: str) -> Parcel:
    lifting = _Lifting(execution)
    try:
        data = encode_lifting(value, what, lifting)
        return Parcel(data, [lifting.leaving(item) for item in lifting.items])
    except BaseException:
        discard(Parcel(b"", lifting.left))
        raise


class _Lifting:
    """Collects what is lifted out of one value.

    Attributes:
        items: In the order in which they stand there, as user code has them.
        left: Those that are on their way already.
    """

    __slots__ = ("_execution", "_seen", "items", "left")

    def __init__(self, execution: Execution | None) -> None:
        self._execution = execution
        self._seen: dict[int, bytes] = {}
        self.items: list[Any] = []
        self.left: list[Any] = []

    def __call__(self, value: Any) -> bytes | None:
        if isinstance(value, BaseException):
            return EXCEPTION + encode_error(value, is_handlers=True)
        if isinstance(value, Headers):
            return HEADERS + encode([list(pair) for pair in value.fields.items()])
        if isinstance(value, Blob):
            return BLOB + encode([getattr(value, each.name) for each in fields(value)])
        if isinstance(value, Record):
            return RECORD + payload_of_record(value, "a record")
        if isinstance(value, WritableStream):
            lead = self(value.sink)
            return None if lead is None else WRITABLE + lead[1:]
        if isinstance(value, AbortSignal):
            return self._signal(value)
        if not self._is_item(value):
            return None
        payload = self._seen.get(id(value))
        if payload is None:
            payload = self._seen[id(value)] = INDEX + len(self.items).to_bytes(4, "big")
            self.items.append(value)
        return payload

    def _signal(self, value: AbortSignal) -> bytes | None:
        if value.is_aborted:
            return ABORTED + payload_of(value.reason)
        lead = self(value.telling())
        return None if lead is None else SIGNAL + lead[1:]

    def _is_item(self, value: Any) -> bool:
        if isinstance(value, Sendable | Request | Response | BodyStream):
            return True
        if isinstance(value, type):
            return False
        if isinstance(value, _EXPORTED):
            return self._execution is not None and self._execution.targets is not None
        return isinstance(value, AsyncIterator) and self._execution is not None

    def leaving(self, value: Any) -> Any:
        """What travels for ``value``. Streams begin to be read by the actor that sends them."""
        execution = self._execution
        item: Any
        if isinstance(value, Sendable):
            return value._to_capability()  # noqa: SLF001  # a stub's, whose public names are remote
        if isinstance(value, Request):
            item = Request(value)
            item.client_address, item.resumed = value.client_address, value.resumed
            if value.is_immutable:
                item = _immutable(item)
        elif isinstance(value, Response):
            item = Response.incoming(
                value.status,
                value.status_text,
                Headers(value.headers).fields,
                value.take_content(),
                value.url,
                value.web_socket,
                redirected=value.redirected,
            )
            if not value.is_immutable:
                item.make_mutable()
        elif isinstance(value, BodyStream):
            item = value.take()
        elif isinstance(value, AsyncIterator):
            item = IteratorSource(value)
        else:
            assert execution is not None, "looked at before"
            assert execution.targets is not None, "looked at before"
            return execution.targets.export(execution, value)
        if execution is not None:
            is_stream = isinstance(item, StreamSource)
            item = piped(execution, item) if is_stream else stream_through(execution, item)
        self.left.append(item)
        return item


def _immutable(request: Request) -> Request:
    """The same one, whose header fields came over the network."""
    fields, content = request.header_fields(), request.take_content()
    same = Request.incoming(request.method, request.url, fields, content, request.client_address)
    same.redirect, same.resumed = request.redirect, request.resumed
    return same
