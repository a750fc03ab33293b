"""Values that are already there."""

import asyncio

from perdure.actors.done import Done
from tests.wire import PATIENCE_S


async def test_awaiting_gives_the_value_without_suspending() -> None:
    others: list[str] = []
    asyncio.get_running_loop().call_soon(others.append, "ran")
    done = Done("value")
    assert await done == "value"
    assert await done == "value", "it can be awaited again"
    assert others == [], "nothing came in between"
    await asyncio.sleep(0)
    assert others == ["ran"]


async def test_library_functions_take_it_for_an_awaitable() -> None:
    assert list(await asyncio.gather(_wrapped(1), _wrapped(2))) == [1, 2]


async def _wrapped(value: int) -> int:
    return await asyncio.wait_for(asyncio.ensure_future(Done(value)), PATIENCE_S)


def test_the_value_can_be_had_without_await() -> None:
    assert Done(3).value == 3
