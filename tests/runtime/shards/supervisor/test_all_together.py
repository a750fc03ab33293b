import asyncio

import pytest

from perdure.runtime.shards.supervisor.all_together import all_together


async def give(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def test_results_are_in_the_order_of_what_was_asked_for() -> None:
    assert await all_together(give(number) for number in (3, 1, 2)) == [3, 1, 2]


async def test_the_first_failure_ends_the_others_and_is_raised_as_it_is() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("other")
            raise

    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await all_together([wait(), fail()])
    assert ended == ["other"]
