"""Actors that leave memory while their WebSockets stay."""

import gc
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from perdure.actors.auto_response import WebSocketRequestResponsePair
from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset, SocketStateError
from perdure.actors.session import LOST, CloseFrame
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.state import DurableObjectState
from perdure.actors.websocket import WebSocket
from tests.world import FakeLink, World, turns

IDLE_S = 12.0  # more than the world's idle timeout and a sweep


class Room(DurableObject):
    """Keeps sockets as its class's handlers hear them."""

    log: ClassVar[list[Any]] = []
    links: ClassVar[list[FakeLink]] = []
    looks_early: ClassVar[bool] = False
    broken: ClassVar[bool] = False

    def __init__(self, ctx: DurableObjectState, env: Any) -> None:
        super().__init__(ctx, env)
        self.log.append("constructed")
        if self.broken:
            raise RuntimeError("no room")
        if self.looks_early:
            self.log.append([s.deserialize_attachment() for s in ctx.get_web_sockets()])

    def take(self, tags: list[str], attachment: Any = None) -> str:
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server, tags)
        link = FakeLink()
        client.hand_over(link)
        self.links.append(link)
        if attachment is not None:
            server.serialize_attachment(attachment)
        self.kept = server
        return server.id

    def take_standard(self) -> None:
        client, server = WebSocketPair()
        server.accept()
        client.hand_over(FakeLink())

    def auto(self, request: str | None, response: str = "") -> Any:
        pair = None if request is None else WebSocketRequestResponsePair(request, response)
        self.ctx.set_web_socket_auto_response(pair)

    def auto_now(self) -> Any:
        pair = self.ctx.get_web_socket_auto_response()
        return None if pair is None else (pair.request, pair.response)

    def look(self) -> list[Any]:
        return [
            (s.id, self.ctx.get_tags(s), s.deserialize_attachment(), s.ready_state)
            for s in self.ctx.get_web_sockets()
        ]

    def tell(self, message: str) -> int:
        return self.ctx.broadcast(message)

    def reset(self) -> None:
        self.ctx.abort("enough")

    async def web_socket_message(self, socket: WebSocket, message: str | bytes) -> None:
        self.log.append((socket.deserialize_attachment(), message))
        assert socket in self.ctx.get_web_sockets()
        assert self.ctx.sessions[socket.id] is socket, "the same object while in memory"
        socket.send(message)

    def web_socket_close(
        self, socket: WebSocket, code: int, reason: str, was_clean: bool
    ) -> None:  # users' order
        self.log.append(("close", socket.deserialize_attachment(), code, was_clean))


@pytest.fixture(autouse=True)
def fresh() -> None:
    Room.log.clear()
    Room.links.clear()
    Room.looks_early = Room.broken = False


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    Room.broken = False
    world.host.sever_sessions(1001, "the test is over")
    world.close()


def is_asleep(world: World) -> bool:
    statistics = world.host.statistics()
    return (world.live(Room), statistics.actors_hibernated) == (0, 1)


async def test_an_idle_actor_leaves_memory_and_its_sockets_stay(world: World) -> None:
    room = world.stub(Room)
    await room.take(["red"], {"name": "Ada"})
    for _ in range(2):
        instance = weakref.ref(world.actor(Room))
        world.clock.advance(IDLE_S)
        assert is_asleep(world)
        assert world.host.statistics().sessions == 1
        gc.collect()
        assert instance() is None, "nothing holds the actor"
        await room.look()  # which wakes it
    assert Room.links[0].severed == []


async def test_a_message_wakes_the_actor_with_its_constructor_run_first(world: World) -> None:
    room = world.stub(Room)
    await room.take(["red"], "Ada")
    await room.take([], "Bob")
    world.clock.advance(IDLE_S)
    Room.log.clear()
    Room.links[1].says("hello")
    await turns(2)
    assert Room.log == ["constructed", ("Bob", "hello")]
    assert [link.sent for link in Room.links] == [[], ["hello"]]
    assert Room.links[1].reading
    assert not is_asleep(world)
    Room.links[1].says("again")
    Room.links[0].says(b"me, too")
    await turns(2)
    assert Room.log[2:] == [("Bob", "again"), ("Ada", b"me, too")]


async def test_tags_attachments_and_ids_are_what_they_were(world: World) -> None:
    room = world.stub(Room)
    ada = await room.take(["red", "blue"], {"name": "Ada"})
    bob = await room.take([], [1, 2])
    before = await room.look()
    assert before == [(bob, [], [1, 2], 1), (ada, ["red", "blue"], {"name": "Ada"}, 1)]
    for _ in range(3):
        world.clock.advance(IDLE_S)
        assert is_asleep(world)
        assert await room.look() == before


async def test_the_constructor_can_look_at_the_sockets(world: World) -> None:
    Room.looks_early = True
    room = world.stub(Room)
    await room.take([], "Ada")
    world.clock.advance(IDLE_S)
    Room.log.clear()
    Room.links[0].says("hello")
    Room.links[0].says("and more")
    await turns(2)
    assert Room.log == ["constructed", ["Ada"], ("Ada", "hello"), ("Ada", "and more")]


async def test_close_and_loss_wake_the_actor_too(world: World) -> None:
    room = world.stub(Room)
    await room.take([], "Ada")
    await room.take([], "Bob")
    world.clock.advance(IDLE_S)
    Room.log.clear()
    Room.links[0].says(CloseFrame(4000, "bye"))
    await turns(2)
    assert Room.log == ["constructed", ("close", "Ada", 4000, True)]
    assert Room.links[0].sent == [CloseFrame(4000, "bye")]
    world.clock.advance(IDLE_S)
    Room.links[1].is_lost()
    await turns(2)
    assert Room.log[2:] == ["constructed", ("close", "Bob", LOST, False)]
    world.clock.advance(IDLE_S)
    assert world.host.statistics().actors_hibernated == 0, "nothing is left to sleep for"


