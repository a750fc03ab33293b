"""Values on their way to and from storage and other objects, by the SDK's rules.

A native codec carries them; here is what the platform refuses, and what it gives back for them.
"""

import inspect
import re
from array import array
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..js.blobs import Blob as JsBlob
from ..js.blobs import File as JsFile
from ..js.blobs import FormData as JsFormData
from ..js.buffers import ArrayBuffer
from ..js.http import Request as JsRequest
from ..js.http import Response as JsResponse
from ..js.proxies import JsProxy, is_nullish
from ..js.values import JsDict, JsList, from_native, to_native
from .blobs import Blob, File
from .forms import FormData
from .messages import Request, Response

__all__ = ["python_from_rpc", "python_to_rpc"]

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_REFUSED = (tuple, bytearray, re.Pattern)
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
    if isinstance(value, JsProxy):
        return to_native(value)
    if isinstance(value, _REFUSED) or inspect.isawaitable(value):
        raise TypeError(f"{kind.__name__} cannot be sent over RPC.")
    if isinstance(value, dict):
        return {key: outgoing(item) for key, item in value.items()}
    if isinstance(value, list):
        return [outgoing(item) for item in value]
    if isinstance(value, set | frozenset):
        return {outgoing(item) for item in value}
    if isinstance(value, memoryview | array):
        return value.tobytes()
    if not isinstance(value, type) and (held := getattr(value, "js_object", None)) is not None:
        return to_native(held)
    return value


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
    return value


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
