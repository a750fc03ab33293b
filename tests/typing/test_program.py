"""What users write, typed: mypy --strict reads this file as it reads theirs.

An ``assert_type`` holds what an expression is, a ``type: ignore`` that a mistake is found:
``warn_unused_ignores`` complains when it no longer is.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, assert_type

from multidict import MultiDict

from perdure import (
    DurableObject,
    DurableObjectId,
    DurableObjectNamespace,
    DurableObjectState,
    DurableObjectStub,
    DurableStorage,
    File,
    Headers,
    MessageEvent,
    Request,
    Response,
    WebSocket,
    WebSocketPair,
    WorkerEntrypoint,
    fetch,
    upgrade_websocket,
)
from perdure.actors.http import UpgradeSocket


class Env:
    """A program may describe its own bindings."""

    ROOM: DurableObjectNamespace
    GREETING: str


class Default(WorkerEntrypoint):
    env: Env

    async def fetch(self, request: Request) -> Response:
        assert_type(request.url, str)
        assert_type(request.parsed_url.path, str)
        assert_type(request.headers.get("Upgrade"), str | None)
        assert_type(request.headers.get("Upgrade", ""), str)
        room = self.env.ROOM.get_by_name("lobby")
        assert_type(room, DurableObjectStub)
        self.ctx.wait_until(room.leave("somebody"))
        if request.is_upgrade:
            answer = await room.fetch(request)
            assert_type(answer, Response)
            return answer
        number: int = await room.increment(3, step=2)
        return Response.json({"number": number}, status=201, headers={"X": self.env.GREETING})


class Room(DurableObject):
    env: Env

    def __init__(self, ctx: DurableObjectState, env: Env) -> None:
        super().__init__(ctx, env)

        @ctx.block_concurrency_while
        async def loaded() -> int:
            return int(await ctx.storage.get("count") or 0)

        assert_type(loaded, asyncio.Future[int])
        assert_type(ctx.id, DurableObjectId)
        assert_type(ctx.id.name, str | None)
        assert_type(ctx.storage, DurableStorage)

    async def fetch(self, request: Request) -> Response:
        client, server = WebSocketPair()
        assert_type(server, WebSocket)
        server.accept()

        async def on_message(event: MessageEvent) -> None:
            assert_type(event.data, str | bytes)
            server.send(event.data)

        server.add_event_listener("message", on_message)
        server.on_close = lambda event: None
        return Response(None, status=101, web_socket=client)

    async def increment(self, amount: int, *, step: int = 1) -> int:
        def in_one_go() -> int:
            self.ctx.storage.sql.exec("INSERT INTO log VALUES (?)", amount)
            return amount * step

        number = self.ctx.storage.transaction_sync(in_one_go)
        assert_type(number, int)
        await self.ctx.storage.put("count", number)
        await self.ctx.storage.put({"a": 1, "b": 2})
        assert_type(await self.ctx.storage.delete("a"), bool)
        assert_type(await self.ctx.storage.delete(["a", "b"]), int)
        assert_type(await self.ctx.storage.get(["a", "b"]), dict[str, Any])
        assert_type(await self.ctx.storage.list(prefix="a"), dict[str, Any])
        assert_type(await self.ctx.storage.get_alarm(), int | None)
        row = self.ctx.storage.sql.exec("SELECT 1 AS one").one()
        assert_type(row, dict[str, Any])
        return number

    def everybody(self) -> list[str]:
        return [socket.id for socket in self.ctx.sessions.values()]

    async def web_socket_message(self, ws: WebSocket, message: str | bytes) -> None:
        ws.send(message)


async def read(request: Request, response: Response) -> None:
    """Bodies."""
    assert_type(await request.text(), str)
    assert_type(await request.bytes(), bytes)
    assert_type(await request.form(), MultiDict[str | File])
    assert_type(await request.json(), Any)
    assert_type(await response.json(), Any)
    assert_type(Response.json([1, 2]), Response)
    if request.body is not None:
        async for chunk in request.body:
            assert_type(chunk, bytes)


async def stream() -> Response:
    async def lines() -> AsyncIterator[bytes]:
        yield b"a"

    return Response(lines(), headers=Headers({"Content-Type": "text/plain"}))


async def connect_out() -> None:
    """The client of Cloudflare's WebSocket guide."""
    response = await fetch("https://example.com/ws", headers={"Upgrade": "websocket"})
    assert_type(response, Response)
    socket = response.web_socket
    if socket is None:
        return
    socket.accept()
    socket.send("hello")
    socket.add_event_listener("message", lambda event: None)
    async for message in socket:
        assert_type(message, str | bytes)
    socket.close(1000, "done")


def an_upgrade_unpacks(request: Request) -> Response:
    upgrade = upgrade_websocket(request, protocol="chat")
    assert_type(upgrade.socket, WebSocket)
    response, socket = upgrade
    assert_type(response, Response)
    socket.accept(allow_half_open=True, delivery="latest")
    socket.dispatch_event(MessageEvent("mine"))
    return response


def a_socket_is_what_a_response_carries() -> UpgradeSocket:
    return WebSocket("wss://example.com/", ["chat"], headers={"Authorization": "x"})


def mistakes(namespace: DurableObjectNamespace, socket: WebSocket) -> None:
    """Each line is one that a type checker must not let pass."""
    namespace.get("lobby")  # type: ignore[arg-type]
    namespace.id_from_name(5)  # type: ignore[arg-type]
    Response({"a": 1})  # type: ignore[arg-type]
    Response("a", status="200")  # type: ignore[arg-type]
    Response(None, status=101, web_socket=WebSocketPair())  # type: ignore[arg-type]
    Request("http://do/", redirect="never")  # type: ignore[arg-type]
    Headers({"X": 5})  # type: ignore[arg-type]
    socket.send({"a": 1})  # type: ignore[arg-type]
    socket.add_event_listener("mesage", print)  # type: ignore[arg-type]
    assert_type(namespace.get_by_name("x").id, str)  # type: ignore[assert-type]


def test_the_program_can_be_imported() -> None:
    assert issubclass(Default, WorkerEntrypoint)
    assert issubclass(Room, DurableObject)
