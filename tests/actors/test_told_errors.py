"""Each handler's error is counted once, where it came from."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.counters import counters
from perdure.actors.ids import DurableObjectId
from perdure.actors.watch import watch
from tests.world import World, turns

Told = list[tuple[str, DurableObjectId | None, Mapping[str, Any]]]


@pytest.fixture
def told() -> Iterator[Told]:
    heard: Told = []
    watch.tell = lambda *event: heard.append(event)
    yield heard
    watch.tell = None


class Fails(DurableObject):
    async def call(self) -> None:
        raise KeyError("call")

    async def later(self) -> None:
        async def work() -> None:
            raise KeyError("later")

        self.ctx.wait_until(work())


class Unmakeable(DurableObject):
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        raise KeyError("constructor")

    async def call(self) -> None:
        """It is never made."""


def raised(kind: str, key: str = "test-Fails") -> int:
    return counters.handler_errors.get((key, kind), 0)


async def test_a_call_that_raises_is_counted_and_told(world: World, told: Told) -> None:
    before = raised("call")
    with pytest.raises(KeyError):
        await world.stub(Fails).call()
    assert raised("call") == before + 1
    [(name, actor_id, fields)] = [event for event in told if event[0] == "error"]
    assert actor_id is not None
    assert (name, actor_id.name, fields["handler"]) == ("error", "one", "call")
    assert str(fields["exception"]) == "'call'"


async def test_without_a_reader_it_is_only_counted(world: World) -> None:
    before = raised("call")
    with pytest.raises(KeyError):
        await world.stub(Fails).call()
    assert raised("call") == before + 1


async def test_work_given_to_wait_until_counts_as_its_own_kind(world: World, told: Told) -> None:
    before = raised("wait_until"), raised("call")
    await world.stub(Fails).later()
    await turns()
    assert (raised("wait_until"), raised("call")) == (before[0] + 1, before[1])
    assert [fields["handler"] for name, _, fields in told if name == "error"] == ["wait_until"]


async def test_a_constructor_counts_once_however_many_wait_for_it(world: World, told: Told) -> None:
    before = raised("constructor", "test-Unmakeable")
    with pytest.raises(KeyError):
        await world.stub(Unmakeable).call()
    assert raised("constructor", "test-Unmakeable") == before + 1
    assert raised("call", "test-Unmakeable") == 0
    assert [name for name, _, _ in told].count("error") == 1
