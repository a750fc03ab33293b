"""Delivery policies over real connections, to clients that do not read until they are told to."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.server import Server
from tests.runtime.edge.tls import client_context, issue
from tests.serving import Serving
from tests.wire import CLOSE, TEXT, Frame, Wire, frame

# More than the kernel keeps for a client that does not read: 2000 messages of 5 KB.
COUNT, SIZE = 2000, 5000
MAY_WAIT = 500_000

POURS = f"""
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Tap(DurableObject):
        closed = None

        async def fetch(self, request):
            query = request.parsed_url.query
            if not request.is_upgrade:
                if query.get("pour"):
                    self.pour(query["pour"])
                [ws] = self.ctx.sessions.values() or [None]
                waits = [ws.buffered_amount, ws.dropped_messages] if ws else None
                return Response.json([self.closed, waits])
            client, server = WebSocketPair()
            size = query.get("size")
            options = dict(delivery=query["delivery"], queue_bytes_max=int(size) if size else None)
            if query.get("sleeps"):
                self.ctx.accept_web_socket(server, **options)
            else:
                server.accept(**options)
                server.on_close = lambda event: self.hear_close(event.code)
            return Response(None, status=101, web_socket=client)

        def pour(self, how):
            [ws] = self.ctx.sessions.values()
            for n in range({COUNT}):
                ws.send(f"{{n:{SIZE}}}", key=f"key {{n % 7}}")
                if how == "bytes too" and n % 100 == 99:
                    ws.send(b"%d" % n)
            ws.send("that is all")

        def hear_close(self, code):
            self.closed = code

        async def web_socket_close(self, ws, code, reason, was_clean):
            self.hear_close(code)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.TAP.get_by_name(request.parsed_url.path).fetch(request)
