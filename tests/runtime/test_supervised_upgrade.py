"""Routers are replaced, and their clients notice nothing: real processes, real clients."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.relays import Succession
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.supervised import SupervisedServer
from tests.runtime.edge.tls import client_context, issue
from tests.runtime.shards.link.ends import until
from tests.runtime.test_supervised import get, running
from tests.runtime.test_supervised_sockets import KINDS, MAIN, Speaker, join
from tests.serving import Serving

OBJECTS = ["Room", "Deaf"]


def routers(server: SupervisedServer) -> dict[int, ChildState]:
    processes = server.supervisor.statistics().processes
    return {one.pid: one.state for one in processes if one.role is Role.ROUTER}


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
        for speaker in speakers:
            await speaker.go_on(20)
            await speaker.socket.close()
        await until(lambda: before not in routers(server))
        assert await get(session, f"{server.url}/room/standard/count") == 80


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
            succession = await server.upgrade(limited)
            assert (succession.routers, succession.moved) == (2, 0)


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
