"""What ``pyodide.ffi`` holds."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ..js.abort import EventTarget
from ..js.buffers import ArrayBuffer, JsBuffer, TypedArray
from ..js.containers import Map as JsMap
from ..js.containers import Map as JsMutableMap
from ..js.promises import Promise as JsPromise
from ..js.proxies import JsException, JsNull, JsProxy, jsnull
from ..js.pyproxies import PyProxy
from ..js.values import JsIterator, JsList
from ..js.websockets import WebSocket
from .conversion import ConversionError, to_js
from .suspending import CannotSuspend, can_wait, wait_for

JsArray = JsList
JsTypedArray = TypedArray
JsArrayBuffer = ArrayBuffer
JsIterable = JsList
JsGenerator = JsIterator
JsAsyncIterator = JsAsyncIterable = JsAsyncGenerator = JsProxy
JsFetchResponse = JsDomElement = JsCallable = JsWeakRef = JsProxy
JsDoubleProxy = JsOnceCallable = JsCallableDoubleProxy = PyProxy
JsBigInt = int


class InternalError(Exception):
    """As Pyodide's; nothing here raises it."""


def run_sync(awaitable: Awaitable[Any]) -> Any:
    """The result of ``awaitable``; other events go on while it is waited for.

    Raises:
        CannotSuspend: It would have to wait, and no handler is running. It is given up then.
    """
    return wait_for(awaitable)


def can_run_sync() -> bool:
    """Whether ``run_sync`` can wait here."""
    return can_wait()


def create_proxy(obj: Any, /, *, capture_this: bool = False, roundtrip: bool = True) -> JsProxy:
    """A proxy of a Python object: callable as that is, and there until ``destroy()``."""
    del capture_this, roundtrip
    return obj if isinstance(obj, JsProxy) else PyProxy(obj)


def create_once_callable(obj: Callable[..., Any], /) -> PyProxy:
    """A proxy of a function that can be called once."""
    return PyProxy(obj, is_once=True)


def destroy_proxies(pyproxies: Iterable[Any], /) -> None:
    """Destroy all proxies of an array."""
    for proxy in pyproxies:
        if isinstance(proxy, PyProxy):
            proxy.destroy()


def register_js_module(name: str, module: Any) -> None:
    """As Pyodide's: let ``import name`` find ``module``.

    Raises:
        RuntimeError: Always: perdure's modules are Python files beside the program.
    """
    raise RuntimeError(f"{name!r}: {module!r:.40} cannot be registered on perdure; write a module")


def add_event_listener(target: "EventTarget | WebSocket", event: str, listener: Any) -> None:
    """As ``target.addEventListener``."""
    target.addEventListener(event, listener)


def remove_event_listener(target: "EventTarget | WebSocket", event: str, listener: Any) -> None:
    """As ``target.removeEventListener``."""
    target.removeEventListener(event, listener)


__all__ = [
    "CannotSuspend",
    "ConversionError",
    "InternalError",
    "JsArray",
    "JsArrayBuffer",
    "JsAsyncGenerator",
    "JsAsyncIterable",
    "JsAsyncIterator",
    "JsBigInt",
    "JsBuffer",
    "JsCallable",
    "JsCallableDoubleProxy",
    "JsDomElement",
    "JsDoubleProxy",
    "JsException",
    "JsFetchResponse",
    "JsGenerator",
    "JsIterable",
    "JsIterator",
    "JsMap",
    "JsMutableMap",
    "JsNull",
    "JsOnceCallable",
    "JsPromise",
    "JsProxy",
    "JsTypedArray",
    "JsWeakRef",
    "add_event_listener",
    "can_run_sync",
    "create_once_callable",
    "create_proxy",
    "destroy_proxies",
    "jsnull",
    "register_js_module",
    "remove_event_listener",
    "run_sync",
    "to_js",
]
