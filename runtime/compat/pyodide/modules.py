"""The modules themselves, for whoever lets programs import them."""

import asyncio
import contextlib
import types
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NoReturn

from ..js.absent import absent_module
from ..js.errors import Error, NotAvailable
from ..js.namespace import globalThis, make_module
from ..js.promises import Promise
from ..js.proxies import JsProxy
from ..js.pyproxies import unwrapped
from ..js.values import JsDict
from . import fetching, ffi
from .relaxed_call import relaxed_call, relaxed_wrap
from .suspending import WISH

VERSION = "0.29.0"
"""Of Pyodide: the one whose behaviour these modules have."""

_NO_JAVASCRIPT = "there is no JavaScript engine; write it in Python"


class WebLoop:
    """``pyodide.webloop.WebLoop()``: the event loop that runs already.

    Programs make one to start a coroutine from outside of any; on perdure there is one always.
    """

    def __new__(cls) -> Any:
        return asyncio.get_running_loop()


def run_js(code: str, /) -> NoReturn:
    """As Pyodide's.

    Raises:
        NotAvailable: Always.
    """
    del code
    raise NotAvailable("run_js()", _NO_JAVASCRIPT)


class PyodideJs(JsProxy):
    """The module ``pyodide_js``: what it is asked for is not there, but the version."""

    version = VERSION

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotAvailable(f"pyodide_js.{name}", "install packages with pip")


def _module(name: str, documentation: str, names: Mapping[str, Any]) -> types.ModuleType:
    module = types.ModuleType(name, documentation)
    vars(module).update(names)
    vars(module)["__all__"] = sorted(names)
    return module


def _make_ffi() -> types.ModuleType:
    names = {name: getattr(ffi, name) for name in ffi.__all__}
    waiting = {name: names[name] for name in ("run_sync", "can_run_sync")}
    module = _module("pyodide.ffi", "Between Python and JavaScript.", names)

    def look_up(name: str) -> Any:
        if name not in waiting:
            raise AttributeError(f"module 'pyodide.ffi' has no attribute {name!r}")
        WISH.is_there = True  # handlers cost a little more from now on
        return waiting[name]

    for name in waiting:
        delattr(module, name)
    vars(module)["__getattr__"] = look_up
    return module


def make_modules() -> dict[str, types.ModuleType]:
    """``js``, ``pyodide`` and what is below it, by their full names; one set for a process."""
    in_code = {
        "relaxed_call": relaxed_call,
        "relaxed_wrap": relaxed_wrap,
        "run_js": run_js,
    }
    modules = {
        "js": make_module(),
        "pyodide.ffi": _make_ffi(),
        "pyodide.http": _module(
            "pyodide.http",
            "Requests to the network.",
            {name: getattr(fetching, name) for name in fetching.__all__},
        ),
        "pyodide.webloop": _module("pyodide.webloop", "The event loop.", {"WebLoop": WebLoop}),
        "pyodide.code": _module("pyodide.code", "Running code.", in_code),
        "pyodide_js": _module("pyodide_js", "Pyodide, as JavaScript sees it.", {}),
    }
    vars(modules["pyodide_js"])["__getattr__"] = PyodideJs().__getattr__
    vars(modules["pyodide_js"])["version"] = VERSION
    package = _module("pyodide", "Pyodide's interface, over CPython.", {})
    package.__path__ = []
    vars(package)["__version__"] = VERSION
    for name in ("ffi", "http", "webloop", "code"):
        setattr(package, name, modules[f"pyodide.{name}"])
    return {"pyodide": package} | modules


def make_flags(flags: Mapping[str, bool]) -> types.ModuleType:
    """``_cloudflare_compat_flags``: each flag is an attribute; those that are not said are off."""
    module = types.ModuleType("_cloudflare_compat_flags", "Compatibility flags.")

    def look_up(name: str) -> bool:
        if name.startswith("__"):
            raise AttributeError(name)
        return flags.get(name, False)

    vars(module)["__getattr__"] = look_up
    return module


class WorkersModule(JsProxy):
    """``cloudflare:workers``, as far as Python programs ask for it.

    Attributes:
        env: The bindings of the app whose code runs.
    """

    def __init__(
        self, env: Callable[[], Any], wait_until: Callable[[Awaitable[Any]], None]
    ) -> None:
        self._find_env = env
        self._wait_until = wait_until
        self._patches: list[Mapping[str, Any]] = []

    @property
    def env(self) -> Any:
        found = self._find_env()
        return Patched(found, self._patches) if self._patches else found

    def waitUntil(self, awaitable: Awaitable[Any]) -> None:
        """Keep running until ``awaitable`` is done."""
        self._wait_until(unwrapped(awaitable))

    @contextlib.contextmanager
    def patch(self, entries: Mapping[str, Any]) -> Iterator[None]:
        """Let ``env`` have other entries for a while."""
        self._patches.append(entries)
        try:
            yield
        finally:
            self._patches.remove(entries)


class Patched(JsProxy, js_name="Object"):
    """An env with other entries."""

    def __init__(self, env: Any, patches: list[Mapping[str, Any]]) -> None:
        self._env = env
        self._patches = list(patches)

    def __getattr__(self, name: str) -> Any:
        for patch in reversed(self._patches):
            if name in patch:
                return patch[name]
        return getattr(self._env, name)


def make_entrypoint_helper(
    env: Callable[[], Any], wait_until: Callable[[Awaitable[Any]], None]
) -> types.ModuleType:
    """``_pyodide_entrypoint_helper``: what the platform's SDK asks of its runtime.

    Args:
        env: Gives the bindings of the app whose code runs.
        wait_until: Keeps that code running until an awaitable is done.
    """
    workers = WorkersModule(env, wait_until)

    def doAnImport(name: str) -> Promise:
        """A JavaScript module.

        Raises:
            JsException: When awaited, unless it is ``cloudflare:workers``.
        """
        if name == "cloudflare:workers":
            return Promise.resolve(workers)
        return Promise.reject(Error(f"No such module {name!r}: perdure has no JavaScript modules"))

    def patch_env_helper(entries: Mapping[str, Any]) -> Iterator[None]:
        with workers.patch(JsDict(entries)):
            yield

    return _module(
        "_pyodide_entrypoint_helper",
        "What the platform's SDK asks of its runtime.",
        {
            "cloudflareWorkersModule": workers,
            "cloudflareSocketsModule": absent_module("cloudflare:sockets"),
            "doAnImport": doAnImport,
            "patch_env_helper": patch_env_helper,
            "patchWaitUntil": lambda _ctx: None,
            "globalThis": globalThis,
        },
    )
