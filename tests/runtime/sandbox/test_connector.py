import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.connector import SandboxConnector, inner_url
from tests.runtime.sandbox.inside import PORT, serve_inside
from tests.runtime.sandbox.sandboxes import Sandboxes

pytestmark = pytest.mark.slow

# Of this process: other tests run beside it.
ONE, OTHER = secrets.token_hex(32), secrets.token_hex(32)


class Client:
    """An HTTP client with such a connector, and one connection to each keeper."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self.sandboxes = sandboxes
        self.keepers: dict[str, SandboxConnection] = {}
        self.connector = SandboxConnector(self.reach, asyncio.get_running_loop())
        self.session = aiohttp.ClientSession(connector=self.connector)

    async def reach(self, sandbox_id: str) -> SandboxConnection:
        keeper = self.keepers.get(sandbox_id)
        if keeper is None or not keeper.is_open:
            keeper = self.keepers[sandbox_id] = await self.sandboxes.open(sandbox_id)
        return keeper

    async def serve(self, sandbox_id: str, name: str) -> None:
        await serve_inside(await self.reach(sandbox_id), name=name)

    def get(self, path: str, sandbox_id: str = ONE, **options: Any) -> Any:
        url = inner_url(sandbox_id, PORT, f"http://anything{path}")
        return self.session.get(URL(url, encoded=True), **options)

    async def seen(self, path: str = "/", sandbox_id: str = ONE) -> Any:
        async with self.get(path, sandbox_id) as response:
            return json.loads(await response.read())

    async def is_held(self) -> bool:
        status = await (await self.reach(ONE)).ask("status")
        return bool(status["idle_s"] == 0)

    async def held(self) -> None:
        while not await self.is_held():
            await asyncio.sleep(0)

    async def let_go(self) -> None:
        while await self.is_held():
            await asyncio.sleep(0)


@pytest.fixture
async def client(walled: Sandboxes) -> AsyncIterator[Client]:
    client = Client(walled)
    yield client
    await client.session.close()


async def test_servers_on_the_same_port_are_told_apart(client: Client) -> None:
    await client.serve(ONE, "one")
    await client.serve(OTHER, "other")
    assert (await client.seen("/", ONE))["name"] == "one"
    assert (await client.seen("/", OTHER))["name"] == "other"
    assert (await client.seen("/again", ONE))["name"] == "one"


async def test_a_connection_is_used_again(client: Client) -> None:
    await client.serve(ONE, "one")
    first = (await client.seen())["connection"]
    assert (await client.seen())["connection"] == first


async def test_a_request_keeps_its_sandbox_awake_and_a_connection_that_waits_does_not(
    client: Client,
) -> None:
    await client.serve(ONE, "one")
    await client.seen()
    await client.let_go()
    async with client.get("/events") as response:
        assert await response.content.readline() == b"data: 1\n"
        await client.held()
        await client.seen("/other")
        assert await client.is_held()
        async with client.get("/go"):
            pass
        await response.read()
    await client.let_go()


async def test_where_nobody_listens_it_says_so(client: Client) -> None:
    await client.reach(ONE)
    with pytest.raises(SandboxRefused, match=f"Nothing listens on port {PORT}") as caught:
        await client.seen()
    assert caught.value.code == "SERVICE_NOT_RESPONDING"
    await client.let_go()


async def test_closing_it_lets_sandboxes_sleep(client: Client) -> None:
    await client.serve(ONE, "one")
    url = URL(inner_url(ONE, PORT, "http://anything/"))
    end = client.connector.use(url)
    await client.held()
    await client.connector.close()
    await client.let_go()
    end()


TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"))


@given(TEXT.map(lambda text: f"/{text}"))
def test_path_and_query_stay_as_they_are(path: str) -> None:
    url = inner_url(ONE, 8080, f"https://8080-a-b.example.com:444{path}")
    assert url == f"http://{ONE}:8080{path}"
    parsed = URL(url, encoded=True)
    assert (parsed.raw_host, parsed.port) == (ONE, 8080)
    # A question mark with nothing behind it is all that is lost.
    assert parsed.raw_path_qs == (path if path.find("?") < len(path) - 1 else path[:-1])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://x", "http://ONE:80/"),
        ("http://x?a=b", "http://ONE:80/?a=b"),
        ("wss://x/a#b", "ws://ONE:80/a"),
        ("ws://x/a?b#c", "ws://ONE:80/a?b"),
    ],
)
def test_what_is_no_part_of_a_request_is_left_out(url: str, expected: str) -> None:
    assert inner_url(ONE, 80, url) == expected.replace("ONE", ONE)
