"""Calls through stubs: copied, in order, sent when made, failing by class."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import (
    ActorReset,
    GateDeadlock,
)
from perdure.actors.http import Request
from perdure.actors.http_errors import InvalidUrl
from perdure.actors.limits import ActorLimits
from perdure.storage.errors import LimitExceeded, ValueNotSerializable
from tests.actors.called import Called
from tests.world import Lab, World, turns


class Target(Called):
    """What the stubs of this file call, besides."""

    def unsendable(self) -> Any:
        return {"deep": [object()]}

    def large(self, size: int) -> bytes:
        return bytes(size)


# Values.

VALUES: list[Any] = [
    None,
    True,
    0,
    2**80,
    -1.5,
    "text",
    b"bytes",
    [1, [2]],
    (1, (2,)),
    {"a": {1: [2]}},
    {1, 2},
    datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    date(2026, 1, 2),
    Decimal("1.50"),
    UUID(int=7),
]


async def test_arguments_and_results_are_equal_to_what_was_sent(world: World) -> None:
    stub = world.stub(Target)
    args, kwargs = await stub.echo(*VALUES, **{f"k{n}": value for n, value in enumerate(VALUES)})
    assert args == tuple(VALUES)
    assert [type(value) for value in args] == [type(value) for value in VALUES]
    assert kwargs == {f"k{n}": value for n, value in enumerate(VALUES)}


async def test_names_of_keyword_arguments_are_free(world: World) -> None:
    assert (await world.stub(Target).echo(self=1, method=2, args=3))[1] == {
        "self": 1,
        "method": 2,
        "args": 3,
    }


async def test_an_argument_is_a_copy(world: World) -> None:
    stub = world.stub(Target)
    mine: dict[str, Any] = {"list": [1]}
    call = stub.keep(mine)
    mine["list"].append("changed before the reply")
    await call
    mine["list"].append("changed after it")
    assert await stub.what_is_kept() == {"list": [1]}


async def test_a_result_is_a_copy(world: World) -> None:
    stub = world.stub(Target)
    result = await stub.keep([1])
    result.append("changed by the caller")
    assert await stub.what_is_kept() == [1]


async def test_a_result_is_what_it_was_when_the_handler_returned(world: World) -> None:
    """Not when the reply leaves: other handlers run in between."""

    class Writing(DurableObject):
        def __init__(self, ctx: Any, env: Any) -> None:
            super().__init__(ctx, env)
            self.list = [0]

        def add(self, n: int) -> list[int]:
            self.ctx.storage.put("n", n)
            self.list.append(n)
            return self.list

    stub = world.stub(Writing)
    calls = [stub.add(1), stub.add(2)]
    assert [await call for call in calls] == [[0, 1], [0, 1, 2]]


async def test_what_cannot_be_sent_is_refused_before_anything_happens(world: World) -> None:
    stub = world.stub(Target)
    with pytest.raises(ValueNotSerializable, match=r'argument "value" of keep\(\)\[0\]'):
        stub.keep(value=[object()])
    assert await stub.what_is_kept() == []


async def test_a_result_that_cannot_be_sent_is_the_callers_error(world: World) -> None:
    with pytest.raises(ValueNotSerializable) as refused:
        await world.stub(Target).unsendable()
    assert refused.value.where == 'the result of unsendable()["deep"][0]'
    assert refused.value.remote is True  # type: ignore[attr-defined]  # each caught error has it


async def test_a_result_that_is_too_large_is_the_callers_error(tmp_path: Any) -> None:
    world = World(tmp_path, ActorLimits(rpc_message_size_bytes_max=1000))
    stub = world.stub(Target)
    assert len(await stub.large(900)) == 900
    with pytest.raises(LimitExceeded, match=r"the result of large\(\)"):
        await stub.large(2000)
    with pytest.raises(LimitExceeded, match=r"the arguments of keep\(\)"):
        stub.keep(bytes(2000))
    world.close()


# Order.


async def test_a_call_is_sent_when_it_is_made(world: World) -> None:
    stub = world.stub(Target)
    first = stub.note("made first")
    assert await stub.note("awaited first") == ["made first", "awaited first"]
    assert await first == ["made first"]


async def test_a_call_need_not_be_awaited(world: World) -> None:
    stub = world.stub(Target)
    stub.note("never awaited")
    assert await stub.note("x") == ["never awaited", "x"]


async def test_calls_on_one_stub_arrive_in_the_order_in_which_they_were_made(
    world: World,
) -> None:
    stub = world.stub(Target)
    calls = [stub.note(n) for n in range(500)]
    assert await calls[-1] == list(range(500))
    await asyncio.gather(*calls)


async def test_they_do_so_too_when_the_caller_has_written(world: World) -> None:
    async def script(lab: Lab) -> Any:
        stub = world.stub(Target, "ordered")
        stub.note(1)
        lab.ctx.storage.put("a", 1)
        stub.note(2)
        await lab.ctx.storage.sync()
        stub.note(3)
        lab.ctx.storage.put("b", 1)
        stub.note(4)
        return await stub.note(5)

    assert await world.inside(script) == [1, 2, 3, 4, 5]


async def test_a_call_waits_for_what_its_caller_has_written(world: World) -> None:
    seen: list[Any] = []

    class Looks(DurableObject):
        def look(self) -> None:
            caller = world.actor()
            seen.append(caller.database.has_writes)

    async def script(lab: Lab) -> None:
        lab.ctx.storage.put("a", 1)
        await world.stub(Looks).look()

    await world.inside(script)
    assert seen == [False]


async def test_a_call_of_an_actor_that_breaks_before_it_was_sent_is_never_made(
    world: World,
) -> None:
    def script(lab: Lab) -> None:
        lab.ctx.storage.put("a", 1)
        world.stub(Target).note("must not arrive")
        lab.ctx.abort("changed its mind")

    with pytest.raises(ActorReset):
        await world.inside(script)
    assert await world.stub(Target).note("x") == ["x"]


async def test_a_call_out_of_a_transaction_that_has_written_is_refused(world: World) -> None:
    async def script(lab: Lab) -> Any:
        stub = world.stub(Target)

        async def before(txn: Any) -> Any:
            found = await stub.echo(1)
            txn.put("a", 1)
            return found

        async def after(txn: Any) -> None:
            txn.put("a", 2)
            with pytest.raises(GateDeadlock, match="make the call before the first write"):
                stub.echo(2)

        found = await lab.ctx.storage.transaction(before)
        await lab.ctx.storage.transaction(after)
        return found, await lab.ctx.storage.get("a")

    assert await world.inside(script) == ([(1,), {}], 2)


# fetch.


async def test_fetch_takes_a_url_and_what_a_request_is_made_of(world: World) -> None:
    response = await world.stub(Target).fetch(
        "http://actor/path?q=1", method="post", headers={"X-A": "b"}, body="body"
    )
    assert await response.text() == "POST http://actor/path?q=1 b body"


async def test_fetch_takes_a_request(world: World) -> None:
    request = Request("http://actor/", method="PUT", headers={"X-A": "1"}, body=b"x")
    assert await (await world.stub(Target).fetch(request)).text() == "PUT http://actor/ 1 x"
    request = Request("http://actor/", method="PUT", body=b"x")
    changed = await world.stub(Target).fetch(request, headers={"X-A": "2"})
    assert await changed.text() == "PUT http://actor/ 2 x"


async def test_fetch_needs_an_absolute_url(world: World) -> None:
    with pytest.raises(InvalidUrl, match="Invalid URL: /x"):
        world.stub(Target).fetch("/x")


async def test_a_body_streams_to_the_actor(world: World) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in (b"a", b"b"):
            await turns(1)
            yield part

    async def script(lab: Lab) -> str:
        response = await world.stub(Target).fetch("http://x/", method="POST", body=chunks())
        return str(await response.text())

    assert await world.inside(script) == "POST http://x/ None ab"
    outside = await world.stub(Target).fetch("http://x/", method="POST", body=chunks())
    assert await outside.text() == "POST http://x/ None ab"


# The stub itself.


async def test_a_stub_knows_whom_it_calls(world: World) -> None:
    namespace = world.namespace(Target)
    stub = namespace.get_by_name("one")
    assert stub.id == namespace.id_from_name("one")
    assert stub.name == "one"
    assert repr(stub) == "<DurableObjectStub one>"
    unnamed = namespace.get(namespace.new_unique_id())
    assert unnamed.name is None
    assert str(unnamed.id) in repr(unnamed)


async def test_making_a_stub_sends_nothing(world: World) -> None:
    world.stub(Target)
    assert world.live(Target) == 0


async def test_a_stub_is_let_go_with_its_last_call(world: World) -> None:
    class Weak:
        pass

    stub = world.stub(Target)
    result: asyncio.Future[Any] = stub.echo(1)
    await result
    reference = weakref.ref(result)
    del result, stub
    gc.collect()
    assert reference() is None
