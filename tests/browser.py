"""Chromium as a client: driven over its own DevTools protocol, one WebSocket, JSON both ways."""

import asyncio
import contextlib
import re
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",  # Chromium has none to offer to root, as whom CI runs
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
START_S = 60
WAIT_S = 60
LOOK_AGAIN_MS = 50
SHOWN_CHARACTERS_MAX = 500


class Tab:
    """One page, and what JavaScript in it says."""

    def __init__(self, devtools: aiohttp.ClientWebSocketResponse) -> None:
        self._devtools = devtools
        self._number = 0
        self._loaded: set[str] = set()

    async def tell(self, method: str, **params: Any) -> None:
        """Give a command that nothing may answer: the page may be no more."""
        self._number += 1
        await self._devtools.send_json({"id": self._number, "method": method, "params": params})

    async def command(self, method: str, **params: Any) -> Any:
        await self.tell(method, **params)
        while (answer := await self._hear()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    async def _hear(self) -> Any:
        heard = await self._devtools.receive_json()
        if heard.get("method") == "Page.lifecycleEvent" and heard["params"]["name"] == "load":
            self._loaded.add(heard["params"]["loaderId"])
        return heard

    async def run(self, script: str) -> Any:
        """The value of ``script``, or of the promise that it is."""
        result = await self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def wait_for(self, condition: str) -> None:
        """Until ``condition`` holds, asked in the page whenever its document changes, and meanwhile.

        Raises:
            AssertionError: It does not hold in time; with what the page shows instead.
        """
        try:
            async with asyncio.timeout(WAIT_S):
                await self.run(
                    f"new Promise(done => {{ const look = () => {{ if ({condition}) {{"
                    "  changes.disconnect(); clearInterval(often); done(); } };"
                    f"const often = setInterval(look, {LOOK_AGAIN_MS});"
                    "const changes = new MutationObserver(look); changes.observe(document, "
                    "{subtree: true, childList: true, attributes: true}); look(); })"
                )
        except TimeoutError:
            raise AssertionError(
                f"{condition} does not hold within {WAIT_S} s, and the page shows: "
                f"{await self._shown()}"
            ) from None

    async def _shown(self) -> str:
        """The beginning of the page's text; or why there is none: the page may be stuck."""
        look = f"document.body.innerText.slice(0, {SHOWN_CHARACTERS_MAX})"
        try:
            async with asyncio.timeout(WAIT_S / 10):
                return repr(await self.run(look))
        except (AssertionError, TimeoutError) as error:
            return f"nothing that it tells: {error!r}"

    async def open(self, url: str) -> None:
        """Until all of the page is loaded; that of the page before is nothing to wait for."""
        await self.command("Page.enable")
        await self.command("Page.setLifecycleEventsEnabled", enabled=True)
        opened = await self.command("Page.navigate", url=url)
        assert "errorText" not in opened, opened
        while opened["loaderId"] not in self._loaded:
            await self._hear()


NewTab = Callable[[], Awaitable[aiohttp.ClientWebSocketResponse]]


@contextlib.asynccontextmanager
async def chromium(profile: Path, http: aiohttp.ClientSession) -> AsyncIterator[NewTab]:
    """Start a browser; what it gives opens a page of it, to make a ``Tab`` of.

    Args:
        profile: A directory for what it keeps.
        http: To talk to it.
    """
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: `.ci/run packages` installs it")
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    async with contextlib.AsyncExitStack() as opened:
        try:
            async with asyncio.timeout(START_S):
                browser = await devtools_address(process.stderr)
            drain = asyncio.create_task(process.stderr.read())

            async def new_tab() -> aiohttp.ClientWebSocketResponse:
                async with http.put(f"http://{browser}/json/new?about:blank") as response:
                    address = (await response.json(content_type=None))["webSocketDebuggerUrl"]
                return await opened.enter_async_context(http.ws_connect(address))

            yield new_tab
            await opened.aclose()
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()
        await drain


async def devtools_address(stderr: asyncio.StreamReader) -> str:
    """Host and port on which Chromium says that it listens."""
    while line := await stderr.readline():
        if found := re.search(rb"DevTools listening on ws://([^/]+)/", line):
            return found[1].decode()
    raise AssertionError("Chromium ended before it listened")
