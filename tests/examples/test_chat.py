"""examples/chat: presence, history, and nothing missed or doubled over a broken connection."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from perdure.runtime.server import Server
from tests.browser import Tab, chromium

Serve = Callable[[str], Awaitable[str]]
CHAT = Path(__file__).parents[2] / "examples" / "chat"


@pytest.fixture
async def url(serve: Serve) -> str:
    return await serve("chat")


def enter(url: str, name: str, room: str = "lobby", **query: int) -> connect:
    more = "".join(f"&{key}={value}" for key, value in query.items())
    return connect(f"ws{url.removeprefix('http')}/room/{room}?name={name}{more}")


async def hear(ws: ClientConnection) -> Any:
    return json.loads(await ws.recv())


async def say(ws: ClientConnection, text: str, mark: str) -> None:
    await ws.send(json.dumps({"text": text, "id": mark}))


async def test_who_comes_and_goes_is_told_to_the_others(url: str) -> None:
    async with enter(url, "Ada") as ada:
        assert await hear(ada) == {"type": "welcome", "here": ["Ada"], "messages": []}
        async with enter(url, "Bob") as bob:
            assert (await hear(bob))["here"] == ["Ada", "Bob"]
            assert await hear(ada) == {"type": "join", "name": "Bob"}
            async with enter(url, "Bob") as again:  # in a second tab: he is here already
                assert (await hear(again))["here"] == ["Ada", "Bob"]
        assert await hear(ada) == {"type": "leave", "name": "Bob"}
        async with enter(url, "Cid") as cid:
            assert (await hear(cid))["here"] == ["Ada", "Cid"]


async def test_a_message_reaches_all_of_its_room_and_nobody_else(url: str) -> None:
    async with enter(url, "Ada") as ada, enter(url, "Bob") as bob, enter(url, "C", "x") as other:
        for ws in (ada, bob, other):
            await hear(ws)
        await hear(ada)
        await say(ada, "hello", "1")
        said = await hear(bob)
        assert (said["name"], said["text"], said["number"]) == ("Ada", "hello", 1)
        assert await hear(ada) == said
        await say(other, "alone", "1")
        assert (await hear(other))["text"] == "alone"


async def test_who_comes_back_gets_what_was_missed_and_nothing_else(url: str) -> None:
    async with enter(url, "Ada") as ada:
        await hear(ada)
        for number in range(1, 6):
            await say(ada, f"message {number}", str(number))
            await hear(ada)
        async with enter(url, "Bob", after=3) as bob:
            missed = (await hear(bob))["messages"]
            assert [(m["number"], m["text"]) for m in missed] == [
                (4, "message 4"),
                (5, "message 5"),
            ]
        async with enter(url, "Cid") as cid:
            assert [m["number"] for m in (await hear(cid))["messages"]] == [1, 2, 3, 4, 5]


async def test_what_is_said_twice_with_one_mark_is_said_once(url: str) -> None:
    async with enter(url, "Ada") as ada:
        await hear(ada)
        await say(ada, "hello", "mark")
        await say(ada, "hello", "mark")
        await say(ada, "another", "other")
        assert [(await hear(ada))["text"] for _ in range(2)] == ["hello", "another"]


async def test_only_the_last_fifty_are_shown_to_who_is_new(url: str) -> None:
    async with enter(url, "Ada") as ada:
        await hear(ada)
        for number in range(60):
            await say(ada, str(number), str(number))
        for _ in range(60):
            await hear(ada)
        async with enter(url, "Bob") as bob:
            assert [m["number"] for m in (await hear(bob))["messages"]] == list(range(11, 61))


@pytest.mark.parametrize("bad", ["garbage", "[]", "{}", '{"text": "no mark"}', "5"])
async def test_what_is_no_message_is_answered_and_does_no_harm(url: str, bad: str) -> None:
    async with enter(url, "Ada") as ada:
        await hear(ada)
        await ada.send(bad)
        assert (await hear(ada))["type"] == "error"
        await ada.send("ping")
        assert await ada.recv() == "pong"
        await say(ada, "still here", "1")
        assert (await hear(ada))["text"] == "still here"


async def test_other_requests(url: str, http: aiohttp.ClientSession) -> None:
    for path, status in (("/", 200), ("/room/x?name=Ada", 426), ("/room/", 404), ("/other", 404)):
        async with http.get(url + path) as response:
            assert response.status == status, path
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(url + "/room/x?name=%20")
    assert refused.value.status == 400


# The page.


class ChatTab(Tab):
    async def come_in(self, url: str, name: str) -> None:
        await self.open(f"{url}/?room=lobby")
        await self.run(
            f"document.querySelector('#name').value = {json.dumps(name)};"
            "document.querySelector('#enter').requestSubmit()"
        )
        await self.is_connected()

    async def is_connected(self) -> None:
        await self.wait_for("document.querySelector('#status').className === 'open'")

    async def say(self, text: str) -> None:
        await self.run(
            f"document.querySelector('#text').value = {json.dumps(text)};"
            "document.querySelector('#say').requestSubmit()"
        )

    async def texts(self, count: int) -> Any:
        await self.wait_for(f"document.querySelectorAll('[data-number]').length >= {count}")
        return await self.run(
            "[...document.querySelectorAll('[data-number]')].map(m => m.dataset.text)"
        )

    async def here(self) -> Any:
        return await self.run("[...document.querySelectorAll('#here li')].map(e => e.textContent)")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_a_server_that_starts_again_is_not_missed_by_the_page(
    start: Callable[..., Awaitable[Server]], http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = await start(CHAT)
    url, port = server.url, server.port
    async with chromium(tmp_path / "profile", http) as open_tab:
        ada, bob = ChatTab(await open_tab()), ChatTab(await open_tab())
        await ada.come_in(url, "Ada")
        await bob.come_in(url, "Bob & <b>")
        await ada.wait_for("document.querySelectorAll('#here li').length === 2")
        assert await ada.here() == ["Ada (you)", "Bob & <b>"]
        await ada.say("<img src=x onerror=document.title='hacked'>")
        await ada.texts(1)  # before the other's: each page has a connection of its own
        await bob.say("hi")
        assert len(await ada.texts(2)) == 2
        assert await bob.texts(2) == await ada.texts(2)
        assert await ada.run("document.querySelectorAll('#log img').length") == 0

        await server.stop(drain_s=0)
        await ada.wait_for("document.querySelector('#status').className === 'lost'")
        await ada.say("said while nobody was there")
        await start(CHAT, port)
        await ada.is_connected()
        await bob.is_connected()
        expected = ["<img src=x onerror=document.title='hacked'>", "hi"]
        expected.append("said while nobody was there")
        assert await ada.texts(3) == expected
        assert await bob.texts(3) == expected
        assert await ada.run("document.querySelectorAll('.waits').length") == 0
        await ada.wait_for("document.querySelectorAll('#here li').length === 2")
        await bob.say("nothing is lost")
        assert (await ada.texts(4))[-1] == "nothing is lost"
