"""examples/counter: values and their history, before and after a restart."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.server import Server

Serve = Callable[[str], Awaitable[str]]
COUNTER = Path(__file__).parents[2] / "examples" / "counter"


@pytest.fixture
async def url(serve: Serve) -> str:
    return await serve("counter")


async def get(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(url) as response:
        assert response.status == 200
        return await response.json()


async def post(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.post(url) as response:
        assert response.status == 200
        return await response.json()


async def test_a_counter_begins_at_zero_and_counts(url: str, http: aiohttp.ClientSession) -> None:
    counter = url + "/counter/apples"
    assert await get(http, counter) == {"name": "apples", "value": 0}
    assert await post(http, counter) == {"name": "apples", "value": 1}
    assert await post(http, counter + "?amount=41") == {"name": "apples", "value": 42}
    assert await post(http, counter + "?amount=-2") == {"name": "apples", "value": 40}
    assert await get(http, counter) == {"name": "apples", "value": 40}
    assert await get(http, url + "/counter/pears") == {"name": "pears", "value": 0}


async def test_the_history_has_the_latest_increment_first(
    url: str, http: aiohttp.ClientSession
) -> None:
    counter = url + "/counter/apples"
    assert await get(http, counter + "/history") == []
    for amount in (1, 2, 3):
        await post(http, f"{counter}?amount={amount}")
    history = await get(http, counter + "/history?limit=2")
    assert [(row["number"], row["amount"], row["value"]) for row in history] == [
        (3, 3, 6),
        (2, 2, 3),
    ]
    assert history[0]["time"] >= history[1]["time"]


async def test_fifty_clients_at_once_are_all_counted(url: str, http: aiohttp.ClientSession) -> None:
    counter = url + "/counter/busy"
    answers = await asyncio.gather(*(post(http, counter) for _ in range(50)))
    assert sorted(answer["value"] for answer in answers) == list(range(1, 51))
    history = await get(http, counter + "/history?limit=100")
    assert [row["value"] for row in history] == list(range(50, 0, -1))


async def test_value_and_history_survive_a_restart(
    start: Callable[[Path], Awaitable[Server]], http: aiohttp.ClientSession
) -> None:
    server = await start(COUNTER)
    for _ in range(3):
        await post(http, server.url + "/counter/apples")
    history = await get(http, server.url + "/counter/apples/history")
    await server.stop(drain_s=0)

    server = await start(COUNTER)
    assert await get(http, server.url + "/counter/apples/history") == history
    assert await post(http, server.url + "/counter/apples") == {"name": "apples", "value": 4}


async def test_what_is_not_understood_gets_an_answer_that_says_so(
    url: str, http: aiohttp.ClientSession
) -> None:
    async def status(method: str, path: str) -> tuple[int, str]:
        async with http.request(method, url + path) as response:
            return response.status, await response.text()

    for path in ("/", "/counter", "/counter//", "/counter/a/b", "/counter/a/history/x"):
        code, answer = await status("GET", path)
        assert code == 404, path
        assert answer.startswith("GET  /counter/<name> ")
    assert (await status("DELETE", "/counter/a"))[0] == 405
    for amount in ("many", "", "1.5", "1000000001"):
        code, answer = await status("POST", f"/counter/a?amount={amount}")
        assert (code, answer) == (400, "amount is a whole number up to 1000000000\n")
    for limit in ("0", "-1", "all", "100001"):
        code, answer = await status("GET", f"/counter/a/history?limit={limit}")
        assert (code, answer) == (400, "limit is a whole number from 1 to 100000\n")
    assert await get(http, url + "/counter/a") == {"name": "a", "value": 0}
