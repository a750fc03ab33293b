"""The platform's own examples of WebSockets and sandboxes, in Python's syntax and otherwise as is.

``programs/seed000/seed_000_*.txt`` are their texts, in JavaScript; what runs inside is theirs, for
Bun, and the first lines of their script.
"""

import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect

from perdure.runtime.config.load import load
from tests.compat.conftest import PROGRAMS
from tests.examples.sandbox.projects import check_wall, put_bun
from tests.serving import Serving

pytestmark = pytest.mark.sandbox
SEED = PROGRAMS / "seed000"
# Words that only one of the two languages has, and what their libraries call the same thing.
OF_JAVASCRIPT = frozenset(
    {"const", "default", "export", "false", "let", "new", "null", "toLowerCase", "true"}
)
Start = Callable[[str], Awaitable[str]]


@pytest.fixture
def start(serve: Serving, tmp_path: Path) -> Start:
    """Serves one of the programs; gives its URL."""

    async def start(name: str) -> str:
        check_wall()
        project = tmp_path / "project"
        shutil.copytree(SEED, project, ignore=shutil.ignore_patterns("__pycache__"))
        put_bun(project)
        config = load(project / f"{name}.toml").config
        server = await serve.start(config, data_dir=tmp_path / "data")
        return server.url

    return start


def words(text: str) -> set[str]:
    """All names and words of texts in it, but for what comments say."""
    return set(re.findall(r"[A-Za-z_]\w*", re.sub(r"(?m)^\s*(//|#).*$", "", text)))


@pytest.mark.parametrize("name", ["echo", "preview", "data"])
def test_each_name_and_text_of_the_original_is_there(name: str) -> None:
    original = words((SEED / f"seed_000_{name}.txt").read_text())
    ours = words((SEED / f"src/{name}.py").read_text())
    missing = original - ours - OF_JAVASCRIPT
    # An object of JavaScript's is a mapping here, and "@cloudflare/sandbox" a module of Python's.
    assert missing <= {"cloudflare", "sandbox", "includes"}


def test_what_runs_inside_is_the_original() -> None:
    assert (SEED / "echo-server.ts").read_text() == (SEED / "seed_000_server.txt").read_text()
    whole = (SEED / "seed_000_startup.txt").read_text()
    # Its last two lines start what the platform has in each container to be spoken to.
    assert (SEED / "startup.sh").read_text() == "".join(whole.splitlines(keepends=True)[:-2])


async def test_the_worker_connects_clients_with_the_echo(
    start: Start, http: aiohttp.ClientSession
) -> None:
    url = await start("echo")
    async with http.get(url) as answer:
        assert (answer.status, await answer.text()) == (200, "WebSocket endpoint")
    address = "ws" + url.removeprefix("http")
    async with connect(address) as one, connect(address) as other:
        for socket in (one, other, one):
            await socket.send("Hello!")
            assert await socket.recv() == "Echo: Hello!"


async def test_clients_connect_to_the_preview_url(
    start: Start, http: aiohttp.ClientSession
) -> None:
    url = await start("preview")
    port = int(url.rpartition(":")[2])
    urls = []
    for _ in range(2):
        async with http.get(url + "/ws-url") as answer:
            assert answer.status == 200
            urls.append((await answer.json())["url"])
    assert urls[0] == urls[1]
    # Without TLS there is no https to be replaced; browsers take http for ws in a WebSocket's URL.
    assert re.fullmatch(rf"http://8080-echo-service-[a-z0-9_]{{16}}\.localhost:{port}", urls[0])
    told = urls[0].replace("http", "ws")
    async with connect(told, host="127.0.0.1", port=port) as socket:
        await socket.send("Hello!")
        assert await socket.recv() == "Echo: Hello!"
    async with http.get(url, headers={"Host": told.removeprefix("ws://")}) as answer:
        assert await answer.text() == "WebSocket echo server"
    async with http.get(url + "/other") as answer:
        assert (answer.status, await answer.text()) == (404, "Not found")


async def test_the_server_is_written_and_started_by_the_first_connection(
    start: Start, http: aiohttp.ClientSession
) -> None:
    url = await start("data")
    async with http.get(url) as answer:
        assert await answer.text() == "Processed real-time data"
    for text in ("Hello!", "again"):
        async with connect("ws" + url.removeprefix("http")) as socket:
            await socket.send(text)
            assert await socket.recv() == f"Echo: {text}"
