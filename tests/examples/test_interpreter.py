"""examples/interpreter: code by POST, and what it shows in a page."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.browser import Tab, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.access("/usr/bin/bwrap", os.X_OK),
        reason="there is no bubblewrap here, to make a wall of",
    ),
]

Serve = Callable[[str], Awaitable[str]]


@pytest.fixture
async def url(serve: Serve) -> str:
    return await serve("interpreter")


async def run(http: aiohttp.ClientSession, url: str, code: str) -> Any:
    async with http.post(url, data=code) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_code_by_post_finds_what_the_code_before_has_left(
    url: str, http: aiohttp.ClientSession
) -> None:
    await run(http, f"{url}/run", "x = 40")
    answer = await run(http, f"{url}/run", "print('hello'); x + 2")
    assert answer["logs"] == {"stdout": ["hello\n"], "stderr": []}
    assert [result["text"] for result in answer["results"]] == ["42"]
    assert answer["error"] is None
    other = await run(http, f"{url}/run/other", "x")
    assert other["error"]["name"] == "NameError"
    async with http.post(f"{url}/restart") as response:
        assert response.status == 204
    assert (await run(http, f"{url}/run", "x"))["error"]["name"] == "NameError"


async def test_a_stream_tells_what_happens(url: str, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{url}/stream", data="print('a')\n1 / 0") as response:
        assert response.content_type == "text/event-stream"
        text = await response.text()
    events = [json.loads(each.removeprefix("data: ")) for each in text.split("\n\n") if each]
    assert [event["type"] for event in events] == ["stdout", "error", "execution_complete"]


async def test_what_makes_no_sense_is_answered_so(url: str, http: aiohttp.ClientSession) -> None:
    for method, path, status in (
        ("GET", "/", 200),
        ("GET", "/run", 404),
        ("POST", "/no", 404),
        ("POST", "/run/-no-", 400),
    ):
        async with http.request(method, url + path) as response:
            assert response.status == status, path
    async with http.post(f"{url}/run", data="#" * 100_001) as response:
        assert response.status == 413


@pytest.mark.browser
@pytest.mark.asyncio(loop_factories=["uvloop"])  # one will do: a browser takes its time
async def test_the_page_shows_text_an_image_and_a_table(
    url: str, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with chromium(tmp_path / "profile", http) as open_tab:
        tab = Tab(await open_tab())
        await tab.open(url)
        await tab.run("document.querySelector('#form').requestSubmit()")
        ready = "document.querySelector('#status').textContent === 'Ready' && "
        await tab.wait_for(ready + "document.querySelectorAll('.cell .result').length === 2")
        await tab.wait_for("document.querySelector('img').complete")  # it is decoded by itself
        shown = await tab.run(
            "[document.querySelector('.stdout').textContent,"
            " document.querySelector('img').naturalWidth,"
            " document.querySelector('iframe').srcdoc.includes('<td>Mon')]"
        )
        assert shown == ["5 days, 76 sold\n", 320, True]
        await tab.run(
            "document.querySelector('#code').value = 'sum(sales.values()) / len(sales)';"
            "document.querySelector('#form').requestSubmit()"
        )
        await tab.wait_for(ready + "document.querySelectorAll('.cell .result').length === 3")
        text = "[...document.querySelectorAll('.result')].at(-1).textContent"
        assert await tab.run(text) == "15.2"
