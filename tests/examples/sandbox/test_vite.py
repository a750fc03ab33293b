"""examples/vite: a development server in a sandbox, whose page changes without a reload."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.browser import Tab, chromium

Serve = Callable[[str], Awaitable[str]]
VITE = Path(__file__).parents[3] / "examples" / "vite"
VIEW = "export const view = ({ count }) => `<h1>%s</h1><button>${count} clicks</button>`;"
NOTICED_WITHIN_S, ATTEMPTS = 3, 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("bwrap") is None, reason="there is no bubblewrap here, to make a wall of"
    ),
    pytest.mark.skipif(
        not (VITE / "node_modules").exists(),
        reason="there is no Vite here, to serve a site: `.ci/run peer` installs it",
    ),
]


@pytest.fixture
async def url(serve: Serve) -> str:
    return await serve("vite")


async def preview_of(url: str, http: aiohttp.ClientSession) -> str:
    async with http.post(url + "/preview") as response:
        assert response.status == 200
        preview = (await response.json())["url"]
    port = url.rpartition(":")[2]
    assert preview.startswith("http://5173-site-")
    assert preview.endswith(f".localhost:{port}")
    return str(preview)


async def test_files_are_those_of_the_sandbox(url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(url + "/files") as response:
        names = await response.json()
    for name in names:
        async with http.get(f"{url}/files/{name}") as response:
            assert await response.text() == (VITE / "site" / name).read_text()
    async with http.put(f"{url}/files/{names[0]}", data="changed") as response:
        assert response.status == 204
    async with http.get(f"{url}/files/{names[0]}") as response:
        assert await response.text() == "changed"
    for path, status in (("/", 200), ("/files/vite.config.js", 404), ("/other", 404)):
        async with http.get(url + path) as response:
            assert response.status == status, path


async def test_the_site_has_a_host_of_its_own_and_the_playground_has_not(
    url: str, http: aiohttp.ClientSession
) -> None:
    host = (await preview_of(url, http)).removeprefix("http://")
    async with http.get(url, headers={"Host": host}) as response:
        assert "A site in a sandbox" in await response.text()
    async with http.get(url + "/src/main.js", headers={"Host": host}) as response:
        assert response.status == 200
        assert "import.meta.hot" in await response.text()
    async with http.get(url) as response:
        assert "Playground" in await response.text()


# In a browser, for which each name below localhost is this machine.


class Site(Tab):
    """The site by itself."""

    async def shows(self, text: str) -> None:
        await self.wait_for(f"document.querySelector('h1')?.textContent === {json.dumps(text)}")

    async def clicks(self) -> Any:
        return await self.run("document.querySelector('button').textContent")


async def write(site: Site, url: str, http: aiohttp.ClientSession, text: str) -> None:
    """Have the Worker write it, with ``sandbox.write_file``, until it is seen.

    Vite tells nobody later what has changed before it watches its files, or before the page has its
    WebSocket; and of two changes within 50 ms it misses the second.
    """
    for _ in range(ATTEMPTS):
        async with http.put(url + "/files/src/view.js", data=VIEW % text) as response:
            assert response.status == 204
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(NOTICED_WITHIN_S):
                return await site.shows(text)
    raise AssertionError(f"{text!r} was not seen, after {ATTEMPTS} attempts")


@pytest.fixture
async def open_tab(
    tmp_path: Path, http: aiohttp.ClientSession
) -> AsyncIterator[Callable[[], Awaitable[aiohttp.ClientWebSocketResponse]]]:
    async with chromium(tmp_path / "profile", http) as open_tab:
        yield open_tab


@pytest.mark.browser
async def test_what_is_written_into_the_sandbox_is_seen_without_a_reload(
    url: str, http: aiohttp.ClientSession, open_tab: Any
) -> None:
    site = Site(await open_tab())
    await site.open(await preview_of(url, http))
    await site.shows("Hello from a sandbox")
    await site.run("for (let i = 0; i < 3; i++) document.querySelector('button').click()")
    assert await site.clicks() == "3 clicks"
    await site.run("globalThis.isTheSamePage = true")
    for text in ("Changed", "And again"):
        await write(site, url, http, text)
        assert await site.clicks() == "3 clicks"
        assert await site.run("isTheSamePage") is True
    await site.run("document.querySelector('button').click()")
    assert await site.clicks() == "4 clicks"


@pytest.mark.browser
async def test_the_playground_shows_what_is_typed_in_it(
    url: str, http: aiohttp.ClientSession, open_tab: Any
) -> None:
    page = Tab(await open_tab())
    await page.open(url)
    await page.wait_for("document.querySelector('#status').className === 'open'")
    preview = await page.run("document.querySelector('iframe').src")
    site = Site(await open_tab())
    await site.open(preview)
    await site.shows("Hello from a sandbox")
    await write(site, url, http, "followed")
    await page.run(
        "const text = document.querySelector('#text');"
        f"text.value = {json.dumps(VIEW % 'typed')};"
        "text.dispatchEvent(new Event('input'))"
    )
    await site.shows("typed")
    await page.wait_for("document.querySelector('#status').textContent === 'Saved'")
