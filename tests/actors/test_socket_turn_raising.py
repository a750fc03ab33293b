"""What becomes of a WebSocket whose listener raises."""

import asyncio
import logging
from typing import Any

import pytest

from perdure.actors.session import CloseFrame
from perdure.actors.socket_events import CloseEvent, ErrorEvent, MessageEvent
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from tests.world import FakeLink, Lab, World, turns


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_listener_that_raises_ends_its_connection(
    world: World, caplog: pytest.LogCaptureFixture, is_async: bool
) -> None:
    server, link = await world.accepted()
    error = ValueError("broken")
    events: list[Any] = []

    def raises(event: MessageEvent) -> None:
        raise error

    async def raises_later(event: MessageEvent) -> None:
        await turns(2)
        raise error

    server.add_event_listener("message", raises_later if is_async else raises)
    server.on_error = server.on_close = events.append
    link.says("x")
    await turns()
    assert events == [
        ErrorEvent("Uncaught ValueError: broken", error),
        CloseEvent(1011, "a listener of this WebSocket raised", was_clean=False),
    ]
    assert [frame.code for frame in link.severed] == [1011]
    assert server.ready_state == WebSocket.CLOSED
    assert len(server.owner.sessions) == 0  # type: ignore[union-attr]  # it has one
    [record] = [r for r in caplog.records if r.message == "socket.handler_raised"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_the_actor_lives_on_when_a_listener_raises(world: World) -> None:
    server, link = await world.accepted()
    other, other_link = await world.accepted()
    server.on_message = lambda event: 1 / 0
    link.says("x")
    other.send("still here")
    assert other_link.sent == ["still here"]


async def test_an_error_listener_that_raises_is_logged_and_does_not_stop_the_next(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []

    def raises(event: Any) -> None:
        raise ValueError(type(event).__name__)

    server.add_event_listener("message", raises)
    server.add_event_listener("error", raises)
    server.add_event_listener("error", heard.append)
    link.says("x")
    assert len(heard) == 1
    told = [str(r.exc_info[1]) for r in caplog.records if r.exc_info]
    assert told == ["MessageEvent", "ErrorEvent"]


async def test_a_listener_that_raises_after_the_connection_ended_is_only_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []

    async def raises_later(event: MessageEvent) -> None:
        await turns(2)
        raise ValueError("late")

    server.on_message, server.on_error = raises_later, heard.append
    link.says("x")
    link.says(CloseFrame(1000))
    await turns()
    assert heard == []
    assert link.severed == []
    assert "late" in caplog.text


async def test_a_cancelled_listener_ends_nothing(world: World) -> None:
    server, link = await world.accepted()

    async def cancels_itself(event: MessageEvent) -> None:
        raise asyncio.CancelledError

    server.on_message = cancels_itself
    link.says("x")
    await turns(2)
    assert server.ready_state == WebSocket.OPEN


async def test_a_listener_that_aborts_its_actor_raises_nothing_into_the_network(
    world: World,
) -> None:
    links: list[FakeLink] = []

    def script(lab: Lab) -> None:
        for name in ("message", "error"):
            client, server = WebSocketPair()
            server.accept()
            server.add_event_listener(name, lambda event: lab.ctx.abort("enough"))
            links.append(FakeLink())
            client.hand_over(links[-1])

    await world.inside(script)
    links[0].says("x")
    assert [frame.code for link in links for frame in link.severed] == [1011, 1011]
    assert world.live(Lab) == 0


async def test_an_error_listener_may_abort_its_actor(world: World) -> None:
    links: list[FakeLink] = []

    def script(lab: Lab) -> None:
        client, server = WebSocketPair()
        server.accept()
        server.on_message = lambda event: 1 / 0
        server.on_error = lambda event: lab.ctx.abort("enough")
        links.append(FakeLink())
        client.hand_over(links[-1])

    await world.inside(script)
    links[0].says("x")
    assert world.live(Lab) == 0


async def test_listeners_that_raise_at_the_end_too_are_each_told_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    server, link = await world.accepted()
    calls: list[str] = []

    def raises(event: Any) -> None:
        calls.append(event.type)
        raise ValueError(event.type)

    server.on_message = server.on_error = server.on_close = raises
    link.says("x")
    assert calls == ["message", "error", "close"]
    assert caplog.text.count("socket.handler_raised") == 3


async def test_an_async_listener_behind_one_that_aborted_does_not_run(world: World) -> None:
    ran: list[str] = []
    links: list[FakeLink] = []

    async def runs(event: MessageEvent) -> None:
        ran.append("second")

    def script(lab: Lab) -> None:
        client, server = WebSocketPair()
        server.accept()
        server.add_event_listener("message", lambda event: lab.ctx.abort("enough"))
        server.add_event_listener("message", runs)
        links.append(FakeLink())
        client.hand_over(links[-1])

    await world.inside(script)
    links[0].says("x")
    await turns()
    assert ran == []


async def test_messages_behind_one_whose_listener_raised_are_not_heard(world: World) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []

    def raises(event: MessageEvent) -> None:
        heard.append(event.data)
        raise ValueError

    server.on_message = raises

    def script(lab: Lab) -> None:
        for message in "abc":
            link.says(message)  # they wait for the end of this turn

    await world.inside(script)
    await turns(2)
    assert heard == ["a"]


async def test_what_a_listener_sent_before_it_raised_does_not_leave(world: World) -> None:
    server, link = await world.accepted()

    def raises(event: MessageEvent) -> None:
        server.send("half of an answer")
        raise ValueError

    server.on_message = raises
    link.says("x")
    assert link.sent == []
    assert [frame.code for frame in link.severed] == [1011]