"""


@pytest.fixture
async def server(serve: Serving) -> Server:
    return await serve(POURS, objects=["Tap"])


@contextlib.asynccontextmanager
async def deaf(server: Server, query: str) -> AsyncIterator[Wire]:
    """A client that reads when the test does, and hardly anything is read in its stead."""
    async with await Wire.connect(server.url, receive_buffer_size=4096) as wire:
        assert (await wire.upgrade(f"/?{query}")).status == 101
        yield wire


async def pour(server: Server, how: str) -> Any:
    """Have the actor send all in one turn; then what ``ask`` says."""
    await ask(server, how)
    return await ask(server)


async def ask(server: Server, query: str = "") -> Any:
    """The code that the actor was closed with, and what it knows of its socket."""
    trust = client_context() if server.url.startswith("https") else True
    async with (
        aiohttp.ClientSession() as http,
        http.get(server.url, params={"pour": query}, ssl=trust) as response,
    ):
        assert response.status == 200, await response.text()
        return await response.json()


async def frames(wire: Wire) -> list[Frame]:
    """All that comes, up to the last message or a close frame."""
    got: list[Frame] = []
    while not got or not (got[-1].opcode == CLOSE or b"that is all" in got[-1].payload):
        got.append(await wire.frame())
    return got


def numbers(got: list[Frame]) -> list[int]:
    """Of the messages, without the last."""
    return [int(each.payload) for each in got[:-1]]


ALL = list(range(COUNT))
EACH_KIND = pytest.mark.parametrize("kind", ["", "&sleeps=1"], ids=["standard", "hibernating"])


@EACH_KIND
async def test_close_tells_the_actor_at_once_and_the_client_when_it_reads(
    server: Server, kind: str
) -> None:
    async with deaf(server, f"delivery=close&size={MAY_WAIT}{kind}") as wire:
        closed, waits = await pour(server, "all")
        assert (closed, waits) == (1013, None), "the actor has one session less"
        got = await frames(wire)
        assert numbers(got) == ALL[: len(got) - 1], "up to some message nothing is missing"
        assert 0 < len(got) - 1 < COUNT
        code, why = got[-1].close
        assert code == 1013
        assert why.endswith(" bytes wait for a client that does not read them")


async def test_close_does_nothing_as_long_as_no_more_waits_than_may(server: Server) -> None:
    async with deaf(server, "delivery=close") as wire:
        _, [waiting, dropped] = await pour(server, "all")
        assert waiting > 1_000_000
        assert numbers(await frames(wire)) == ALL
        assert dropped == 0


@EACH_KIND
async def test_drop_oldest_keeps_the_newest(server: Server, kind: str) -> None:
    async with deaf(server, f"delivery=drop_oldest&size={MAY_WAIT}{kind}") as wire:
        closed, [waiting, dropped] = await pour(server, "all")
        assert closed is None
        assert dropped > 0
        assert waiting < MAY_WAIT + 200_000, "what waits, and what the transport holds"
        got = numbers(await frames(wire))
        assert len(got) + dropped == COUNT
        gap = next(index for index in ALL if got[index] != index)
        assert got[gap:] == list(range(COUNT - len(got) + gap, COUNT)), "one gap, and then the end"
        assert MAY_WAIT - 3 * SIZE < (len(got) - gap) * SIZE < MAY_WAIT


@EACH_KIND
async def test_latest_keeps_the_newest_of_each_key(server: Server, kind: str) -> None:
    async with deaf(server, f"delivery=latest&size={MAY_WAIT}{kind}") as wire:
        closed, [waiting, dropped] = await pour(server, "all")
        assert closed is None
        assert waiting < 8 * (SIZE + 64) + 200_000
        got = numbers(await frames(wire))
        assert len(got) + dropped == COUNT
        assert got[-7:] == ALL[-7:]
        assert got[:-7] == ALL[: len(got) - 7]


async def test_coalesce_sends_all_in_arrays(server: Server) -> None:
    async with deaf(server, "delivery=coalesce") as wire:
        _, [_, dropped] = await pour(server, "bytes too")
        got = await frames(wire)
        texts: list[str] = []
        for each in got:
            if each.opcode == TEXT:
                texts += json.loads(each.payload)
            else:
                assert int(each.payload) == len(texts) - 1, "in its place among the texts"
        assert dropped == 0
        assert texts.pop() == "that is all"
        assert [int(text) for text in texts] == ALL
        assert max(len(each.payload) for each in got) <= 70_000
        assert sum(each.opcode == TEXT for each in got) < COUNT / 8


async def test_a_client_that_never_reads_is_let_go_of_without_it(serve: Serving) -> None:
    limits = {"websocket_close_timeout_s": 0.05}
    server = await serve(POURS, objects=["Tap"], limits=limits)
    async with deaf(server, f"delivery=close&size={MAY_WAIT}") as wire:
        await pour(server, "all")
        while server._front_side.front._sockets:
            await asyncio.sleep(0)
        await wire.rest()  # what the kernel had, and then the end


async def test_it_is_the_same_over_tls(serve: Serving, tmp_path: Path) -> None:
    """Only that the transport takes more before it says stop."""
    files = issue(tmp_path / "tls")
    server = await serve(POURS, objects=["Tap"], toml=files.toml)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (server.host, server.port))
    ends = await asyncio.open_connection(
        sock=raw, limit=4096, ssl=client_context(), server_hostname="localhost"
    )
    async with Wire(*ends) as wire:
        await wire.upgrade(f"/?delivery=drop_oldest&size={MAY_WAIT}")
        closed, [waiting, dropped] = await pour(server, "all")
        assert closed is None
        assert dropped > 0
        assert waiting < MAY_WAIT + 1_000_000
        got = numbers(await frames(wire))
        assert len(got) + dropped == COUNT
        assert got[-1] == COUNT - 1


ROOM = """
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            client, server = WebSocketPair()
            server.accept(delivery=request.parsed_url.query["delivery"], queue_bytes_max=200_000)
            server.on_message = lambda event: self.ctx.broadcast(event.data, key="all")
            return Response(None, status=101, web_socket=client)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name("one").fetch(request)
"""


@pytest.mark.parametrize("delivery", ["close", "drop_oldest", "latest", "coalesce"])
async def test_one_that_stalls_does_not_touch_the_others(serve: Serving, delivery: str) -> None:
    server = await serve(ROOM, objects=["Room"])
    path = f"/?delivery={delivery}"
    async with contextlib.AsyncExitStack() as stack:
        stalled = await stack.enter_async_context(
            await Wire.connect(server.url, receive_buffer_size=4096)
        )
        await stalled.upgrade(path)
        [slow] = server._front_side.front._sockets
        readers = []
        for _ in range(10):
            wire = await stack.enter_async_context(await Wire.connect(server.url))
            await wire.upgrade(path)
            readers.append(wire)
        count = 0
        since = 0
        while since < 50:  # messages after it has stalled
            text = f"{count:20000}"
            readers[0].send(frame(TEXT, text))
            expected = json.dumps([text]) if delivery == "coalesce" else text
            assert [await wire.text() for wire in readers] == [expected] * len(readers)
            count += 1
            since += not slow._takes_more
            assert count < 2000, "it never stalled"