async def test_a_call_wakes_it_and_reaches_sockets_that_slept(world: World) -> None:
    room = world.stub(Room)
    for _ in range(3):
        await room.take([])
    world.clock.advance(IDLE_S)
    assert await room.tell("news") == 3
    assert [link.sent for link in Room.links] == [["news"]] * 3


async def test_the_auto_response_stays_while_the_actor_sleeps(world: World) -> None:
    room = world.stub(Room)
    await room.take([])
    await room.auto("ping", "pong")
    world.clock.advance(IDLE_S)
    assert is_asleep(world)
    assert Room.links[0].auto_response == ("ping", "pong")
    assert await room.auto_now() == ("ping", "pong")
    await room.take([])
    assert Room.links[1].auto_response == ("ping", "pong")
    world.clock.advance(IDLE_S)
    await room.auto(None)
    assert [link.auto_response for link in Room.links] == [None, None]


async def test_an_actor_with_a_standard_socket_stays(world: World) -> None:
    room = world.stub(Room)
    await room.take([])
    await room.take_standard()
    world.clock.advance(10 * IDLE_S)
    assert world.live(Room) == 1


async def test_a_socket_kept_from_before_is_of_no_use_and_says_so(world: World) -> None:
    room = world.stub(Room)
    await room.take([])
    handlers: Any = world.actor(Room).handlers
    kept: WebSocket = handlers._instance.kept
    world.clock.advance(IDLE_S)
    assert kept.ready_state == 3
    with pytest.raises(SocketStateError, match=r"ask ctx\.get_web_sockets"):
        kept.send("too late")
    kept.close(1000)
    assert Room.links[0].sent == []


async def test_a_socket_that_was_closed_before_hears_the_answer_after(world: World) -> None:
    class Closer(Room):
        def bye(self) -> None:
            self.kept.close(4001, "bye")

    room = world.stub(Closer)
    await room.take([], "Ada")
    await room.bye()
    world.clock.advance(IDLE_S)
    assert world.live(Closer) == 0
    assert (await room.look())[0][3] == 2
    world.clock.advance(IDLE_S)
    Room.log.clear()
    Room.links[0].says(CloseFrame(4001, "bye"))
    await turns(2)
    assert Room.log == ["constructed", ("close", "Ada", 4001, True)]
    assert Room.links[0].sent == [CloseFrame(4001, "bye")], "said once"


async def test_who_cannot_be_woken_loses_its_sockets_with_1011(world: World) -> None:
    room = world.stub(Room)
    await room.take([])
    await room.take([])
    world.clock.advance(IDLE_S)
    Room.broken = True
    Room.links[0].says("anybody there?")
    await turns(2)
    assert [[f.code for f in link.severed] for link in Room.links] == [[1011], [1011]]
    assert world.host.statistics().sessions == 0


async def test_a_closed_host_cuts_who_wants_to_wake_an_actor(world: World) -> None:
    await world.stub(Room).take([])
    world.clock.advance(IDLE_S)
    world.host.close(ActorReset("the server is going away"))
    Room.links[0].says("anybody there?")
    await turns(2)
    assert [frame.code for frame in Room.links[0].severed] == [1011]


async def test_a_stopping_server_says_goodbye_to_those_that_sleep(world: World) -> None:
    await world.stub(Room).take([])
    world.clock.advance(IDLE_S)
    world.host.sever_sessions(1001, "going")
    assert Room.links[0].severed == [CloseFrame(1001, "going")]
    assert world.host.statistics().actors_hibernated == 0


async def test_what_comes_while_the_file_changes_waits_for_it(world: World) -> None:
    room = world.stub(Room)
    await room.take([], "Ada")
    world.clock.advance(IDLE_S)
    Room.log.clear()
    actor_id = world.namespace(Room).id_from_name("one")
    registry = world.host.namespaces["test-Room"]

    async def work() -> None:
        Room.links[0].says("one")
        Room.links[0].says("two")
        await turns(3)
        assert Room.log == []
        assert not Room.links[0].reading, "the rest stays with the client"

    await registry.without(actor_id, ActorReset("its file changes"), work)
    await turns(2)
    assert Room.log == ["constructed", ("Ada", "one"), ("Ada", "two")]
    assert Room.links[0].reading


async def test_a_reset_ends_sockets_that_slept_and_were_not_asked_for(world: World) -> None:
    room = world.stub(Room)
    await room.take([])
    world.clock.advance(IDLE_S)
    with pytest.raises(ActorReset):
        await room.reset()
    assert [frame.code for frame in Room.links[0].severed] == [1011]


async def test_a_sleeping_actors_name_is_known_to_what_wakes_it_by_id(world: World) -> None:
    class Named(Room):
        def own_name(self) -> str | None:
            return self.ctx.id.name

    namespace = world.namespace(Named)
    await namespace.get_by_name("lobby").take([])
    world.clock.advance(IDLE_S)
    by_id = namespace.id_from_string(str(namespace.id_from_name("lobby")))
    stub: Any = namespace.get(by_id)
    assert await stub.own_name() == "lobby"
    assert world.host.namespaces["test-Named"].hibernated.names() == []
    world.clock.advance(IDLE_S)
    assert world.host.namespaces["test-Named"].hibernated.names() == ["lobby"]
