"""examples/workers_websocket: an echo without any actor, and a client that connects out."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets

Serve = Callable[[str], Awaitable[str]]


@pytest.fixture
async def url(serve: Serve) -> str:
    return await serve("workers_websocket")


@pytest.fixture
async def other_server() -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Starts a WebSocket server of another make; it does to each client what its name says."""
    servers = []

    async def start(what: str) -> str:
        async def handle(ws: ServerConnection) -> None:
            if what == "answers":
                await ws.send(f"you said {await ws.recv()!s}")
            elif what == "leaves":
                await ws.close(4321, "no time")

        server = await serve_websockets(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_without_an_upgrade_the_answer_is_426(url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(url) as response:
        assert response.status == 426
        assert await response.text() == "Expected Upgrade: websocket"


async def test_text_and_bytes_come_back_in_order(url: str) -> None:
    async with connect("ws" + url.removeprefix("http")) as ws:
        messages: list[str | bytes] = ["hello", b"\x00\xff", "", "ünïcode"]
        for message in messages:
            await ws.send(message)
        assert [await ws.recv() for _ in messages] == messages
        await ws.close(4000, "enough")
        assert (ws.close_code, ws.close_reason) == (4000, "enough")


async def test_each_client_hears_only_itself(url: str, http: aiohttp.ClientSession) -> None:
    async with connect("ws" + url.removeprefix("http")) as one, http.ws_connect(url) as other:
        await one.send("one")
        await other.send_str("other")
        assert await one.recv() == "one"
        assert await other.receive_str() == "other"


async def test_the_worker_is_a_client_of_itself(url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(url + "/client") as response:
        assert response.status == 200
        assert await response.text() == "hello"


async def test_the_worker_is_a_client_of_another_server(
    url: str, http: aiohttp.ClientSession, other_server: Callable[[str], Awaitable[str]]
) -> None:
    params = {"url": await other_server("answers")}
    async with http.get(url + "/client", params=params) as response:
        assert await response.text() == "you said hello"


async def test_a_server_that_closes_first_is_a_502_with_its_code(
    url: str, http: aiohttp.ClientSession, other_server: Callable[[str], Awaitable[str]]
) -> None:
    params = {"url": await other_server("leaves")}
    async with http.get(url + "/client", params=params) as response:
        assert response.status == 502
        assert await response.text() == f"{params['url']}: closed without an answer: 4321"


async def test_a_server_that_does_not_upgrade_is_a_502(
    serve: Serve, url: str, http: aiohttp.ClientSession
) -> None:
    counter = await serve("counter")  # speaks HTTP only
    async with http.get(url + "/client", params={"url": counter}) as response:
        assert response.status == 502
        assert await response.text() == f"{counter}: server didn't accept WebSocket"


@pytest.mark.parametrize("target", ["ws://127.0.0.1:1/", "not a url", "/relative"])
async def test_an_address_that_leads_nowhere_is_a_502(
    url: str, http: aiohttp.ClientSession, target: str
) -> None:
    async with http.get(url + "/client", params={"url": target}) as response:
        assert response.status == 502
        assert (await response.text()).startswith(f"{target}: ")
