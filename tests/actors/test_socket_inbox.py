"""What waits for a WebSocket's reader, when reading pauses, and how it ends with its actor."""

import asyncio
from typing import Any

import pytest

from perdure.actors.limits import ActorLimits
from perdure.actors.link import PairLink
from perdure.actors.session import CloseFrame
from perdure.actors.socket_inbox import UNHEARD_MAX
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.socket_turn import UNHEARD_MESSAGES_MAX
from perdure.actors.websocket import WebSocket
from tests.world import FakeLink, Lab, World, turns

# What waits, and when reading pauses.


async def test_reading_pauses_while_nobody_has_accepted_an_end_that_many_messages_came_to(
    world: World,
) -> None:
    link = FakeLink()
    socket = WebSocket.unaccepted()
    socket.connect(link)
    for n in range(UNHEARD_MAX - 1):
        link.says(str(n))
    assert link.reading
    link.says("last")
    assert not link.reading
    heard: list[Any] = []

    def script(lab: Lab) -> None:
        socket.add_event_listener("message", lambda event: heard.append(event.data))
        socket.accept()

    await world.inside(script)
    assert len(heard) == UNHEARD_MAX
    assert link.reading


async def test_a_connection_that_was_paused_is_read_again_when_it_was_handed_over() -> None:
    upstream = FakeLink()
    socket = WebSocket.unaccepted()
    socket.connect(upstream)
    for n in range(UNHEARD_MAX):
        upstream.says(str(n))
    assert not upstream.reading
    socket.hand_over(FakeLink())
    assert upstream.reading


async def test_reading_pauses_while_an_actor_does_not_come_to_its_messages(world: World) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []
    server.add_event_listener("message", lambda event: heard.append(event.data))
    release = asyncio.Event()

    async def blocks(lab: Lab) -> None:
        async def callback(txn: object) -> None:
            await release.wait()

        await lab.ctx.storage.transaction(callback)

    blocked = asyncio.ensure_future(world.inside(blocks))
    await turns(3)
    for n in range(UNHEARD_MAX):
        assert link.reading
        link.says(str(n))
    assert not link.reading
    link.says("was on its way")
    assert heard == []
    release.set()
    await blocked
    assert heard == [*(str(n) for n in range(UNHEARD_MAX)), "was on its way"]
    assert link.reading


async def test_reading_pauses_while_a_loop_does_not_come_to_its_messages(world: World) -> None:
    """A client that is faster than its reader must not fill the memory."""
    server, link = await world.accepted()
    taken: list[Any] = []
    next_one = asyncio.Semaphore(0)

    async def slow(lab: Lab) -> None:
        async for message in server:
            taken.append(message)
            await next_one.acquire()

    task = asyncio.ensure_future(world.inside(slow))
    await turns(3)
    said = 0
    while link.reading:
        link.says(str(said))
        said += 1
        await turns(1)
    assert UNHEARD_MAX <= said <= UNHEARD_MAX + 2
    for _ in range(UNHEARD_MAX // 2 + 1):
        next_one.release()
    await turns(UNHEARD_MAX * 2)
    assert link.reading
    for _ in range(said):
        next_one.release()
    link.says(CloseFrame(1000))
    await task
    assert taken == [str(n) for n in range(said)]


async def test_the_limit_of_waiting_messages_can_be_set(world: World, tmp_path: Any) -> None:
    other = World(tmp_path / "other", ActorLimits(socket_messages_waiting_max=4))
    server, link = await other.accepted()
    iterator = aiter(server)
    for _ in range(3):
        link.says("x")
    assert link.reading
    link.says("x")
    assert not link.reading
    await anext(iterator)
    assert not link.reading
    await anext(iterator)
    assert link.reading
    other.close()


async def test_a_loop_that_was_left_does_not_keep_listeners_from_hearing(world: World) -> None:
    server, link = await world.accepted()

    async def greets(lab: Lab) -> Any:
        async for message in server:
            return message
        return None

    task = asyncio.ensure_future(world.inside(greets))
    await turns(3)
    link.says("hello")
    assert await task == "hello"
    for n in range(UNHEARD_MAX):
        link.says(str(n))
    assert not link.reading, "nobody hears them"
    heard: list[Any] = []
    server.add_event_listener("message", lambda event: heard.append(event.data))
    assert link.reading
    for n in range(3 * UNHEARD_MAX):
        link.says(str(n))
    assert len(heard) == 3 * UNHEARD_MAX
    assert link.reading


# The end of an actor.


async def test_a_socket_is_severed_with_its_actor(world: World) -> None:
    server, link = await world.accepted()
    iterator = aiter(server)

    def script(lab: Lab) -> None:
        server.send("never leaves")
        lab.ctx.abort("enough")

    with pytest.raises(Exception, match="enough"):
        await world.inside(script)
    assert link.sent == []
    assert [frame.code for frame in link.severed] == [1011]
    assert "the object was reset" in link.severed[0].reason
    assert server.ready_state == WebSocket.CLOSED
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)


async def test_the_other_end_of_a_severed_pair_hears_a_close(world: World) -> None:
    heard: list[Any] = []

    def peer(lab: Lab) -> WebSocket:
        client, server = WebSocketPair()
        client.accept()
        client.on_close = heard.append
        return server

    server = await world.inside(peer, "peer")
    await world.inside(lambda lab: server.accept(), "owner")
    with pytest.raises(Exception, match="reset"):
        await world.inside(lambda lab: lab.ctx.abort(), "owner")
    assert [(event.code, event.reason[:21]) for event in heard] == [(1011, "Durable Object connec")]


async def test_an_end_that_nobody_accepted_can_be_severed() -> None:
    client, server = WebSocketPair()
    client.sever(1001, "late")
    assert client.ready_state == WebSocket.CLOSED
    assert server.is_used is False
    lone = WebSocket.unaccepted()
    lone.sever(1001, "")
    lone.transmit(["nowhere"])
    assert lone.ready_state == WebSocket.CLOSED


async def test_what_comes_after_the_end_is_not_heard(world: World) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []
    server.on_message = heard.append
    server.close()
    link.says(CloseFrame(None))
    link.says("late")
    assert heard == []


def test_a_pair_in_memory_has_no_brake() -> None:
    """The sender is a turn away; pausing it would need its cooperation."""
    link = PairLink(WebSocket.unaccepted())
    link.pause()
    link.resume()
    assert link.buffered_size_bytes == 0


async def test_a_loop_that_was_left_keeps_so_many_messages_that_listeners_heard(
    world: World,
) -> None:
    server, link = await world.accepted()
    iterator = aiter(server)
    assert aiter(server) is iterator
    heard: list[Any] = []
    server.add_event_listener("message", lambda event: heard.append(event.data))
    for n in range(UNHEARD_MESSAGES_MAX + 10):
        link.says(str(n))
    assert len(heard) == UNHEARD_MESSAGES_MAX + 10
    assert len(iterator.messages) == UNHEARD_MESSAGES_MAX
    assert link.reading


async def test_a_handed_over_end_that_was_paused_takes_listeners_without_complaint() -> None:
    """They hear nothing; users set them on the wrong end at times."""
    socket = WebSocket.unaccepted()
    link = FakeLink()
    socket.connect(link)
    for n in range(UNHEARD_MAX):
        link.says(str(n))
    socket.hand_over(FakeLink())
    socket.on_message = print
