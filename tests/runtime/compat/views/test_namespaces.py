"""Namespaces, ids and stubs in the platform's spelling."""

import asyncio
from typing import Any

import pytest

from perdure.runtime.compat.js.proxies import JsException, JsProxy
from tests.world import World


async def test_ids_say_who_they_are(workers: World) -> None:
    def script(lab: Any) -> None:
        names = lab.env.LAB
        one: Any = names.idFromName("lab")
        assert JsProxy in type(one).__mro__
        assert str(one) == one.toString() == str(lab.ctx.id)
        assert one == lab.ctx.id
        assert len({one, lab.ctx.id}) == 1
        assert one.name == lab.ctx.id.name == "lab"
        again: Any = names.idFromString(str(one))
        assert again.name is None
        assert one.equals(again)
        assert names.newUniqueId().name is None
        assert not one.equals(names.newUniqueId({"jurisdiction": "eu"}))

    await workers.inside(script)


async def test_what_is_no_id_is_refused(workers: World) -> None:
    def script(lab: Any) -> None:
        names = lab.env.LAB
        with pytest.raises(JsException, match="TypeError: Invalid Durable Object ID: must be 64"):
            names.idFromString("abc")
        with pytest.raises(JsException, match="not valid for this namespace"):
            names.idFromString("a" * 64)
        with pytest.raises(JsException, match="parameter 1 is not of type 'DurableObjectId'"):
            names.get("abc")

    await workers.inside(script)


async def test_a_jurisdiction_has_ids_of_its_own(workers: World) -> None:
    def script(lab: Any) -> None:
        names = lab.env.LAB
        there = names.jurisdiction("eu")
        assert there.idFromName("a") == there.idFromName("a")
        assert there.idFromName("a") != names.idFromName("a")
        assert there.idFromName("a").name == "a"
        assert there.idFromName("a").jurisdiction == "eu"
        assert names.newUniqueId(jurisdiction="us").jurisdiction == "us"
        assert names.get(there.idFromName("a")).name == "a"
        with pytest.raises(TypeError, match="Unsupported jurisdiction 'moon'"):
            names.jurisdiction("moon")

    await workers.inside(script)


async def test_what_cannot_be_sent_is_a_data_clone_error(workers: World) -> None:
    def script(lab: Any) -> None:
        with pytest.raises(JsException, match=r"^DataCloneError: .*argument 1 of method\(\)"):
            lab.env.LAB.getByName("other").method(object())

    await workers.inside(script)


async def test_calls_convert_what_goes_and_what_comes(workers: World) -> None:
    async def script(lab: Any) -> None:
        stub = lab.env.LAB.getByName("other", {"locationHint": "weur"})
        assert stub.name == "other"
        assert stub.id == lab.env.LAB.idFromName("other")
        with pytest.raises(TypeError, match="<class 'tuple'> cannot be sent over RPC"):
            stub.run((1,))
        with pytest.raises(
            TypeError, match="Awaitable <class 'coroutine'> cannot be sent over RPC"
        ):
            stub.run(coroutine := asyncio.sleep(0))
        coroutine.close()
        with pytest.raises(TypeError, match="reserved method"):
            stub.alarm()

    await workers.inside(script)


async def test_a_call_is_what_tasks_are_made_of(workers: World) -> None:
    async def script(lab: Any) -> None:
        from tests.world import Lab

        Lab.scripts.update({71: lambda _: "one", 72: lambda _: "two"})
        stub = lab.env.LAB.getByName("other")
        task = asyncio.create_task(stub.run(71))
        assert list(await asyncio.gather(task, stub.run(72))) == [None, None]
        assert (Lab.results.pop(71), Lab.results.pop(72)) == ("one", "two")

    await workers.inside(script)


async def test_a_relative_url_is_no_request(workers: World) -> None:
    def script(lab: Any) -> None:
        with pytest.raises(TypeError, match="Invalid URL: /x"):
            lab.env.LAB.getByName("other").fetch("/x")

    await workers.inside(script)
