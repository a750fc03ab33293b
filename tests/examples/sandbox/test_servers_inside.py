"""examples/sandbox_*: servers in sandboxes, in Python and for Bun, and their clients outside."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from perdure.runtime.server import Server
from tests.examples.conftest import EXAMPLES
from tests.examples.sandbox.projects import BUN, PYTHON, copied

pytestmark = pytest.mark.sandbox
Serve = Callable[[str], Awaitable[str]]


@pytest.fixture(params=[PYTHON, BUN])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(start: Callable[[Path], Awaitable[Server]], kind: str, tmp_path: Path) -> Serve:
    """Starts an example with one of its two servers; gives its URL."""

    async def serve(name: str) -> str:
        server = await start(copied(EXAMPLES / name, kind, tmp_path / name))
        return server.url

    return serve


def ws(url: str) -> str:
    return "ws" + url.removeprefix("http")


async def echoed(socket: ClientConnection, text: str) -> None:
    await socket.send(text)
    assert await socket.recv() == f"Echo: {text}"


def test_the_servers_are_the_same_in_both_examples() -> None:
    for name in ("python/echo_server.py", "python/startup.sh", "bun/echo-server.ts"):
        one, other = (EXAMPLES / each / name for each in ("sandbox_echo", "sandbox_preview"))
        assert one.read_bytes() == other.read_bytes()


async def test_an_echo_through_ws_connect(serve: Serve, http: aiohttp.ClientSession) -> None:
    url = await serve("sandbox_echo")
    async with connect(ws(url)) as one, connect(ws(url) + "/any/path?a=b") as other:
        await echoed(one, "Hello!")
        await echoed(other, "ünïcode" * 10_000)
        await echoed(one, "")
        await other.close(4000, "enough")
        assert (other.close_code, other.close_reason) == (4000, "enough")
        await echoed(one, "still here")
    async with http.get(url) as answer:
        assert (answer.status, await answer.text()) == (200, "WebSocket endpoint")


async def test_an_echo_through_a_preview_url(
    serve: Serve, http: aiohttp.ClientSession, kind: str
) -> None:
    url = await serve("sandbox_preview")
    port = int(url.rpartition(":")[2])
    async with http.get(url + "/ws-url") as answer:
        told = (await answer.json())["url"]
    found = re.fullmatch(rf"ws://(8080-echo-service-[a-z0-9_]{{16}}\.localhost:{port})", told)
    assert found, told
    async with connect(told, host="127.0.0.1", port=port) as one:
        await echoed(one, "Hello!")
        async with http.get(url + "/ws-url") as answer:  # the next client's
            assert (await answer.json())["url"] == told
        await echoed(one, "still here")
    async with http.get(url, headers={"Host": found[1]}) as answer:
        if kind == BUN:
            assert (answer.status, await answer.text()) == (200, "WebSocket echo server")
        else:
            assert answer.status == 426
    async with http.get(url + "/elsewhere") as answer:
        assert (answer.status, await answer.text()) == (404, "Not found")


async def test_who_guesses_the_token_of_a_preview_gets_no_connection(
    serve: Serve, http: aiohttp.ClientSession
) -> None:
    url = await serve("sandbox_preview")
    port = int(url.rpartition(":")[2])
    async with http.get(url + "/ws-url") as answer:
        assert answer.status == 200
    guessed = f"ws://8080-echo-service-{'a' * 16}.localhost:{port}"
    with pytest.raises(InvalidStatus) as refused:
        await connect(guessed, host="127.0.0.1", port=port)
    assert refused.value.response.status_code == 404


async def test_a_server_is_started_by_its_first_client(
    serve: Serve, http: aiohttp.ClientSession
) -> None:
    url = await serve("sandbox_first_use")
    async with http.get(url) as answer:
        assert await answer.text() == "WebSocket endpoint"

    async def converse(number: int) -> None:
        async with connect(ws(url)) as socket:
            await echoed(socket, f"from {number}")

    await asyncio.gather(*map(converse, range(3)))  # all of them are first
    await converse(4)


async def test_ordinary_requests_are_answered_with_real_time_data(
    serve: Serve, http: aiohttp.ClientSession
) -> None:
    url = await serve("sandbox_live_data")
    async with http.get(url, params={"count": "4"}) as answer:
        told = await answer.json()
    assert [reading["number"] for reading in told["readings"]] == [1, 2, 3, 4]
    assert told["memory_kib_max"] == max(each["memory_kib"] for each in told["readings"]) > 0
    async with connect(ws(url)) as socket:
        heard: list[dict[str, Any]] = [json.loads(await socket.recv()) for _ in range(2)]
    assert [reading["number"] for reading in heard] == [1, 2]
    for count in ("0", "many", "101"):
        async with http.get(url, params={"count": count}) as answer:
            assert answer.status == 400
