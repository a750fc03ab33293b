"""Cloudflare's own Python example runs when its imports and names are adapted, and nothing else.

The text in ``seed/`` is theirs. ``ADAPTATIONS`` is all that is done to it; what comes out is
run and checked here, and docs/seed-002-diff.md shows the same difference.
"""

import difflib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect

from perdure.runtime.server import Server

SEED = Path(__file__).parent / "seed"
DOCUMENT = Path(__file__).parents[2] / "docs" / "seed-002-diff.md"

# From this text to that one; each of them stands there once.
ADAPTATIONS = {
    # Imports.
    """\
from workers import DurableObject, Response, WorkerEntrypoint
from js import WebSocketPair
from pyodide.ffi import create_proxy
""": """\
from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint
""",
    # Names.
    ".idFromName(": ".id_from_name(",
    "WebSocketPair.new().object_values()": "WebSocketPair()",
    # There is no JavaScript to make proxies for.
    """\
        # Create proxies for event handlers (must be destroyed when socket closes)
""": "",
    """\
        message_proxy = create_proxy(on_message)
        server.addEventListener('message', message_proxy)
""": """\
        server.add_event_listener('message', on_message)
""",
    """\
            # Clean up proxies
            message_proxy.destroy()
            close_proxy.destroy()
""": "",
    """\
        close_proxy = create_proxy(on_close)
        server.addEventListener('close', close_proxy)
""": """\
        server.add_event_listener('close', on_close)
""",
}


def original() -> str:
    return (SEED / "websocket_server.py.txt").read_text()


def adapted() -> str:
    text = original()
    for old, new in ADAPTATIONS.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture
async def url(start: Callable[[Path], Awaitable[Server]], tmp_path: Path) -> str:
    """The adapted example, with its own wrangler.toml, as a project of its own."""
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "wrangler.toml").write_bytes((SEED / "wrangler.toml").read_bytes())
    (project / "src" / "main.py").write_text(adapted())
    return (await start(project)).url


def test_the_document_shows_the_difference_that_is_run() -> None:
    lines = difflib.unified_diff(
        original().splitlines(), adapted().splitlines(), "Cloudflare", "perdure", lineterm="", n=1
    )
    shown = re.search(r"```diff\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL)
    assert shown
    # Editors take blanks at the ends of lines away.
    assert shown[1].split("\n") == [line.rstrip() for line in lines]


async def test_what_is_no_upgrade_is_answered_as_there(
    url: str, http: aiohttp.ClientSession
) -> None:
    async with http.get(url + "/websocket") as response:
        assert (response.status, await response.text()) == (
            426,
            "Worker expected Upgrade: websocket",
        )
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    async with http.post(url + "/websocket", headers=headers) as response:
        assert (response.status, await response.text()) == (400, "Worker expected GET method")
    async with http.get(url + "/") as response:
        assert (response.status, await response.text()) == (
            200,
            "Supported endpoints:/websocket: Expects a WebSocket upgrade request",
        )


async def test_messages_are_those_of_the_example(url: str, http: aiohttp.ClientSession) -> None:
    address = "ws" + url.removeprefix("http") + "/websocket"
    async with http.ws_connect(address) as one, connect(address) as other:
        await one.send_str("hi")
        heard = [await one.receive_str(), await one.receive_str()]
        sender = heard[0].removeprefix("[Durable Object] message: hi, from: ")[:36]
        begin = f"[Durable Object] message: hi, from: {sender}, to: "
        assert heard == [
            begin + "the initiating client. Total connections: 2",
            begin + "all clients. Total connections: 2",
        ]
        assert [await other.recv(), await other.recv()] == [
            begin + "all clients except the initiating client. Total connections: 2",
            begin + "all clients. Total connections: 2",
        ]
        await one.close()
        await other.send("alone")
        assert str(await other.recv()).endswith("Total connections: 1")
