"""Calls on answers that are not given yet, and calls that are given up, over a link."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.rpc_target import RpcTarget
from perdure.runtime.shards.link.errors import WorkerLost
from perdure.runtime.shards.link.kinds import (
    ANSWERED,
    CALL,
    FINISH,
    GIVE_UP,
    ON_ANSWER,
    REPLY,
)
from perdure.runtime.shards.link.link import Link
from perdure.storage.values import encode
from tests.runtime.shards.link.ends import until
from tests.runtime.shards.link.two_worlds import TwoWorlds, two_worlds


class Counter(RpcTarget):
    def __init__(self) -> None:
        self.count = 0

    def add(self, by: int) -> int:
        self.count += by
        return self.count


class Room(DurableObject):
    gate: asyncio.Event
    began: list[int]

    def counter(self) -> Counter:
        return Counter()

    def text(self) -> str:
        return "plain"

    async def slow(self, number: int) -> int:
        self.began.append(number)
        await self.gate.wait()
        return number


@pytest.fixture(autouse=True)
def of_this_test() -> None:
    Room.gate, Room.began = asyncio.Event(), []


def kinds_sent(worlds: TwoWorlds, *ends: int) -> list[int]:
    """The kinds of the frames that these ends send from now on, in order."""
    sent: list[int] = []

    def watch(link: Link) -> None:
        send = link.send

        def note(frame: Any) -> None:
            sent.append(frame[0])
            send(frame)

        link.send = note  # type: ignore[method-assign]  # it is watched, and does what it did

    for end in ends:
        watch(worlds.links[end])
    return sent


async def test_a_call_on_an_answer_is_one_trip(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:
        room = worlds.stub(Room)
        sent = kinds_sent(worlds, 0, 1)

        async def ask(_: Any) -> int:
            answer: int = await room.counter().add(4)
            return answer

        assert await worlds.here.inside(ask) == 4
        assert sent[:5] == [CALL, ON_ANSWER, REPLY, REPLY, FINISH]
        await worlds.empty()


async def test_a_call_on_a_plain_answer_is_told_that_it_was_given(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:
        came = kinds_sent(worlds, 1)

        async def ask(_: Any) -> str:
            with pytest.raises(AttributeError) as raised:
                await worlds.stub(Room).text().upper()
            return str(raised.value)

        said = await worlds.here.inside(ask)
        assert said == 'The RPC receiver does not implement the method "upper".'
        assert came == [REPLY, ANSWERED]
        await worlds.empty()


async def test_a_call_that_is_given_up_is_told_of_and_leaves_nothing(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:
        sent = kinds_sent(worlds, 0)
        room = worlds.stub(Room)
        waiting = room.slow(1)
        await until(lambda: Room.began == [1])
        waiting.cancel()
        assert sent == [CALL, GIVE_UP]
        Room.gate.set()
        await worlds.empty()


async def test_what_waits_for_answers_fails_when_the_link_ends(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:
        first = worlds.stub(Room).slow(1)
        second = first.anything()
        await until(lambda: Room.began == [1])
        worlds.links[1].close("the worker ends")
        for call in (first, second):
            with pytest.raises(WorkerLost) as lost:
                await call
            assert getattr(lost.value, "durable_object_reset", False)
        await worlds.empty()


@pytest.mark.parametrize(
    "frame",
    [
        [ON_ANSWER, 1, 1, "m", encode([[], {}])],
        [FINISH, 7],
        [ANSWERED, 7],
    ],
)
async def test_a_process_that_says_what_cannot_be_is_cut_off(
    tmp_path: Path, frame: list[Any]
) -> None:
    async with two_worlds(tmp_path) as worlds:
        worlds.links[0].send(frame)
        await until(lambda: worlds.links[1].ended is not None)
        await worlds.empty()
