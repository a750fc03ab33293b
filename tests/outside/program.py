"""The program that is watched: an actor with one way out for each kind of effect.

What leaves is marked ``kind/token``; the token was written just before, so that whoever sees the
effect knows of the write. ``GATE = "broken"`` makes it a program that must be caught.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from perdure import (
    DurableObject,
    Request,
    Response,
    WebSocket,
    WebSocketPair,
    WorkerEntrypoint,
    fetch,
)
from perdure.actors.done import Done
from perdure.actors.durable_storage import DurableStorage
from perdure.actors.gates import OutputGate


def break_the_gate() -> None:
    """Everything leaves at once, and ``sync()`` waits for nothing."""

    def emit(gate: OutputGate, action: Callable[..., None], *arguments: object) -> None:
        if not gate.broken:
            action(*arguments)

    setattr(OutputGate, "emit", emit)  # noqa: B010  # mypy would call it a mistake
    setattr(DurableStorage, "sync", lambda storage: Done(None))  # noqa: B010  # likewise


class Default(WorkerEntrypoint):
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        if env.GATE == "broken":
            break_the_gate()

    async def fetch(self, request: Request) -> Response:
        _, room, kind = request.parsed_url.path.split("/")
        if room == "pid":
            return Response(str(os.getpid()))
        stub = self.env.ROOM.get_by_name(room)
        token = request.parsed_url.query_string
        if kind == "rpc":
            return Response(await stub.keep_and_tell(token))
        if kind == "failure":
            return await self.fail(stub.keep_and_fail(token))
        if kind == "abort":
            return await self.fail(stub.fetch(request))
        if kind == "pair":
            return await self.exchange(stub, token)
        answer: Response = await stub.fetch(request)
        return answer

    async def fail(self, call: Awaitable[Any]) -> Response:
        try:
            await call
        except Exception as error:
            return Response(str(error))
        raise AssertionError("it should have failed")

    async def exchange(self, stub: Any, token: str) -> Response:
        """A WebSocket between Worker and actor, of which the network sees nothing."""
        url = "http://room/room/join"
        socket = (await stub.fetch(url, headers={"Upgrade": "websocket"})).web_socket
        socket.accept()
        socket.send(f"pair {token}")
        async for message in socket:
            if token in message:
                socket.close()
                return Response(message)
        raise AssertionError("the actor has not answered")


class Room(DurableObject):
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.outside: WebSocket | None = None
        self.count = 0
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS kept (value TEXT)")

    async def keep(self, token: str) -> None:
        """Write ``token``, half of all tokens into a table.

        Twice in 33 bytes: the log has blocks of 64, so one of the two is whole in one block.
        """
        value = f"{token} {token}"
        if token < "8":
            self.count += 1  # a key of its own: writes of one commit may replace each other
            await self.ctx.storage.put(f"kept-{self.count:08}", value)
        else:
            self.ctx.storage.sql.exec("INSERT INTO kept VALUES (?)", value)

    async def read(self) -> str:
        """What was kept last, of either sort. Writes nothing."""
        last = await self.ctx.storage.list(prefix="kept-", reverse=True, limit=1)
        query = "SELECT value FROM kept ORDER BY rowid DESC LIMIT 1"
        rows = self.ctx.storage.sql.exec(query)
        values = [*last.values(), *(row["value"] for row in rows)]
        return " ".join(f"read/{value[:16]}" for value in values)

    async def keep_and_tell(self, token: str) -> str:
        await self.keep(token)
        return f"rpc/{token}"

    async def keep_and_fail(self, token: str) -> None:
        await self.keep(token)
        raise ValueError(f"failure/{token}")

    async def pass_on(self, url: str) -> None:
        """Called by another actor: what it asks for is done, and nothing is written here."""
        await fetch(url)

    async def fetch(self, request: Request) -> Response:
        kind, token = request.parsed_url.path.split("/")[2], request.parsed_url.query_string
        if kind == "read":
            return Response(f"{await self.read()} {token}")
        answer: Response | None = await getattr(self, f"send_{kind}")(token)
        return answer or Response("done")

    # Each way out, after a write.

    async def send_reply(self, token: str) -> Response:
        await self.keep(token)
        return Response(f"reply/{token}")

    async def send_unconfirmed(self, token: str) -> Response:
        value = f"{token} {token}"
        await self.ctx.storage.put("unconfirmed", value, allow_unconfirmed=True)
        return Response(f"unconfirmed/{token}")

    async def send_chunk(self, token: str) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"knows nothing; "
            await self.keep(token)
            yield f"chunk/{token}".encode()

        return Response(chunks())

    async def send_switch(self, token: str) -> Response:
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server)
        await self.keep(token)
        headers = {"X-Effect": f"switch/{token}"}
        return Response(None, status=101, web_socket=client, headers=headers)

    async def send_join(self, _: str) -> Response:
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server)
        return Response(None, status=101, web_socket=client)

    async def send_fetch(self, token: str) -> None:
        await self.keep(token)
        await fetch(f"{self.env.OUTSIDE}/fetch/{token}")

    async def send_later(self, token: str) -> None:
        async def go_on() -> None:
            await self.keep(token)
            await fetch(f"{self.env.OUTSIDE}/later/{token}")

        self.ctx.wait_until(go_on())

    async def send_upload(self, token: str) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"knows nothing; "
            await self.keep(token)
            yield f"upload/{token}".encode()

        await fetch(f"{self.env.OUTSIDE}/", method="POST", body=chunks())

    async def send_abort(self, token: str) -> None:
        await self.keep(token)
        await asyncio.sleep(0)  # it is committed meanwhile
        self.ctx.abort("on purpose")

    async def send_heir(self, _: str) -> Response:
        """What the actor that was reset has written, told by its successor."""
        return Response((await self.read()).replace("read/", "heir/"))

    async def send_call(self, token: str) -> None:
        await self.keep(token)
        await self.env.ROOM.get_by_name("other").pass_on(f"{self.env.OUTSIDE}/call/{token}")

    async def send_outgoing(self, token: str) -> None:
        if self.outside is None:
            url = f"{self.env.OUTSIDE}/socket"
            answer = await fetch(url, headers={"Upgrade": "websocket"})
            assert isinstance(answer.web_socket, WebSocket)
            self.outside = answer.web_socket
            self.outside.accept()
        await self.keep(token)
        self.outside.send(f"outgoing/{token}")

    async def send_alarm(self, token: str) -> None:
        await self.ctx.storage.put("alarm", f"{token} {token}")
        await self.ctx.storage.set_alarm(1)  # due at once

    async def alarm(self) -> None:
        token = (await self.ctx.storage.get("alarm"))[:16]
        woken = secrets.token_hex(8)
        await self.keep(woken)
        await fetch(f"{self.env.OUTSIDE}/alarm/{token}/woken/{woken}")

    async def send_sync(self, token: str) -> None:
        """Through another library, of which no gate knows."""
        await self.keep(token)
        await self.ctx.storage.sync()
        port = int(self.env.OUTSIDE.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as other:
            other.sendall(
                f"GET /sync/{token} HTTP/1.1\r\nHost: outside\r\nConnection: close\r\n\r\n".encode()
            )

    async def web_socket_message(self, socket: WebSocket, message: str | bytes) -> None:
        kind, _, token = str(message).partition(" ")
        if kind == "glance":
            socket.send(f"{await self.read()} {token}")
            return
        await self.keep(token)
        if kind in {"frame", "pair"}:
            socket.send(f"{kind}/{token}")
        elif kind == "broadcast":
            for other in self.ctx.get_web_sockets():
                if other is not socket and other.ready_state == WebSocket.OPEN:
                    other.send(f"broadcast/{token}")
        elif kind == "close":
            socket.close(4000, f"close/{token}")
