"""Routers are replaced, and their clients notice nothing: real processes, real clients."""

import asyncio
import contextlib
import hashlib
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.control.client import operate_on
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.relays import Succession
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.supervised import SupervisedServer
from tests.runtime.edge.tls import client_context, issue
from tests.runtime.shards.link.ends import until
from tests.runtime.test_supervised import get, running
from tests.runtime.test_supervised_sockets import KINDS, MAIN, Speaker, join
from tests.serving import Serving
from tests.town import Listener
from tests.wire import BINARY, CONTINUATION, TEXT, Wire, frame

OBJECTS = ["Room", "Deaf"]


def routers(server: SupervisedServer) -> dict[int, ChildState]:
    processes = server.supervisor.statistics().processes
    return {one.pid: one.state for one in processes if one.role is Role.ROUTER}


TRAVELLERS = """
    import asyncio
    import hashlib
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.gate = asyncio.Event()
            self.made = 0

        async def fetch(self, request):
            what = request.parsed_url.path.split("/")[2]
            if what == "wait":
                await self.gate.wait()
                return Response("waited")
            if what == "open":
                self.gate.set()
                return Response("opened")
            if what == "made":
                return Response.json(self.made)
            self.made += 1
            client, server = WebSocketPair()
            if what == "hibernating":
                self.ctx.accept_web_socket(server)
            else:
                server.accept(queue_bytes_max=2**26)
                server.on_message = lambda event: self.web_socket_message(server, event.data)
            server.heard = 0
            return Response(None, status=101, web_socket=client)

        async def web_socket_message(self, ws, message):
            ws.heard += 1
            heard = ws.heard
            if isinstance(message, bytes):
                ws.send(hashlib.sha256(message).hexdigest())
            elif message.startswith("flood"):
                for number in range(int(message[5:])):
                    ws.send(f"{number:0100000}")
            elif message == "push":
                self.ctx.wait_until(self.push(ws))
            else:
                await asyncio.sleep(0)
                ws.send(f"{message} {heard}")

        async def push(self, ws):
            number = 0
            while not self.gate.is_set():
                ws.send(f"pushed {number}")
                number += 1
                await asyncio.sleep(0.001)
            ws.send("pushed all")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            name = request.parsed_url.path.split("/")[1]
            return await self.env.ROOM.get_by_name(name).fetch(request)
"""


async def until_handed_over(server: SupervisedServer) -> None:
    """All that the old routers had has moved, or ended."""
    await until(lambda: set(routers(server).values()) == {ChildState.SERVING})


async def until_landed(data: Path, count: int) -> None:
    """The router has so many WebSockets, after it was given the last of them."""
    held = -1
    async with operate_on(data, {}, needs_server=True) as operations:
        while held != count:
            seen = Listener()
            await operations.run("processes", {}, seen)
            held = sum(item["client_sockets"] or 0 for item in seen.items)


@pytest.mark.parametrize("how", KINDS)
async def test_a_plain_socket_goes_over_with_what_is_under_way_and_stays_the_same(
    serve: Serving, tmp_path: Path, how: str
) -> None:
    config = serve.write(TRAVELLERS, objects=["Room"])
    async with (
        running(config, tmp_path / "data", workers=1, routers=2) as server,
        aiohttp.ClientSession() as session,
    ):
        client = await session.ws_connect(f"{server.url}/a/{how}")
        pushed = await session.ws_connect(f"{server.url}/a/{how}")
        await pushed.send_str("push")
        said, heard = 0, 0

        async def talk(until_heard: int) -> None:
            nonlocal said, heard
            while heard < until_heard:
                while said < heard + 5:
                    said += 1
                    await client.send_str(str(said))
                heard += 1
                assert await client.receive_str(timeout=60) == f"{heard} {heard}"

        await talk(20)
        for _ in range(2):
            talking = asyncio.ensure_future(talk(heard + 300))
            succession = await server.upgrade()
            assert succession.routers == 2
            await talking
            await until_handed_over(server)
        async with session.get(f"{server.url}/a/open") as response:
            assert await response.text() == "opened"
        number = 0
        while (push := await pushed.receive_str(timeout=60)) != "pushed all":
            assert push == f"pushed {number}"
            number += 1
        assert number > 0
        assert await get(session, f"{server.url}/a/made") == 2
        await client.close()
        await pushed.close()


