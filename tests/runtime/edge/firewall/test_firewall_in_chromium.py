"""A real browser meets the firewall: what it tells of its pages is what is looked at."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from perdure.runtime.config.access import with_local_origins
from tests.browser import Tab, chromium
from tests.serving import Serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_factories=["uvloop"]),  # one will do: a browser takes its time
]

PROGRAM = """
    from perdure import Response, WebSocketPair, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if not request.is_upgrade:
                return Response("<p>a page</p>", headers={"Content-Type": "text/html"})
            client, server = WebSocketPair()
            server.accept()
            server.on_message = lambda event: server.send(event.data)
            offered = request.headers.get("Sec-WebSocket-Protocol", "")
            headers = {"Sec-WebSocket-Protocol": "chat"} if "chat" in offered else {}
            return Response(None, status=101, web_socket=client, headers=headers)
"""
SECRET = "a secret of more than thirty-two bytes"
MEMBERS = """
    [[perdure.firewall]]
    path = "/members"
    action = "require"
    jwt = { algorithms = "HS256", key = { var = "SECRET" }, from = "protocol:bearer." }
"""


@pytest.fixture
async def tab(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[Tab]:
    async with chromium(tmp_path / "profile", http) as open_tab:
        yield Tab(await open_tab())


async def connect(tab: Tab, url: str, *protocols: str) -> Any:
    """What the page hears when it opens a WebSocket and says hello."""
    return await tab.run(f"""new Promise(done => {{
        const ws = new WebSocket({url.replace("http", "ws", 1)!r}, {list(protocols)!r});
        ws.onopen = () => ws.send("hello " + ws.protocol);
        ws.onmessage = event => {{ ws.close(); done(event.data); }};
        ws.onerror = () => done("refused");
    }})""")


async def test_a_page_reaches_its_own_server_and_no_other(serve: Serving, tab: Tab) -> None:
    own, other = await serve(PROGRAM), await serve(PROGRAM)
    await tab.open(own.url)
    assert await connect(tab, own.url) == "hello "
    assert await connect(tab, other.url) == "refused"
    assert await connect(tab, other.url.replace("127.0.0.1", "localhost")) == "refused"
    statistics = [server.firewall.statistics().origins_refused for server in (own, other)]
    assert statistics == [0, 2]
    await tab.open("data:text/html,a page without an origin")
    assert await connect(tab, own.url) == "refused"


async def test_a_page_that_is_named_reaches_the_server(serve: Serving, tab: Tab) -> None:
    page = await serve(PROGRAM)
    named = await serve(PROGRAM, toml=f'[perdure]\nallowed_origins = "{page.url}"')
    local = await serve.start(with_local_origins(serve.write(PROGRAM)))
    await tab.open(page.url)
    assert await connect(tab, named.url) == "hello "
    assert await connect(tab, local.url) == "hello "


async def test_a_page_brings_its_token_as_a_subprotocol(serve: Serving, tab: Tab) -> None:
    server = await serve(PROGRAM, toml=MEMBERS, values={"SECRET": SECRET})
    token = jwt.encode({"exp": time.time() + 1000}, SECRET)
    await tab.open(server.url)
    assert await connect(tab, f"{server.url}/members") == "refused"
    assert await connect(tab, f"{server.url}/members", "chat", "bearer.x") == "refused"
    assert await connect(tab, f"{server.url}/members", "chat", f"bearer.{token}") == "hello chat"
