"""Who holds up the loop is named, once, with what it was doing; others are not blamed."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject, WorkerEntrypoint
from perdure.actors.events import AlarmEvent
from perdure.actors.http import Request, Response
from perdure.actors.limits import ActorLimits
from perdure.actors.slow_turns import name_of
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.worker import Worker
from tests.world import FakeLink, World, turns

SLOW_S = 0.15
Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    """What was warned of since it was last asked."""

    def look() -> list[dict[str, Any]]:
        fields = ("class", "namespace", "actor", "handler", "duration_ms")
        records = [vars(record) for record in caplog.records if record.message == "turn.slow"]
        found = [{name: each[name] for name in fields if name in each} for each in records]
        caplog.clear()
        return found

    caplog.set_level(logging.WARNING, "perdure.actors")
    return look


class Room(DurableObject):
    """Holds up the loop wherever it is told to; ``world`` is set by each test."""

    world: World

    def work(self, seconds: float = SLOW_S) -> None:
        self.world.clock.now_s += seconds

    def plain(self, seconds: float) -> None:
        self.work(seconds)

    async def later(self) -> None:
        await asyncio.sleep(0)
        self.work()

    async def two(self) -> None:
        self.work(0.06)
        await asyncio.sleep(0)
        self.work(0.06)

    async def fetch(self, request: Request) -> Response:
        if "ws" not in request.url:
            self.work()
            return Response("")
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server)
        return Response(None, status=101, web_socket=client)

    def web_socket_message(self, ws: WebSocket, message: str | bytes) -> None:
        self.work()

    def web_socket_close(self, ws: WebSocket, code: int, reason: str, was_clean: bool) -> None:
        self.work()

    def alarm(self) -> None:
        self.work()

    async def set(self, time_ms: int) -> None:
        await self.ctx.storage.set_alarm(time_ms)

    async def in_a_section(self) -> None:
        await self.ctx.block_concurrency_while(self.section)

    async def section(self) -> None:
        self.work()

    async def raises(self) -> None:
        self.work()
        raise ValueError("on purpose")

    async def calls(self, other: str, seconds: float) -> None:
        call = self.world.stub(Room, other).plain(SLOW_S)
        self.work(seconds)
        await call


@pytest.fixture
def room(world: World) -> Any:
    Room.world = world
    return world.stub(Room)


@pytest.mark.parametrize(
    ("call", "handler"),
    [
        (lambda room: room.plain(SLOW_S), "plain"),
        (lambda room: room.later(), "later"),
        (lambda room: room.fetch("http://room/"), "fetch"),
        (lambda room: room.in_a_section(), "section"),
    ],
    ids=["a plain method", "a later turn", "fetch", "a section"],
)
async def test_a_slow_turn_is_told_with_who_and_what_and_how_long(
    room: Any, told: Told, call: Callable[[Any], Any], handler: str
) -> None:
    await call(room)
    assert told() == [{"class": "Room", "actor": "one", "handler": handler, "duration_ms": 150}]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_slow_constructor_is_told(world: World, told: Told, *, fails: bool) -> None:
    class Slow(DurableObject):
        def __init__(self, ctx: Any, env: Any) -> None:
            super().__init__(ctx, env)
            world.clock.now_s += SLOW_S
            if fails:
                raise ValueError("not today")

        def work(self) -> None: ...

    await asyncio.gather(world.stub(Slow).work(), return_exceptions=True)
    (found,) = told()
    assert found["handler"] == "__init__"
    # Without an instance there is no class to name.
    assert (found.get("namespace") == "test-Slow") is fails
    assert str(found.get("class")).endswith("Slow") is not fails


async def test_slow_handlers_of_sockets_are_told(world: World, room: Any, told: Told) -> None:
    response = await room.fetch("http://room/ws")
    link = FakeLink()
    response.web_socket.hand_over(link)
    link.says("a message")
    assert [each["handler"] for each in told()] == ["web_socket_message"]
    link.is_lost()
    assert [each["handler"] for each in told()] == ["web_socket_close"]


async def test_a_slow_listener_is_told(world: World, told: Told) -> None:
    server, link = await world.accepted()
    server.add_event_listener("message", lambda _: setattr(world.clock, "now_s", 1e9))
    link.says("a message")
    (found,) = told()
    assert (found["class"], found["actor"], found["handler"]) == ("Lab", "lab", "message listener")


async def test_a_slow_alarm_is_told(world: World, room: Any, told: Told) -> None:
    await room.set(world.clock.time_ms())
    stub = room.id
    replies: list[Any] = []
    world.host.namespaces["test-Room"].deliver(
        stub, AlarmEvent(world.clock.time_ms(), 0), lambda *reply: replies.append(reply)
    )
    await turns()
    assert replies
    assert [each["handler"] for each in told()] == ["alarm"]


async def test_many_short_turns_are_not_one_slow_one(room: Any, told: Told) -> None:
    await room.two()
    await room.plain(0.1)  # not more than the limit
    assert told() == []


async def test_a_turn_that_raises_is_told_as_well(room: Any, told: Told) -> None:
    with pytest.raises(ValueError, match="on purpose"):
        await room.raises()
    assert [each["handler"] for each in told()] == ["raises"]


@pytest.mark.parametrize(("own_s", "blamed"), [(0.0, ["b"]), (0.2, ["b", "a"])])
async def test_a_caller_is_not_blamed_for_what_it_called(
    world: World, room: Any, told: Told, own_s: float, blamed: list[str]
) -> None:
    await world.stub(Room, "a").plain(0)
    await world.stub(Room, "b").plain(0)
    await world.stub(Room, "a").calls("b", own_s)
    found = told()
    assert [each["actor"] for each in found] == blamed
    assert [each["duration_ms"] for each in found] == [150, 200][: len(blamed)]


async def test_how_slow_is_a_setting(tmp_path: Path, told: Told) -> None:
    world = Room.world = World(tmp_path, ActorLimits(slow_turn_ms=500))
    await world.stub(Room).plain(0.4)
    assert told() == []
    await world.stub(Room).plain(0.6)
    assert [each["duration_ms"] for each in told()] == [600]
    world.close()


async def test_a_worker_is_told_by_its_class(
    world: World, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            world.clock.now_s += SLOW_S
            return Response("")

    worker = Worker(world.loop, world.outbound, Default, Env({}))
    monkeypatch.setattr(worker, "_monotonic", world.clock.monotonic)
    answers: list[Any] = []
    worker.fetch(Request("http://test/"), lambda *answer: answers.append(answer))
    assert answers
    (found,) = told()
    assert found["class"].endswith("Default")
    assert found["handler"] == "fetch"


def test_names_are_without_the_class() -> None:
    assert name_of(Room.later) == "later"
    assert name_of(name_of) == "name_of"
    assert name_of(object()) == "object"

    class Inner:
        def later(self) -> None: ...

    def inner() -> None: ...

    assert (name_of(Inner.later), name_of(inner)) == ("later", "inner")