FIVE_SOCKETS = """
    [[perdure.firewall]]
    action = "limit"
    upgrade = true
    connections = 5
"""


async def test_large_messages_of_which_half_has_come_go_over_and_are_counted(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(TRAVELLERS, objects=["Room"], toml=FIVE_SOCKETS)
    pieces = [os.urandom(300_000), os.urandom(400_000), os.urandom(2**20 - 700_000)]
    opcodes = [BINARY, CONTINUATION, CONTINUATION]
    message = b"".join(
        frame(opcode, piece, final=piece is pieces[-1])
        for opcode, piece in zip(opcodes, pieces, strict=True)
    )
    cuts = [3, 9, 300_000, 300_020, 700_000]
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        contextlib.AsyncExitStack() as stack,
    ):
        wires = [await stack.enter_async_context(await Wire.connect(server.url)) for _ in cuts]
        for wire, cut in zip(wires, cuts, strict=True):
            assert (await wire.upgrade("/a/standard")).status == 101
            wire.send(frame(TEXT, "first") + message[:cut])
            assert await wire.text() == "first 1"
            await wire.drain()
        assert await server.upgrade() == Succession(1, len(cuts), 0)
        await until_handed_over(server)
        await until_landed(tmp_path / "data", len(cuts))
        async with await Wire.connect(server.url) as sixth:
            assert (await sixth.upgrade("/a/standard")).status == 429, "their places are taken"
        for wire, cut in zip(wires, cuts, strict=True):
            wire.send(message[cut:])
            assert await wire.text() == hashlib.sha256(b"".join(pieces)).hexdigest()
            wire.send(frame(TEXT, "last"))
            assert await wire.text() == "last 3"
            wire.vanish()
        answers: list[int] = []
        while 101 not in answers:  # until the resets have come, and their places are free
            async with await Wire.connect(server.url) as sixth:
                answers.append((await sixth.upgrade("/a/standard")).status)
        assert set(answers) <= {101, 429}


async def test_a_client_that_does_not_read_gets_all_of_it_later(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(TRAVELLERS, objects=["Room"])
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        await Wire.connect(server.url, receive_buffer_size=4096) as wire,
    ):
        assert (await wire.upgrade("/a/standard")).status == 101
        wire.send(frame(TEXT, "first"))
        assert await wire.text() == "first 1"
        wire.send(frame(TEXT, "flood200"))
        assert await wire.text() == f"{0:0100000}"
        assert (await server.upgrade()).staying == 1
        # The one in the middle has nobody yet, and is who gets it from the first.
        assert await server.upgrade() == Succession(1, 0, 0)
        assert list(routers(server).values()).count(ChildState.RELAYING) == 2
        for number in range(1, 200):
            assert await wire.text() == f"{number:0100000}"
        await until_handed_over(server)
        wire.send(frame(TEXT, "last"))
        assert await wire.text() == "last 3"


async def test_http_connections_go_over_between_two_requests(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(TRAVELLERS, objects=["Room"])
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        await Wire.connect(server.url) as idle,
        await Wire.connect(server.url) as busy,
        await Wire.connect(server.url) as half,
        await Wire.connect(server.url) as fresh,
    ):
        ask = ("GET /a/made HTTP/1.1", "Host: a")
        idle.say(*ask)
        assert (await idle.answer()).body == b"0"
        busy.say("GET /a/wait HTTP/1.1", "Host: a")
        half.send(b"GET /a/made HT")
        before = set(routers(server))
        succession = await server.upgrade()
        assert succession.moved + succession.staying == 4
        idle.say(*ask)
        answer = await idle.answer()
        assert (answer.body, answer.get("Connection")) == (b"0", None)
        fresh.say("GET /a/open HTTP/1.1", "Host: a")
        assert (await fresh.answer()).body == b"opened"
        answer = await busy.answer()
        assert (answer.body, answer.get("Connection")) == (b"waited", None)
        half.send(b"TP/1.1\r\nHost: a\r\n\r\n")
        assert (await half.answer()).status == 200
        await until_handed_over(server)
        assert not before & set(routers(server))
        for wire in (idle, busy):
            wire.say(*ask)
            assert (await wire.answer()).body == b"0"


