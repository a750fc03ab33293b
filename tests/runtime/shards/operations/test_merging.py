"""The answers of several workers as one."""

import asyncio
import functools
import operator
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.host.operations.house import Told, Values
from perdure.runtime.shards.operations.merging import Ask, Progress, as_they_come, in_order
from tests.town import Listener


def telling(numbers: Sequence[int], *, progress: Sequence[tuple[int, int]] = ()) -> Ask:
    async def ask(told: Told) -> Values:
        for done, total in progress:
            await told.progress("Reading", done, total)
        for number in numbers:
            await told.item({"number": number})
        return {"count": len(numbers)}

    return ask


def number_of(item: Values) -> int:
    return int(item["number"])


@given(st.lists(st.lists(st.integers()), min_size=1, max_size=4))
def test_items_that_are_in_order_stay_so(lists: list[list[int]]) -> None:
    async def merge() -> list[Values]:
        seen: list[int] = []

        async def on_item(item: Values) -> bool:
            seen.append(item["number"])
            return True

        asks = [telling(sorted(one)) for one in lists]
        results = await in_order(asks, Listener(), number_of, on_item)
        assert seen == sorted(functools.reduce(operator.iadd, lists, []))
        return results

    assert asyncio.run(merge()) == [{"count": len(one)} for one in lists]


async def test_workers_are_given_up_when_no_more_is_wanted() -> None:
    told = 0

    async def endless(ask_told: Told) -> Values:
        nonlocal told
        while True:
            await ask_told.item({"number": told})
            told += 1

    async def once(_: Values) -> bool:
        return False

    assert await in_order([endless], Listener(), number_of, once) == []
    assert told < 1000, "a worker runs ahead of who reads"


@pytest.mark.parametrize("has_order", [True, False])
async def test_the_first_failure_is_the_one(*, has_order: bool) -> None:
    async def fails(_: Told) -> Values:
        raise KeyError("mine")

    async def waits(_: Told) -> Values:
        await asyncio.Event().wait()
        return {}

    async def on_item(_: Values) -> bool:
        return True

    with pytest.raises(KeyError, match="mine"):
        if has_order:
            await in_order([waits, fails], Listener(), number_of, on_item)
        else:
            await as_they_come([waits, fails], Listener())


async def test_items_are_handed_on_as_they_come() -> None:
    listener = Listener()
    assert await as_they_come([telling([1, 2]), telling([3])], listener) == [
        {"count": 2},
        {"count": 1},
    ]
    assert sorted(map(number_of, listener.items)) == [1, 2, 3]


async def test_progress_is_the_sum_and_has_a_total_when_all_have_one() -> None:
    listener = Listener()
    progress = Progress(listener, 2)
    await progress.add(0, "Reading", 1, 10)
    await progress.add(1, "Reading", 2, 20)
    await progress.add(0, "Reading", 10, None)
    assert listener.done == [("Reading", 1, None), ("Reading", 3, 30), ("Reading", 12, None)]
