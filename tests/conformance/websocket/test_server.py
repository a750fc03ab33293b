"""RFC 6455 for servers, over real sockets: ours, and aiohttp's and workerd's for comparison."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.servers import Missing
from tests.conformance.websocket.differences import DIFFERENCES, expected
from tests.conformance.websocket.said import SERVERS, Frames, Opening
from tests.conformance.websocket.servers import PERDURE, echo, running_workerd
from tests.conformance.websocket.table import ALL, table
from tests.serving import Serving
from tests.wire import Wire

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def workerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with running_workerd(tmp_path_factory.mktemp("workerd")) as url:
            yield url
    except Missing:
        pytest.skip("there is no workerd here, to compare with: `.ci/run peer` installs it")


@pytest.fixture
async def url(request: pytest.FixtureRequest, server: str, serve: Serving) -> AsyncIterator[str]:
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
@pytest.mark.parametrize("sentence", ALL, ids=lambda s: s.title)
async def test_a_server(sentence: Frames | Opening, server: str, url: str) -> None:
    async with await Wire.connect(url) as wire:
        assert await sentence.try_on(wire) == expected(sentence, server)


def test_differences_are_of_sentences_that_are_there() -> None:
    titles = [sentence.title for sentence in ALL]
    assert len(set(titles)) == len(titles)
    assert set(DIFFERENCES) <= set(titles)
    assert all(
        expected(s, server) != s.perdure
        for s in ALL
        if s.title in DIFFERENCES
        for server in ("aiohttp", "workerd")
        if DIFFERENCES[s.title][server == "workerd"] is not None
    )


def test_the_documentation_tells_where_they_differ() -> None:
    text = (ROOT / "docs/websocket-conformance.md").read_text()
    assert "\n".join(table()) in text, "python -m tests.conformance.websocket.table writes it"
    assert f"{len(ALL)} sentences" in text
