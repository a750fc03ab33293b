"""What is sent over a link to be called, and how it is given back."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.http import Response
from perdure.actors.parcel import Parcel
from perdure.actors.rpc_stub import RpcStub
from perdure.actors.rpc_target import RpcTarget
from perdure.actors.targets import LocalCapability
from perdure.runtime.shards.link.errors import LinkBroken, WorkerLost
from perdure.runtime.shards.link.kinds import ON_TARGET, RELEASE, REPLY
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.link.parcels import Parcels
from perdure.runtime.shards.link.streams import Streams
from perdure.storage.errors import LimitExceeded
from perdure.storage.values import encode
from tests.actors.test_service_stub import Noted
from tests.runtime.shards.link.ends import joined, until
from tests.runtime.shards.link.two_worlds import two_worlds


class Counter(RpcTarget):
    def __init__(self) -> None:
        self.count = 0

    def add(self, by: int) -> int:
        self.count += by
        return self.count


class Room(DurableObject):
    kept: Any = None

    def counter(self) -> Counter:
        return Counter()

    def echo(self, value: Any) -> Any:
        return value

    def leads_to(self, stub: RpcStub) -> str:
        return type(stub._to_capability()).__name__

    def keep(self, value: RpcStub) -> None:
        Room.kept = value.dup()

    async def call(self, function: Any) -> Any:
        return await function()

    def response(self) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"in "
            yield b"pieces"

        return Response(body())


async def test_nothing_is_kept_once_everybody_has_let_go(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:
        room = worlds.stub(Room)

        async def use(_: Any) -> list[Any]:
            counter = await room.counter()
            function = lambda: "mine"  # noqa: E731  # one that is sent twice
            again = await room.echo(counter)
            assert await room.echo([function, function]) is not None
            return [await counter.add(1), await again.add(1), await room.call(function)]

        assert await worlds.here.inside(use) == [1, 2, "mine"]
        await worlds.empty()


async def test_what_is_kept_over_there_stays_until_it_is_let_go(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:
        await worlds.here.inside(lambda _: worlds.stub(Room).keep(lambda: "mine"))
        assert await Room.kept() == "mine"
        actor = worlds.here.actor()
        assert not actor.is_idle, "somebody can still call it"
        Room.kept.dispose()
        await worlds.empty()
        await until(lambda: actor.is_idle)


async def test_when_the_link_ends_capabilities_fail_and_nothing_is_kept(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:
        counter = (await worlds.stub(Room).counter()).dup()
        assert await counter.add(1) == 1
        worlds.links[1].close("the worker ends")
        await until(lambda: worlds.links[0].ended is not None)
        for _ in range(2):
            with pytest.raises(WorkerLost) as lost:
                await counter.add(1)
            assert lost.value.durable_object_reset
            assert lost.value.retryable
        counter.dispose()
        gc.collect()
        await worlds.empty()
        assert not worlds.there.actor(Room).targets


async def test_what_is_too_large_gives_back_what_is_in_it(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:

        def send(_: Any) -> Any:
            return worlds.stub(Room).echo([lambda: 1, bytes(40 * 2**20)])

        with pytest.raises(LimitExceeded):
            await worlds.here.inside(send)
        await worlds.empty()


@asynccontextmanager
async def parcels() -> AsyncIterator[tuple[Link, Parcels]]:
    """What is sent over a link, looked at alone."""
    async with joined() as (link, _):
        nobody: Any = None
        yield link, Parcels(link, Streams(link), nobody, nobody, None)


def a_parcel(*items: Any) -> Parcel:
    return Parcel(encode(None), list(items))


async def test_what_is_given_back_as_often_as_it_was_sent_is_forgotten() -> None:
    async with parcels() as (_, sent):
        capability = Noted()
        target = LocalCapability(cast("Any", None), capability)
        wires = [sent.write(a_parcel(target)), sent.write(a_parcel(target, target))]
        assert [wire[1] for wire in wires] == [[[0, 1]], [[0, 1], [0, 1]]]
        sent.on_release([RELEASE, 1, 2])
        assert sent.find(1) is target
        sent.on_release([RELEASE, 1, 1])
        assert len(sent) == 0
        with pytest.raises(LinkBroken, match="target 1, which the other end does not have"):
            sent.find(1)


async def test_a_frame_that_was_not_sent_gives_back_what_is_in_it() -> None:
    async with parcels() as (_, sent):
        wire = sent.write(a_parcel(LocalCapability(cast("Any", None), Noted())))
        assert len(sent) == 1
        sent.undo(wire, ValueError("too large"))
        assert len(sent) == 0


async def test_after_the_end_of_the_link_nothing_is_kept() -> None:
    async with parcels() as (link, sent):
        sent.write(a_parcel(LocalCapability(cast("Any", None), Noted())))
        link.close("the worker ends")
        assert len(sent) == 0


async def test_a_stub_of_a_worker_travels_as_its_name() -> None:
    async with parcels() as (_, sent):
        assert sent.write(a_parcel(Noted())) == [encode(None), [[6, "math", "Default", b""]]]
        assert len(sent) == 0


async def test_what_comes_back_to_its_owner_is_what_it_was(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:

        async def ask(_: Any) -> list[str]:
            room = worlds.stub(Room)
            counter = await room.counter()
            return [await room.leads_to(counter), await room.leads_to(lambda: 1)]

        assert await worlds.here.inside(ask) == ["LocalCapability", "RemoteCapability"]
        await worlds.empty()


async def test_responses_are_streamed(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:

        async def read(_: Any) -> str:
            response = await worlds.stub(Room).response()
            text: str = await response.text()
            return text

        assert await worlds.here.inside(read) == "in pieces"
        await worlds.empty()


@pytest.mark.parametrize(
    "frame",
    [
        [ON_TARGET, 1, 5, "m", encode([[], {}])],
        [RELEASE, 5, 1],
        [REPLY, 1, [encode(None), [[1, 5]]]],
        [REPLY, 1, [encode(None), [[2, "key", bytes(32), None]]]],
        [REPLY, 1, [encode(None), [[6, "app", "Default", b""]]]],
    ],
)
async def test_a_process_that_says_what_cannot_be_is_cut_off(
    tmp_path: Path, frame: list[Any]
) -> None:
    async with two_worlds(tmp_path) as worlds:
        worlds.links[0].send(frame)
        await until(lambda: worlds.links[1].ended is not None)
        await worlds.empty()


async def test_a_target_cannot_be_given_back_more_often_than_it_was_sent(tmp_path: Path) -> None:
    async with two_worlds(tmp_path) as worlds:
        counter = (await worlds.stub(Room).counter()).dup()
        worlds.links[0].send([RELEASE, 1, 9])
        await until(lambda: worlds.links[1].ended is not None)
        counter.dispose()
        await worlds.empty()
