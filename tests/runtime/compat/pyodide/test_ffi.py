"""``pyodide.ffi``."""

import asyncio
import types
from typing import Any

import pytest

from perdure.runtime.compat.js.abort import EventTarget
from perdure.runtime.compat.pyodide import ffi as source
from tests.world import World


def test_all_that_programs_import_is_there(ffi: types.ModuleType) -> None:
    wild = "to_js create_proxy run_sync JsProxy JsException create_once_callable jsnull"
    for (
        name
    ) in f"{wild} destroy_proxies can_run_sync JsBuffer JsArray JsMap ConversionError".split():
        assert hasattr(ffi, name)
    assert ffi.__all__ == sorted(source.__all__)


def test_all_objects_are_proxies(js: types.ModuleType, ffi: types.ModuleType) -> None:
    for thing in (
        js.Object.new(),
        js.Array.new(),
        js.Map.new(),
        js.Uint8Array.new(1),
        js.Date.new(),
        js.Response.new(),
        js.WebSocketPair.new()["0"],
        js.Error.new("x"),
        js.URL.new("http://a"),
        ffi.create_proxy(len),
        ffi.jsnull,
    ):
        assert isinstance(thing, ffi.JsProxy)
        assert thing.constructor.name
    assert isinstance(js.Array.new(), ffi.JsArray)
    assert isinstance(js.Map.new(), ffi.JsMap)
    assert isinstance(js.ArrayBuffer.new(1), ffi.JsBuffer)
    assert not isinstance({}, ffi.JsProxy)


def test_proxies_are_made_and_destroyed(js: types.ModuleType, ffi: types.ModuleType) -> None:
    proxy = ffi.create_proxy(lambda x: x + 1)
    assert proxy(1) == 2
    assert ffi.create_proxy(proxy) is proxy
    proxies = js.Array.new()
    proxies.push(proxy)
    proxies.push("no proxy")
    ffi.destroy_proxies(proxies)
    with pytest.raises(ffi.JsException, match="already been destroyed"):
        proxy(1)
    once = ffi.create_once_callable(lambda: 5)
    assert once() == 5
    with pytest.raises(ffi.JsException):
        once()


async def test_run_sync_gives_what_need_not_wait(
    world: World, js: types.ModuleType, ffi: types.ModuleType
) -> None:
    def script(lab: Any) -> Any:
        async def read() -> Any:
            await lab.ctx.storage.put("a", 1)
            return await lab.ctx.storage.get("a")

        return ffi.run_sync(read()), ffi.run_sync(js.Response.new("here").text())

    assert await world.inside(script) == (1, "here")


async def test_run_sync_says_where_it_can_wait(ffi: types.ModuleType) -> None:
    with pytest.raises(ffi.CannotSuspend, match="cannot wait here"):
        ffi.run_sync(asyncio.sleep(0))
    assert not ffi.can_run_sync()


def test_listeners_and_what_cannot_be_registered(ffi: types.ModuleType) -> None:
    target, heard = EventTarget.new(), list[Any]()
    ffi.add_event_listener(target, "e", heard.append)
    target.dispatchEvent(event := _event())
    ffi.remove_event_listener(target, "e", heard.append)
    target.dispatchEvent(_event())
    assert heard == [event]
    with pytest.raises(RuntimeError, match="cannot be registered on perdure"):
        ffi.register_js_module("mine", {})


def _event() -> Any:
    from perdure.runtime.compat.js.abort import Event

    return Event("e")
