"""examples/websocket_server: the messages of Cloudflare's example, and a name for each group."""

import re
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

Serve = Callable[[str], Awaitable[str]]
SUPPORTED = "Supported endpoints:/websocket: Expects a WebSocket upgrade request"
ME = "the initiating client"
REST = "all clients except the initiating client"
ALL = "all clients"


@pytest.fixture
async def url(serve: Serve) -> str:
    return await serve("websocket_server")


def text(message: str, sender: str, to: str, total: int) -> str:
    return (
        f"[Durable Object] message: {message}, from: {sender}, to: {to}. Total connections: {total}"
    )


def join(url: str) -> connect:
    return connect("ws" + url.removeprefix("http"))


def sender_of(message: str | bytes) -> str:
    found = re.search(r", from: ([0-9a-f-]{36}), to: ", str(message))
    assert found, message
    return found[1]


async def hear(ws: ClientConnection, count: int) -> list[str]:
    return [str(await ws.recv()) for _ in range(count)]


async def test_without_an_upgrade_the_answer_is_426(url: str, http: aiohttp.ClientSession) -> None:
    for path in ("/websocket", "/websocket/foo", "/websocket?name=foo"):
        async with http.get(url + path) as response:
            assert response.status == 426
            assert await response.text() == "Worker expected Upgrade: websocket"


async def test_an_upgrade_by_another_method_is_a_400(url: str, http: aiohttp.ClientSession) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    async with http.post(url + "/websocket", headers=headers) as response:
        assert response.status == 400
        assert await response.text() == "Worker expected GET method"


async def test_any_other_path_names_the_endpoint(url: str, http: aiohttp.ClientSession) -> None:
    for path in ("/other", "/websockets", "/a/websocket"):
        async with http.get(url + path) as response:
            assert response.status == 200
            assert response.content_type == "text/plain"
            assert await response.text() == SUPPORTED


async def test_the_page_stands_alone(url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(url + "/?name=foo") as response:
        assert response.content_type == "text/html"
        page = await response.text()
    assert not re.findall(r"https?://", page)  # nothing is loaded from elsewhere
    inputs = re.findall(r"<input id=\"(\w+)\"", page)
    assert inputs == ["name", "message"]
    assert len(re.findall(r"<label>[^<]+\s*<input", page)) == len(inputs)


async def test_a_lone_client_hears_the_answer_and_the_message_to_all(url: str) -> None:
    async with join(url + "/websocket") as ws:
        await ws.send("hi")
        answers = await hear(ws, 2)
        me = sender_of(answers[0])
        assert answers == [text("hi", me, ME, 1), text("hi", me, ALL, 1)]


async def test_two_libraries_exchange_messages_through_one_actor(
    url: str, http: aiohttp.ClientSession
) -> None:
    async with http.ws_connect(url + "/websocket") as one, join(url + "/websocket") as other:
        await one.send_str("from aiohttp")
        answers = [await one.receive_str(), await one.receive_str()]
        first = sender_of(answers[0])
        assert answers == [
            text("from aiohttp", first, ME, 2),
            text("from aiohttp", first, ALL, 2),
        ]
        assert await hear(other, 2) == [
            text("from aiohttp", first, REST, 2),
            text("from aiohttp", first, ALL, 2),
        ]
        await other.send("from websockets")
        answers = await hear(other, 2)
        second = sender_of(answers[0])
        assert second != first
        assert answers == [
            text("from websockets", second, ME, 2),
            text("from websockets", second, ALL, 2),
        ]
        assert [await one.receive_str(), await one.receive_str()] == [
            text("from websockets", second, REST, 2),
            text("from websockets", second, ALL, 2),
        ]


async def test_all_spellings_of_one_name_meet(url: str) -> None:
    paths = ("/websocket", "/websocket?name=foo", "/websocket/foo", "/websocket/f%6fo")
    sockets = [await join(url + path) for path in paths]
    await sockets[0].send("hi")
    for ws in sockets:
        assert all("Total connections: 4" in message for message in await hear(ws, 2))
    for ws in sockets:
        await ws.close()


async def test_two_names_never_see_each_others_messages(url: str) -> None:
    async with (
        join(url + "/websocket/one") as one,
        join(url + "/websocket/two") as two,
        join(url + "/websocket") as foo,
    ):
        for ws, name in ((one, "one"), (two, "two"), (foo, "foo")):
            for number in range(10):
                await ws.send(f"{name} {number}")
        for ws, name in ((one, "one"), (two, "two"), (foo, "foo")):
            heard = await hear(ws, 20)
            me = sender_of(heard[0])
            # All of its own, nothing else in between, and each counts one client.
            assert heard == [
                text(f"{name} {number}", me, to, 1) for number in range(10) for to in (ME, ALL)
            ]


async def test_a_client_that_leaves_is_no_longer_counted(
    url: str, http: aiohttp.ClientSession
) -> None:
    async with join(url + "/websocket/room") as stays:
        async with join(url + "/websocket/room") as leaves:
            await leaves.send("hi")
            await hear(leaves, 2)
            await leaves.close(1000, "bye")
            assert (leaves.close_code, leaves.close_reason) == (1000, "bye")
        await hear(stays, 2)
        await stays.send("alone")
        assert "Total connections: 1" in str(await stays.recv())
        async with http.get(url + "/connections/room") as response:
            assert await response.json() == {"name": "room", "connections": 1}
    async with http.get(url + "/connections?name=empty") as response:
        assert await response.json() == {"name": "empty", "connections": 0}


async def test_the_upgrade_header_counts_whatever_its_case(
    url: str, http: aiohttp.ClientSession
) -> None:
    async with http.ws_connect(url + "/websocket", headers={"Upgrade": "WebSocket"}) as ws:
        await ws.send_str("hi")
        assert "message: hi" in await ws.receive_str()
