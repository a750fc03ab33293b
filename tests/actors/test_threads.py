"""Other threads than the actors' own: refused at once, or done for where actors live."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from perdure import DurableObject, NotInHandler, Request, Response, UsageError, WrongThread
from perdure.actors.execution import current_execution
from perdure.actors.threads import call_on
from tests.world import World


class Counter(DurableObject):
    ran = 0

    async def add(self, number: int) -> int:
        type(self).ran += 1
        total: int = (await self.ctx.storage.get("n") or 0) + number
        await self.ctx.storage.put("n", total)
        return total

    async def fetch(self, request: Request) -> Response:
        return Response(str(await self.add(1)))

    async def try_in_a_thread(self, world_stub: str, kind: str) -> str:
        """What the thread meets that a handler has started, with its context."""
        return await asyncio.to_thread(STUBS[world_stub], kind)

    async def execution_in_a_thread(self) -> str:
        def ask() -> str:
            with pytest.raises(WrongThread, match=r"fetch\(\)") as refused:
                current_execution("fetch()")
            return refused.value.what

        return await asyncio.to_thread(ask)


STUBS: dict[str, Callable[[str], str]] = {}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    Counter.ran = 0
    made = World(tmp_path)
    yield made
    made.close()


def used(stub: Any, kind: str) -> str:
    """Use a stub in a thread that nobody has told of actors' loop, or that has another one."""

    def use() -> object:
        return stub.add(1) if kind.startswith("add") else stub.fetch("http://a/")

    async def on_a_loop() -> object:
        return use()

    with pytest.raises(WrongThread) as refused:
        asyncio.run(on_a_loop()) if kind.endswith(" on a loop") else use()
    return refused.value.what


@pytest.mark.parametrize("kind", ["add", "fetch", "add on a loop", "fetch on a loop"])
async def test_a_stub_is_refused_in_a_thread_and_nothing_runs(world: World, kind: str) -> None:
    stub = world.stub(Counter)
    what = "the stub's add()" if kind.startswith("add") else "the stub's fetch()"
    if not kind.endswith(" on a loop"):  # who has a loop of its own without a handler is not known
        assert await asyncio.to_thread(used, stub, kind) == what
    STUBS[kind] = lambda kind: used(stub, kind)
    assert await stub.try_in_a_thread(kind, kind) == what
    assert Counter.ran == 0
    assert await stub.add(1) == 1


async def test_what_needs_a_handler_is_refused_in_its_threads(world: World) -> None:
    assert await world.stub(Counter).execution_in_a_thread() == "fetch()"
    with pytest.raises(NotInHandler):
        current_execution("fetch()")


async def test_the_error_says_what_to_do_instead() -> None:
    assert "call(stub.method, ...)" in str(WrongThread("a stub"))


async def test_a_thread_has_calls_made_on_the_loop_of_actors(world: World) -> None:
    stub, loop = world.stub(Counter), asyncio.get_running_loop()
    assert await asyncio.to_thread(call_on, loop, stub.add, 2) == 2
    assert await asyncio.to_thread(call_on, loop, stub.add, number=3) == 5
    assert await asyncio.to_thread(call_on, loop, str, stub.name) == str(stub.name)
    with pytest.raises(TypeError, match="number"):
        await asyncio.to_thread(call_on, loop, stub.add)


async def test_the_loop_itself_does_not_wait_for_itself(world: World) -> None:
    stub = world.stub(Counter)
    with pytest.raises(UsageError, match="await the stub"):
        call_on(asyncio.get_running_loop(), stub.add, 1)
