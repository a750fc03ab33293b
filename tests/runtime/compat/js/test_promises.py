"""Promises."""

import asyncio
import gc
import types
import warnings
from typing import Any

import pytest

from perdure.runtime.compat.js.promises import Promise, as_error
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.pyodide.conversion import to_js


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, BaseException):
        raise value
    return value


async def test_a_promise_can_be_awaited_many_times(js: types.ModuleType) -> None:
    promise = Promise.of(later(5))
    assert list(await asyncio.gather(promise, promise, promise)) == [5, 5, 5]
    assert await promise == 5
    assert isinstance(promise, js.Promise)


async def test_an_error_is_javascripts_for_all_who_await() -> None:
    promise = Promise.of(later(OSError("gone")))
    results = await asyncio.gather(promise, promise, return_exceptions=True)
    assert [str(result) for result in results] == ["Error: gone", "Error: gone"]
    with pytest.raises(JsException, match="gone"):
        await promise


async def test_then_catch_and_finally() -> None:
    seen: list[str] = []
    assert await Promise.resolve(1).then(lambda value: value + 1) == 2
    assert await Promise.resolve(1).then(lambda value: later(value + 1)).then(str) == "2"
    assert await Promise.reject("no").catch(lambda error: error.message) == "no"
    assert await Promise.reject("no").then(None, lambda error: error.name) == "Error"
    assert await Promise.resolve(3).finally_(lambda: seen.append("end")) == 3
    with pytest.raises(JsException):
        await Promise.reject("no").then(seen.append)
    assert seen == ["end"]


async def test_promises_together() -> None:
    assert await Promise.all([1, Promise.of(later(2)), later(3)]) == [1, 2, 3]
    settled = await Promise.allSettled([1, Promise.reject("no")])
    assert settled[0] == {"status": "fulfilled", "value": 1}
    assert (settled[1].status, settled[1].reason.message) == ("rejected", "no")
    assert await Promise.race([Promise.of(asyncio.sleep(5)), later("first")]) == "first"


async def test_an_executor_settles_it_once() -> None:
    def work(resolve: Any, reject: Any) -> None:
        resolve(1)
        reject("too late")
        resolve(2)

    assert await Promise.new(work) == 1
    with pytest.raises(JsException, match="no"):
        await Promise.new(lambda resolve, reject: reject("no"))


async def test_what_is_resolved_with_a_promise_is_that() -> None:
    promise = Promise.resolve(1)
    assert Promise.resolve(promise) is promise
    assert await Promise.resolve(later(4)) == 4


async def test_begun_runs_without_being_awaited() -> None:
    seen: list[int] = []

    async def work() -> None:
        seen.append(1)

    promise = Promise.begun(work())
    await asyncio.sleep(0)
    assert seen == [1]
    await promise


async def test_a_promise_that_nobody_awaits_leaves_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del_me = Promise.of(later(1))
        del del_me
        gc.collect()


async def test_who_else_awaits_hears_of_a_cancelled_run() -> None:
    promise = Promise.of(asyncio.sleep(60))
    first = asyncio.ensure_future(promise)
    second = asyncio.ensure_future(promise)
    await asyncio.sleep(0)
    first.cancel()
    assert [type(end) for end in await asyncio.gather(first, second, return_exceptions=True)] == [
        asyncio.CancelledError,
        asyncio.CancelledError,
    ]


def test_reasons_are_raised_as_errors() -> None:
    assert str(as_error("text")) == "Error: text"
    assert str(as_error(OSError("x"))) == "Error: x"


async def test_what_python_awaits_is_awaited_through_a_proxy_too() -> None:
    async def give(value: int) -> int:
        return value

    promises = to_js([give(1), Promise.resolve(2), 3])
    assert await Promise.all(promises) == [1, 2, 3]


async def test_one_that_is_resolved_with_another_comes_to_what_that_does() -> None:
    assert await Promise(lambda resolve, _reject: resolve(Promise.resolve(5))) == 5
    with pytest.raises(JsException, match="no"):
        await Promise(lambda resolve, _reject: resolve(Promise.reject("no")))
