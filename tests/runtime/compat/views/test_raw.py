"""What a copy of the platform's SDK is given: JavaScript's values, and promises."""

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.actors.errors import ActorAborted
from perdure.actors.http import Request as NativeRequest
from perdure.runtime.compat.js.buffers import ArrayBuffer
from perdure.runtime.compat.js.dates import Date
from perdure.runtime.compat.js.http import Request
from perdure.runtime.compat.js.promises import Promise
from perdure.runtime.compat.js.proxies import jsnull
from perdure.runtime.compat.js.pyproxies import PyProxy
from perdure.runtime.compat.js.values import JsDict, JsList
from perdure.runtime.compat.sdk.transfer import incoming
from perdure.runtime.compat.views.namespaces import StubView
from perdure.runtime.compat.views.raw import (
    Coming,
    RawContext,
    RawNamespace,
    RawRpcStub,
    RawStub,
    raw_incoming,
    raw_outgoing,
)
from tests.world import Lab, World

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


def test_native_values_come_as_javascripts() -> None:
    come = raw_incoming({"list": [1, b"x"], "when": MOMENT, "none": None})
    assert type(come) is JsDict
    assert type(come.list) is JsList
    assert type(come.list[1]) is ArrayBuffer
    assert isinstance(come.when, Date)
    assert come.when.getTime() == MOMENT.timestamp() * 1000
    assert come.none is None


def test_a_request_comes_as_javascripts() -> None:
    native = NativeRequest("http://x/")
    assert raw_incoming(native) is Request.of(native)


def test_javascripts_values_leave_as_native_ones() -> None:
    value = JsDict({"none": jsnull, "list": JsList([ArrayBuffer(b"x")]), "when": Date(0)})
    assert raw_outgoing(value) == {
        "none": None,
        "list": [b"x"],
        "when": datetime(1970, 1, 1, tzinfo=UTC),
    }


async def test_a_function_that_leaves_is_called_with_javascripts_values() -> None:
    heard: list[Any] = []

    async def hear(value: Any, more: Any = None) -> Any:
        heard.extend([type(value), type(more)])
        return JsDict({"n": jsnull})

    called = raw_outgoing(JsList([PyProxy(hear)]))[0]
    assert await called({"a": 1}, more=[1]) == {"n": None}
    assert heard == [JsDict, JsList]


async def test_what_comes_can_be_awaited_again_or_called_back_with(world: World) -> None:
    future = world.loop.create_future()
    coming = Coming(future, str)
    after = coming.then(lambda text: text + "!")
    future.set_result(1)
    assert isinstance(after, Promise)
    assert [await coming, await coming, await after] == ["1", "1", "1!"]


async def test_what_fails_fails_as_it_did(world: World) -> None:
    future = world.loop.create_future()
    future.set_exception(KeyError("no"))
    with pytest.raises(KeyError):
        await Coming(future, str)
    assert await Coming(future, str).catch(lambda error: error.name) == "PythonError"


async def test_stubs_of_a_namespace_are_raw(world: World) -> None:
    async def script(lab: Any) -> None:
        names: Any = RawNamespace(world.namespace(Lab))
        stub = names.getByName("other")
        assert type(stub) is type(names.jurisdiction("eu").getByName("other")) is RawStub
        assert [stub.constructor.name, stub.name] == ["DurableObject", "other"]
        assert stub.id == names.idFromName("other")
        Lab.scripts[81] = lambda _: "ran"
        running = stub.run(81)
        assert callable(running.then)
        assert await running is None
        assert Lab.results.pop(81) == "ran"
        assert not hasattr(stub, "_private")
        with pytest.raises(Exception, match="fetch"):
            await stub.fetch("http://x/", {"method": "POST"})

    await world.inside(script)


async def test_a_function_that_came_can_be_called_and_kept(world: World) -> None:
    class Native:
        is_kept = False

        async def __call__(self, value: Any) -> Any:
            return {"was": value}

        async def name(self) -> str:
            return "method"

        def dup(self) -> "Native":
            return Native()

        def dispose(self) -> None:
            self.is_kept = True

    native = Native()
    stub = RawRpcStub(native)
    assert (await stub(JsDict({"a": jsnull}))).was == {"a": None}
    assert await stub.name() == "method"
    assert not hasattr(stub, "then")
    assert type(stub.dup()) is RawRpcStub
    stub.dispose()
    assert native.is_kept


async def test_storage_gives_promises(world: World) -> None:
    guarded: list[Any] = []

    def guard(function: Any) -> Any:
        guarded.append(function)
        return function

    async def script(lab: Any) -> None:
        ctx: Any = RawContext(lab.ctx, guard)
        storage = ctx.storage
        assert storage.constructor.name == "DurableObjectStorage"
        putting = storage.put("a", JsDict({"n": 1}))
        assert callable(putting.then)
        assert (await storage.get("a")).n == 1

        async def closure(txn: Any) -> str:
            await txn.put("b", 2)
            return "done"

        assert await storage.transaction(PyProxy(closure)) == "done"
        assert guarded == [closure]
        assert await storage.get("b") == 2
        assert storage.sql.exec("SELECT 1 AS n").one().n == 1
        assert storage.transactionSync(lambda: 3) == 3
        assert not hasattr(storage, "_private")

    await world.inside(script)


async def test_sections_are_guarded(world: World) -> None:
    async def script(lab: Any) -> None:
        ctx: Any = RawContext(lab.ctx, lambda _: lambda: "guarded")
        assert await ctx.blockConcurrencyWhile(lambda: "not") == "guarded"

    await world.inside(script)


async def test_abort_returns_between_events(world: World) -> None:
    def script(lab: Any) -> None:
        ctx: Any = RawContext(lab.ctx, lambda function: function)
        assert ctx.abort("enough") is None
        raise ActorAborted("enough")

    with pytest.raises(Exception, match="enough"):
        await world.inside(script)


def test_other_programs_stubs_are_views_as_ever(world: World) -> None:
    from perdure.runtime.compat.views.namespaces import NamespaceView

    stub: Any = NamespaceView(world.namespace(Lab)).getByName("a")
    assert type(stub) is StubView
    assert type(incoming(stub.native)) is StubView
