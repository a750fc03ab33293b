"""A page in Chromium, aiohttp and websockets talk through one actor."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.browser import Tab, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_factories=["uvloop"]),  # one will do: a browser takes its time
]

Serve = Callable[[str], Awaitable[str]]


class ChatTab(Tab):
    """The page of the example."""

    async def join(self, name: str) -> None:
        await self.run(
            f"document.querySelector('#name').value = {json.dumps(name)};"
            "document.querySelector('#join').requestSubmit()"
        )
        await self.wait_for("document.querySelector('#status').className === 'open'")

    async def say(self, message: str) -> None:
        await self.run(
            f"document.querySelector('#message').value = {json.dumps(message)};"
            "document.querySelector('#say').requestSubmit()"
        )

    async def messages(self, count: int) -> list[str]:
        """The messages shown, as they came, when there are ``count`` of them."""
        await self.wait_for(f"document.querySelectorAll('.message').length >= {count}")
        shown = await self.run(
            "[...document.querySelectorAll('.message')].map(m => m.dataset.text)"
        )
        assert isinstance(shown, list)
        return shown

    async def status(self) -> Any:
        return await self.run("document.querySelector('#status').textContent")


@pytest.fixture
async def new_tab(
    tmp_path: Path, http: aiohttp.ClientSession
) -> AsyncIterator[Callable[[], Awaitable[ChatTab]]]:
    async with chromium(tmp_path / "profile", http) as open_tab:

        async def new_tab() -> ChatTab:
            return ChatTab(await open_tab())

        yield new_tab


def parts(message: str) -> tuple[str, str, str, int]:
    found = re.fullmatch(
        r"\[Durable Object\] message: (.*), from: (\S+), to: (.+)\. Total connections: (\d+)",
        message,
    )
    assert found, message
    return found[1], found[2], found[3], int(found[4])


async def hear(ws: ClientConnection, count: int) -> list[str]:
    return [str(await ws.recv()) for _ in range(count)]


ME = "the initiating client"
REST = "all clients except the initiating client"
ALL = "all clients"


async def test_three_real_clients_talk_through_one_actor(
    serve: Serve, http: aiohttp.ClientSession, new_tab: Callable[[], Awaitable[ChatTab]]
) -> None:
    url = await serve("websocket_server")
    tab = await new_tab()
    await tab.open(url)
    await tab.join("lobby")
    ws_url = "ws" + url.removeprefix("http") + "/websocket?name=lobby"
    async with http.ws_connect(ws_url) as one, connect(ws_url) as other:
        await tab.say("from the page")
        assert [parts(m)[::2] for m in await tab.messages(2)] == [
            ("from the page", ME),
            ("from the page", ALL),
        ]
        for heard in (await hear(other, 2), [await one.receive_str(), await one.receive_str()]):
            assert [parts(m)[::2] for m in heard] == [
                ("from the page", REST),
                ("from the page", ALL),
            ]
            assert [parts(m)[3] for m in heard] == [3, 3]

        await one.send_str("from aiohttp")
        await other.send("from websockets")
        shown = await tab.messages(6)
        assert sorted(parts(m)[::2] for m in shown[2:]) == [
            ("from aiohttp", ALL),
            ("from aiohttp", REST),
            ("from websockets", ALL),
            ("from websockets", REST),
        ]
        assert len({parts(m)[1] for m in shown}) == 3  # each client has an id of its own
        assert await tab.status() == "Connected to “lobby” · 3\xa0connections"


async def test_two_names_never_see_each_others_messages(
    serve: Serve, new_tab: Callable[[], Awaitable[ChatTab]]
) -> None:
    url = await serve("websocket_server")
    red, blue = await new_tab(), await new_tab()
    for tab, name in ((red, "red & <b>"), (blue, "blue/green")):
        await tab.open(url)
        await tab.join(name)
    ws_url = "ws" + url.removeprefix("http") + "/websocket/blue%2Fgreen"
    async with connect(ws_url) as other:
        for number in range(5):
            await red.say(f"red {number}")
            await blue.say(f"blue {number}")
        heard = await hear(other, 10)
        assert {parts(m)[0] for m in heard} == {f"blue {n}" for n in range(5)}
        assert {parts(m)[3] for m in heard} == {2}
    assert {parts(m)[0] for m in await red.messages(10)} == {f"red {n}" for n in range(5)}
    assert {parts(m)[3] for m in await red.messages(10)} == {1}
    assert {parts(m)[0] for m in await blue.messages(10)} == {f"blue {n}" for n in range(5)}


async def test_a_message_is_shown_as_text_whatever_stands_in_it(
    serve: Serve, new_tab: Callable[[], Awaitable[ChatTab]]
) -> None:
    tab = await new_tab()
    await tab.open(await serve("websocket_server"))
    await tab.join("foo")
    message = "<img src=x onerror=document.title='hacked'>, from: me, to: you. Total connections: 9"
    await tab.say(message)
    assert [parts(m)[0] for m in await tab.messages(2)] == [message, message]
    assert await tab.run("document.querySelectorAll('#log img').length") == 0
    assert await tab.status() == "Connected to “foo” · 1\xa0connection"


async def test_a_lost_connection_is_told_and_can_be_made_again(
    serve: Serve, http: aiohttp.ClientSession, new_tab: Callable[[], Awaitable[ChatTab]]
) -> None:
    url = await serve("websocket_server")
    tab = await new_tab()
    await tab.open(url + "/?name=kept")
    await tab.join("kept")
    await tab.run("socket.close(4000, 'cut')")  # not by the page's own button
    await tab.wait_for("document.querySelector('#status').className === 'lost'")
    assert await tab.run("document.querySelector('#send').disabled") is True
    await tab.run("document.querySelector('#reconnect').click()")
    await tab.wait_for("document.querySelector('#status').className === 'open'")
    await tab.say("back")
    assert [parts(m)[0] for m in await tab.messages(2)] == ["back", "back"]
    await tab.run("document.querySelector('#leave').click()")
    assert await tab.status() == "Not connected"
    assert await tab.run("location.search") == "?name=kept"
