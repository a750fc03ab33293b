"""Events, and ``AbortController``."""

import asyncio
import types

import pytest

from perdure.runtime.compat.js.pyproxies import PyProxy
from tests.world import World


def test_listeners_hear_once_for_all(js: types.ModuleType) -> None:
    controller = js.AbortController.new()
    signal, heard = controller.signal, list[object]()
    signal.onabort = lambda event: heard.append(f"on {event.type}")
    listener = PyProxy(lambda event: heard.append(event.target is signal))
    signal.addEventListener("abort", listener)
    signal.addEventListener("abort", listener)
    signal.addEventListener("abort", lambda event: heard.append("gone"), once=True)
    assert not signal.aborted
    signal.throwIfAborted()
    controller.abort()
    controller.abort()
    assert heard == ["on abort", True, "gone"]
    assert signal.aborted
    with pytest.raises(js.DOMException, match="AbortError: The operation was aborted"):
        signal.throwIfAborted()


def test_an_event_has_its_fields_and_can_be_prevented(js: types.ModuleType) -> None:
    target = js.EventTarget.new()
    event = js.CustomEvent.new("room", detail=5)
    assert (event.type, event.detail, js.CustomEvent.new("x").detail) == ("room", 5, None)
    target.addEventListener("room", lambda event: event.preventDefault())
    assert not target.dispatchEvent(event)
    assert event.defaultPrevented
    assert target.dispatchEvent(js.Event.new("other"))
    once: list[str] = []
    target.addEventListener("again", lambda event: once.append("x"), js.Object.new(once=True))
    target.dispatchEvent(js.Event.new("again"))
    target.dispatchEvent(js.Event.new("again"))
    assert once == ["x"]


def test_a_listener_is_removed_by_function_or_proxy(js: types.ModuleType) -> None:
    target, heard = js.EventTarget.new(), list[str]()

    def listener(event: object) -> None:
        heard.append("x")

    target.addEventListener("e", PyProxy(listener))
    target.removeEventListener("e", listener)
    target.dispatchEvent(js.Event.new("e"))
    assert heard == []


async def test_a_listener_may_be_async(js: types.ModuleType) -> None:
    target, heard = js.EventTarget.new(), asyncio.Event()

    async def listener(event: object) -> None:
        heard.set()

    target.addEventListener("e", listener)
    target.dispatchEvent(js.Event.new("e"))
    await heard.wait()


async def test_signals_of_all_kinds(js: types.ModuleType) -> None:
    assert js.AbortSignal.abort("why").reason == "why"
    controller = js.AbortController.new()
    both = js.AbortSignal.any([js.AbortController.new().signal, controller.signal])
    controller.abort("second")
    assert (both.aborted, both.reason) == (True, "second")
    assert js.AbortSignal.any([both]).aborted
    with pytest.raises(js.Error, match="AbortError: second"):
        both.throwIfAborted()


async def test_a_signal_that_gives_up_in_time(world: World, js: types.ModuleType) -> None:
    async def script(lab: object) -> str:
        signal, over = js.AbortSignal.timeout(1), asyncio.Event()
        signal.addEventListener("abort", lambda event: over.set())
        await over.wait()
        return str(signal.reason.name)

    assert await world.inside(script) == "TimeoutError"
    with pytest.raises(js.Error, match="only while a handler"):
        js.AbortSignal.timeout(1)