async def test_a_successor_that_is_killed_costs_nobody_else(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=OBJECTS, toml=issue(tmp_path / "tls").toml)
    connector = aiohttp.TCPConnector(ssl=client_context())
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        speaker = Speaker(await session.ws_connect(f"{server.url}/room/a/standard"))
        await speaker.go_on(10)
        (before,) = routers(server)
        await server.upgrade()
        (after,) = set(routers(server)) - {before}
        os.kill(after, signal.SIGKILL)
        await until(lambda: len(set(routers(server)) - {before, after}) == 1)
        await speaker.go_on(20)
        await speaker.socket.close()
        await until_handed_over(server)


async def test_a_connection_with_tls_stays_where_it_is_until_it_ends(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=OBJECTS, toml=issue(tmp_path / "tls").toml)
    connector = aiohttp.TCPConnector(ssl=client_context())
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        speakers = [
            Speaker(await session.ws_connect(f"{server.url}/room/{how}/{how}")) for how in KINDS
        ]
        (before,) = routers(server)
        speaking = [asyncio.ensure_future(speaker.go_on(60)) for speaker in speakers]
        await until(lambda: all(len(speaker.heard) > 5 for speaker in speakers))
        assert await server.upgrade() == Succession(1, 0, 2)
        await asyncio.gather(*speaking)
        assert routers(server)[before] is ChildState.RELAYING
        assert len(routers(server)) == 2
        await server.supervisor.replace_all(drain_s=10)
        for workers in (3, 2):  # more, then fewer: the relay, too, hears who has which actors now
            speaking = [asyncio.ensure_future(speaker.go_on(20)) for speaker in speakers]
            await server.resize(workers)
            await asyncio.gather(*speaking)
        for speaker in speakers:
            await speaker.go_on(20)
            await speaker.socket.close()
        await until(lambda: before not in routers(server))
        assert await get(session, f"{server.url}/room/standard/count") == 120


async def test_who_stays_longer_than_a_relay_may_last_is_told_to_go(
    serve: Serving, tmp_path: Path
) -> None:
    toml = issue(tmp_path / "tls").toml
    config = serve.write(MAIN, objects=OBJECTS, toml=toml, limits={"relay_max_s": 0.05})
    connector = aiohttp.TCPConnector(ssl=client_context())
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        client = await session.ws_connect(f"{server.url}/room/a/standard")
        await server.upgrade()
        message = await client.receive(timeout=60)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)


async def test_new_connections_go_by_the_new_configuration(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=OBJECTS)
    limited = serve.write(MAIN, objects=OBJECTS, limits={"header_size_bytes_max": 1000})
    async with running(config, tmp_path / "data", workers=1, routers=2) as server:
        url = f"{server.url}/room/a/count"
        for status in (200, 431):
            async with (
                aiohttp.ClientSession(headers={"X": "x" * 2000}) as session,
                session.get(url) as response,
            ):
                assert response.status == status
            assert (await server.upgrade(limited)).routers == 2


async def test_nobody_is_refused_or_cut_off_meanwhile(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=OBJECTS)
    async with (
        running(config, tmp_path / "data", routers=2) as server,
        aiohttp.ClientSession() as session,
    ):
        speakers = await join(session, server)
        is_over = False

        async def come_and_go() -> int:
            count = 0
            while not is_over:
                async with aiohttp.ClientSession() as another:
                    assert await get(another, f"{server.url}/room/z/count") == 0
                assert await get(session, f"{server.url}/room/z/count") == 0
                count += 1
            return count

        visitors = asyncio.ensure_future(come_and_go())
        for _ in range(2):
            speaking = [asyncio.ensure_future(speaker.go_on(40)) for speaker in speakers]
            await server.upgrade()
            await asyncio.gather(*speaking)
        is_over = True
        assert await visitors > 0
        for speaker in speakers:
            await speaker.socket.close()
        await until(lambda: set(routers(server).values()) == {ChildState.SERVING})


@pytest.mark.parametrize("how", KINDS)
async def test_a_server_that_stops_ends_its_relays_in_good_order(
    serve: Serving, tmp_path: Path, how: str
) -> None:
    config = serve.write(MAIN, objects=OBJECTS, toml=issue(tmp_path / "tls").toml)
    connector = aiohttp.TCPConnector(ssl=client_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        async with running(config, tmp_path / "data", workers=1) as server:
            client = await session.ws_connect(f"{server.url}/room/a/{how}")
            await Speaker(client).go_on(3)
            await server.upgrade()
        message = await client.receive(timeout=60)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
