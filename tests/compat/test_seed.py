"""The platform's own example, unmodified: a WebSocket server out of one Durable Object.

``programs/seed002/src/index.py`` is its text with the line breaks and the indentation that it has
lost; the configurations are its own, but for the name of ``main``.
"""

import re
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tests.child_forks import can_fork, fork_children
from tests.compat.conftest import PROGRAMS, Client, Start
from tests.serving import INLINE, SPLIT

SEED = PROGRAMS / "seed002"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
Connect = Callable[[str], Awaitable[Client]]


def without_whitespace(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    ("original", "ours"),
    [
        ("seed_002_python.txt", "src/index.py"),
        ("seed_002_toml.txt", "wrangler.toml"),
        ("seed_002_json.txt", "wrangler.json"),
    ],
)
def test_the_text_is_the_original_but_for_whitespace(original: str, ours: str) -> None:
    said = without_whitespace((SEED / original).read_text())
    said = said.replace('"src/index.ts"', '"src/index.py"')  # the one thing that is changed
    assert without_whitespace((SEED / ours).read_text()) == said


@pytest.fixture(params=[INLINE, SPLIT])
def shape(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if can_fork():
        fork_children(monkeypatch)
    return str(request.param)


async def test_who_asks_for_no_websocket_is_told_so(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("seed002")
    answer = await http.get(url)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain")
    assert await answer.text() == (
        "Supported endpoints:\n/websocket: Expects a WebSocket upgrade request"
    )
    answer = await http.get(f"{url}/websocket")
    assert (answer.status, await answer.text()) == (426, "Worker expected Upgrade: websocket")
    answer = await http.post(f"{url}/websocket", headers={"Upgrade": "websocket"})
    assert (answer.status, await answer.text()) == (400, "Worker expected GET method")


@pytest.mark.parametrize("file", ["wrangler.toml", "wrangler.json"])
async def test_three_clients_hear_what_the_text_promises(
    file: str, program: Start, client: Connect
) -> None:
    url = await program("seed002", file)
    clients = [await client(f"{url}/websocket") for _ in range(3)]
    ids: list[str] = []
    for number, speaker in enumerate(clients):
        await speaker.says(f"m{number}")
        others = [one for one in clients if one is not speaker]
        own = await speaker.heard()
        found = re.fullmatch(
            rf"\[Durable Object\] message: m{number}, from: ({UUID}), to: the initiating client. "
            r"Total connections: 3",
            own,
        )
        assert found is not None, own
        ids.append(found[1])
        told = f"[Durable Object] message: m{number}, from: {found[1]}, to: all clients"
        for other in others:
            await other.hears(
                f"{told} except the initiating client. Total connections: 3",
            )
        for one in clients:
            await one.hears(f"{told}. Total connections: 3")
    assert len(set(ids)) == 3
    code, _ = await clients[0].closes(1000)
    assert code == 1000
    await clients[1].says("after")
    own = f"[Durable Object] message: after, from: {ids[1]}"
    await clients[1].hears(
        f"{own}, to: the initiating client. Total connections: 2",
        f"{own}, to: all clients. Total connections: 2",
    )
    await clients[2].hears(
        f"{own}, to: all clients except the initiating client. Total connections: 2",
        f"{own}, to: all clients. Total connections: 2",
    )
