"""A message whose sender wants a receipt gets it when it has been handled, and not before.

A process that holds connections delivers a message again, to another instance, until it has that
receipt: too early a receipt loses messages, a missing one repeats them.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.link import Relay
from perdure.actors.session import Receipted
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.socket_turn import UNHEARD_MESSAGES_MAX
from perdure.actors.websocket import WebSocket
from tests.world import FakeLink, World, turns


class Postman:
    """Delivers messages over a connection, and notes receipts with what had been sent by then."""

    def __init__(self, link: FakeLink) -> None:
        self.link = link
        self.receipts: list[tuple[str, tuple[object, ...]]] = []

    def delivers(self, message: str, *, again: bool = False) -> None:
        def acknowledge() -> None:
            self.receipts.append((message, tuple(self.link.sent)))

        self.link.says(Receipted(message, acknowledge, is_redelivered=again))

    @property
    def acknowledged(self) -> list[str]:
        return [message for message, _ in self.receipts]


@pytest.fixture
async def pair(world: World) -> tuple[WebSocket, Postman]:
    server, link = await world.accepted()
    return server, Postman(link)


async def test_a_receipt_follows_what_the_handler_has_sent(pair: tuple[WebSocket, Postman]) -> None:
    server, postman = pair

    def hear(event: Any) -> None:
        server.send(f"{event.data} 1")
        server.send(f"{event.data} 2")
        assert postman.receipts == []

    server.on_message = hear
    postman.delivers("a")
    assert postman.receipts == [("a", ("a 1", "a 2"))]


async def test_a_receipt_waits_until_what_was_written_is_durable(
    world: World, pair: tuple[WebSocket, Postman]
) -> None:
    server, postman = pair

    def hear(event: Any) -> None:
        world.actor().handlers._ctx.storage.kv.put("n", event.data)  # type: ignore[union-attr]
        server.send("stored")

    server.on_message = hear
    postman.delivers("a")
    assert postman.receipts == []
    await turns()
    assert postman.receipts == [("a", ("stored",))]


async def test_a_receipt_waits_for_the_last_of_all_listeners(
    pair: tuple[WebSocket, Postman],
) -> None:
    server, postman = pair
    loop = asyncio.get_running_loop()
    doors = [loop.create_future(), loop.create_future()]

    def waiting_for(door: "asyncio.Future[None]") -> Callable[[Any], Any]:
        async def hear(event: Any) -> None:
            await door
            server.send(event.data)

        return hear

    server.on_message = lambda event: None
    for door in doors:
        server.add_event_listener("message", waiting_for(door))
    postman.delivers("a")
    for door in doors:
        assert postman.receipts == []
        door.set_result(None)
        await turns()
    assert postman.receipts == [("a", ("a", "a"))]


async def test_later_messages_may_be_acknowledged_before_earlier_ones(
    pair: tuple[WebSocket, Postman],
) -> None:
    server, postman = pair
    door = asyncio.get_running_loop().create_future()

    async def hear(event: Any) -> None:
        if event.data == "slow":
            await door

    server.on_message = hear
    postman.delivers("slow")
    postman.delivers("quick")
    assert postman.acknowledged == ["quick"]
    door.set_result(None)
    await turns()
    assert postman.acknowledged == ["quick", "slow"]


async def test_a_handler_that_raises_has_handled_its_message(world: World) -> None:
    class Room(DurableObject):
        links: list[FakeLink] = []  # the test looks into it

        def join(self) -> None:
            client, server = WebSocketPair()
            self.ctx.accept_web_socket(server)
            link = FakeLink()
            client.hand_over(link)
            self.links.append(link)

        def web_socket_message(self, ws: WebSocket, message: str) -> None:
            raise ValueError(message)

    await world.stub(Room).join()
    postman = Postman(Room.links[0])
    postman.delivers("a")
    assert postman.acknowledged == ["a"], "another instance would fail in the same way"
    assert Room.links[0].severed == []


async def test_a_message_that_an_actor_was_reset_over_is_not_acknowledged(
    world: World, pair: tuple[WebSocket, Postman]
) -> None:
    server, postman = pair

    async def hear(event: Any) -> None:
        await asyncio.sleep(0)
        world.actor().abort("on purpose")

    server.on_message = hear
    postman.delivers("a")
    await turns()
    assert postman.receipts == []


async def test_what_nobody_hears_yet_is_acknowledged_when_it_was_heard(
    pair: tuple[WebSocket, Postman],
) -> None:
    server, postman = pair
    heard: list[str] = []
    for message in "abc":
        postman.delivers(message)
    assert postman.receipts == []
    server.on_message = lambda event: heard.append(event.data)
    await turns()
    assert heard == postman.acknowledged == ["a", "b", "c"]


async def test_one_listener_for_one_message_leaves_the_others_waiting(
    pair: tuple[WebSocket, Postman],
) -> None:
    server, postman = pair
    heard: list[str] = []
    for message in "abc":
        postman.delivers(message)
    server.add_event_listener("message", lambda event: heard.append(event.data), once=True)
    await turns()
    assert heard == postman.acknowledged == ["a"]
    server.on_message = lambda event: heard.append(event.data)
    await turns()
    assert heard == postman.acknowledged == ["a", "b", "c"]


async def test_what_is_dropped_is_not_delivered_again(pair: tuple[WebSocket, Postman]) -> None:
    _, postman = pair
    for number in range(UNHEARD_MESSAGES_MAX + 1):
        postman.delivers(str(number))
    assert postman.acknowledged == [str(UNHEARD_MESSAGES_MAX)]


async def test_a_loop_acknowledges_a_message_when_it_asks_for_the_next(world: World) -> None:
    asked: asyncio.Queue[None] = asyncio.Queue()

    class Reader(DurableObject):
        links: list[FakeLink] = []  # the test looks into it
        seen: list[tuple[str, bool]] = []  # likewise

        def join(self) -> None:
            client, server = WebSocketPair()
            server.accept()
            link = FakeLink()
            client.hand_over(link)
            self.links.append(link)
            self.ctx.wait_until(self.read(server))

        async def read(self, server: WebSocket) -> None:
            async for message in server:
                self.seen.append((str(message), server.redelivered))
                server.send(f"{message!s} is read")
                await asked.get()

    await world.stub(Reader).join()
    postman = Postman(Reader.links[0])
    await turns()
    postman.delivers("a", again=True)
    postman.delivers("b")
    await turns()
    assert (Reader.seen, postman.receipts) == ([("a", True)], [])
    asked.put_nowait(None)
    await turns()
    assert Reader.seen == [("a", True), ("b", False)]
    assert postman.receipts == [("a", ("a is read",))]


async def test_a_handler_knows_that_a_message_was_delivered_before(
    pair: tuple[WebSocket, Postman],
) -> None:
    server, postman = pair
    seen: list[tuple[str, bool]] = []
    door = asyncio.get_running_loop().create_future()

    async def hear(event: Any) -> None:
        seen.append((event.data, server.redelivered))
        await door
        seen.append((event.data, server.redelivered))

    server.on_message = hear
    postman.delivers("a", again=True)
    postman.delivers("b")
    door.set_result(None)
    await turns()
    assert seen == [("a", True), ("b", False), ("a", True), ("b", False)]
    assert not server.redelivered


async def test_a_relay_acknowledges_what_it_has_passed_on(world: World) -> None:
    del world
    link = FakeLink()
    postman = Postman(link)
    link.set_receiver(Relay(link))
    postman.delivers("a")
    assert postman.receipts == [("a", ("a",))]
