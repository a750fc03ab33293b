"""Sockets taken with ``ctx.accept_web_socket``: the class's own handlers hear them."""

from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset
from perdure.actors.http import Request, Response
from perdure.actors.session import LOST_REASON, CloseFrame
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from tests.world import FakeLink, World


class Room(DurableObject):
    """Hears through handlers; what they were given is in ``heard``."""

    heard: list[Any] = []

    async def fetch(self, request: Request) -> Response:
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server)
        server.add_event_listener("message", self.heard.append)  # has no effect
        return Response(None, status=101, web_socket=client)

    async def web_socket_message(self, ws: WebSocket, message: str | bytes) -> None:
        self.heard.append(("message", ws.id in self.ctx.sessions, message))
        if message == "raise":
            raise ValueError("in a handler")
        ws.send(f"echo {message!r}")

    def web_socket_close(self, ws: WebSocket, code: int, reason: str, was_clean: bool) -> None:
        self.heard.append(("close", ws.id in self.ctx.sessions, code, reason, was_clean))

    def web_socket_error(self, ws: WebSocket, error: BaseException) -> None:
        self.heard.append(("error", str(error)))


class Silent(DurableObject):
    """Accepts, and has no handlers."""

    async def fetch(self, request: Request) -> Response:
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server)
        return Response(None, status=101, web_socket=client)


async def enter(world: World, cls: type[DurableObject]) -> FakeLink:
    response = await world.stub(cls).fetch("http://room/")
    link = FakeLink()
    response.web_socket.hand_over(link)
    Room.heard.clear()
    return link


async def test_handlers_are_given_socket_and_message(world: World) -> None:
    link = await enter(world, Room)
    link.says("text")
    link.says(b"binary")
    assert Room.heard == [("message", True, "text"), ("message", True, b"binary")]
    assert link.sent == ["echo 'text'", "echo b'binary'"]


async def test_handlers_are_told_of_the_end(world: World) -> None:
    link = await enter(world, Room)
    link.says(CloseFrame(4000, "bye"))
    assert Room.heard == [("close", True, 4000, "bye", True)]
    assert link.sent == [CloseFrame(4000, "bye")]
    link = await enter(world, Room)
    link.is_lost()
    assert Room.heard == [("close", True, 1006, LOST_REASON, False)]
    link = await enter(world, Room)
    link.is_lost(1002, "bad opcode")
    assert Room.heard == [("error", "bad opcode"), ("close", True, 1002, "bad opcode", False)]


async def test_a_handler_that_raises_closes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    link = await enter(world, Room)
    link.says("raise")
    link.says("next")
    assert link.sent == ["echo 'next'"]
    assert link.severed == []
    assert "socket.handler_raised" in caplog.messages


async def test_missing_handlers_are_ignored(world: World) -> None:
    link = await enter(world, Silent)
    link.says("x")
    link.is_lost(1002, "bad opcode")
    link = await enter(world, Silent)
    link.says(CloseFrame(1000))
    assert link.sent == [CloseFrame(1000)]
    assert link.severed == []


async def test_an_actor_that_was_reset_hears_nothing_more(world: World) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []
    server.on_message = heard.append
    with pytest.raises(ActorReset):
        await world.inside(lambda lab: lab.ctx.abort())
    link.says("late")
    assert heard == []
