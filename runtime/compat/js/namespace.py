"""All names of the module ``js``, in one table."""

import math
import types
from typing import Any

from . import (
    abort,
    blobs,
    buffers,
    clones,
    containers,
    crypto,
    dates,
    errors,
    headers,
    http,
    numbers,
    objects,
    promises,
    regexp,
    streams,
    text_codecs,
    timers,
    urls,
    websockets,
)
from .absent import ABSENT
from .console import console
from .json_text import JSON
from .proxies import JsProxy

_FROM = {
    abort: "AbortController AbortSignal CustomEvent Event EventTarget",
    blobs: "Blob File FormData",
    buffers: "ArrayBuffer DataView",
    clones: "structuredClone",
    containers: "Map Set",
    crypto: "CryptoKey SubtleCrypto crypto",
    dates: "Date",
    errors: "DOMException Error RangeError",
    headers: "Headers",
    http: "Request Response fetch",
    numbers: "BigInt Math Number isFinite isNaN parseFloat parseInt",
    objects: "Array Boolean Object String",
    promises: "Promise",
    regexp: "RegExp",
    streams: "ReadableStream TransformStream WritableStream",
    text_codecs: (
        "TextDecoder TextEncoder atob btoa decodeURIComponent encodeURI encodeURIComponent"
    ),
    timers: (
        "clearInterval clearTimeout performance queueMicrotask reportError scheduler setInterval "
        "setTimeout"
    ),
    urls: "URL URLSearchParams",
    websockets: (
        "CloseEvent ErrorEvent MessageEvent WebSocket WebSocketPair WebSocketRequestResponsePair"
    ),
}

NAMES: dict[str, Any] = {
    name: getattr(module, name) for module, names in _FROM.items() for name in names.split()
}
NAMES |= {kind.js_name: kind for kind in buffers.TYPED_ARRAYS}
NAMES |= {
    "JSON": JSON,
    "console": console,
    "TypeError": errors.TypeError_,
    "SyntaxError": errors.SyntaxError_,
    "ReferenceError": errors.ReferenceError_,
    "IdentityTransformStream": streams.TransformStream,
    "decodeURI": text_codecs.decodeURIComponent,
    "undefined": None,
    "NaN": math.nan,
    "Infinity": math.inf,
}
NAMES |= ABSENT


class Global(JsProxy, js_name="Object"):
    """``globalThis``: each name is an attribute, and a program may add its own."""

    def __getattr__(self, name: str) -> Any:
        return look_up(name)

    def own_entries(self) -> list[tuple[str, Any]]:
        return [*NAMES.items(), *vars(self).items()]


globalThis = Global()
NAMES["globalThis"] = NAMES["self"] = globalThis


def look_up(name: str) -> Any:
    """The object of this name.

    Raises:
        AttributeError: There is none; ``from js import name`` turns it into an ImportError.
    """
    try:
        return NAMES[name]
    except KeyError:
        raise AttributeError(f"module 'js' on perdure has no {name!r}") from None


def make_module() -> types.ModuleType:
    """The module ``js``."""
    module = types.ModuleType("js", "JavaScript's globals, as far as perdure has them.")
    vars(module).update(NAMES)
    vars(module)["__getattr__"] = look_up
    vars(module)["__all__"] = sorted(NAMES)
    return module
