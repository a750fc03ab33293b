"""The modules as programs import them."""

import asyncio
import contextlib
import importlib
import sys
import types
from typing import Any

import pytest

from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.pyodide.modules import (
    make_entrypoint_helper,
    make_flags,
    make_modules,
)


def test_programs_import_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in make_modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    program: dict[str, Any] = {}
    exec(
        "import js, pyodide, pyodide.http\n"
        "from js import Response, WebSocketPair, Object\n"
        "from pyodide.ffi import to_js, create_proxy, JsException, run_sync, jsnull\n"
        "from pyodide.http import pyfetch\n"
        "from pyodide.webloop import WebLoop\n"
        "from pyodide.code import relaxed_call, run_js\n"
        "import pyodide_js\n"
        "pair = WebSocketPair.new().object_values()\n",
        program,
    )
    assert len(program["pair"]) == 2
    assert program["pyodide"].http is program["pyodide"].http
    assert program["pyodide"].__version__ == "0.29.0"
    assert program["pyodide_js"].version == program["pyodide"].__version__
    assert importlib.import_module("pyodide.ffi").to_js is program["to_js"]


def test_what_needs_javascript_is_refused() -> None:
    modules = make_modules()
    with pytest.raises(
        JsException, match=r"run_js\(\) is not available on perdure: there is no Jav"
    ):
        modules["pyodide.code"].run_js("1 + 1")
    with pytest.raises(JsException, match=r"pyodide_js\.loadPackage is not available on perdure"):
        modules["pyodide_js"].loadPackage("x")
    assert not hasattr(modules["pyodide_js"], "__file__")


async def test_the_loop_is_the_one_that_runs() -> None:
    assert make_modules()["pyodide.webloop"].WebLoop() is asyncio.get_running_loop()


def test_flags_that_are_not_said_are_off() -> None:
    flags = make_flags({"python_workers": True})
    assert flags.python_workers is True
    assert flags.python_no_global_handlers is False
    assert not hasattr(flags, "__file__")


async def test_what_the_sdk_asks_of_its_runtime() -> None:
    env, kept = types.SimpleNamespace(ROOM="room", X="x"), list[Any]()
    helper = make_entrypoint_helper(lambda: env, kept.append)
    workers = helper.cloudflareWorkersModule
    assert workers.env is env
    patch = contextlib.contextmanager(helper.patch_env_helper)
    with patch({"X": "patched"}):
        assert (workers.env.X, workers.env.ROOM) == ("patched", "room")
        with patch({"X": "inner"}):
            assert workers.env.X == "inner"
    assert workers.env.X == "x"
    future = asyncio.get_running_loop().create_future()
    workers.waitUntil(make_modules()["pyodide.ffi"].create_proxy(future))
    assert kept == [future]
    assert await helper.doAnImport("cloudflare:workers") is workers
    with pytest.raises(JsException, match="perdure has no JavaScript modules"):
        await helper.doAnImport("mine.js")
    assert helper.patchWaitUntil(None) is None
