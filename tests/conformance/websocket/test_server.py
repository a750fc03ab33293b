"""RFC 6455 for servers, over real sockets: ours, and aiohttp's and workerd's for comparison."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.servers import Missing
from tests.conformance.websocket.said import SERVERS, Frames, Opening
from tests.conformance.websocket.sentences import OPEN, OPENING
from tests.conformance.websocket.servers import PERDURE, echo, running_workerd
from tests.serving import Serving
from tests.wire import Wire


@pytest.fixture(scope="module")
def workerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with running_workerd(tmp_path_factory.mktemp("workerd")) as url:
            yield url
    except Missing:
        pytest.skip("there is no workerd here, to compare with")


@pytest.fixture
async def url(
    request: pytest.FixtureRequest, server: str, serve: Serving
) -> AsyncIterator[str]:
    """Where ``server`` listens."""
    if server == "perdure":
        yield (await serve(PERDURE)).url
    elif server == "workerd":
        yield request.getfixturevalue("workerd")
    else:
        app = web.Application()
        app.router.add_route("*", "/", echo)
        async with TestServer(app) as other:
            yield str(other.make_url("/"))


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("sentence", [*OPENING, *OPEN], ids=lambda s: s.title)
async def test_a_server(sentence: Frames | Opening, server: str, url: str) -> None:
    async with await Wire.connect(url) as wire:
        assert await sentence.try_on(wire) == sentence.expected(server)
