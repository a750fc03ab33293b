"""The clients' side by itself: a port, and somebody who answers; no actors, no storage."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from perdure.actors.http import Request, Response
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.edge.request_record import RequestRecord
from perdure.runtime.errors import PortTaken
from perdure.runtime.front_side import FrontSide
from perdure.runtime.host.worker import OnResponse
from tests.serving import Serving

MAIN = "from perdure import WorkerEntrypoint as Default"


class Echo:
    """Answers each request with its path, unless it is to hold the answer."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] = []

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        path = request.parsed_url.path
        if path == "/held":
            self.held.append(lambda: on_response(Response(path), None))
        else:
            on_response(Response(path), None)


@asynccontextmanager
async def assembled(
    config: WorkerConfig, answerer: Echo, on_request: Callable[[RequestRecord], None]
) -> AsyncIterator[FrontSide]:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as cleanup:
        side = FrontSide(config, loop, cleanup, {})
        side.assemble(answerer, None, on_request=on_request)
        try:
            yield side
        finally:
            side.close_port()
            if side.listener is not None:
                await side.close(loop.time())
            await side.port_closed()


async def test_requests_go_to_whoever_answers(serve: Serving) -> None:
    records: list[RequestRecord] = []
    async with assembled(serve.write(MAIN), Echo(), records.append) as side:
        await side.listen("127.0.0.1", 0)
        assert side.url == f"http://127.0.0.1:{side.port}"
        async with aiohttp.ClientSession() as session, session.get(side.url + "/a") as response:
            assert await response.text() == "/a"
        assert [(record.path, record.status) for record in records] == [("/a", 200)]
        assert side.statistics().requests == 1


async def test_a_drain_waits_for_answers_and_no_longer_than_it_may(serve: Serving) -> None:
    echo, loop = Echo(), asyncio.get_running_loop()
    async with assembled(serve.write(MAIN), echo, lambda _: None) as side:
        await side.listen("127.0.0.1", 0)
        async with aiohttp.ClientSession() as session:
            asking = asyncio.ensure_future(session.get(side.url + "/held"))
            while not echo.held:
                await asyncio.sleep(0)
            side.close_port()
            await side.drain(loop.time())
            assert not asking.done()
            draining = asyncio.ensure_future(side.drain(loop.time() + 3600))
            await asyncio.sleep(0)
            assert not draining.done()
            echo.held.pop()()
            await draining
            assert await (await asking).text() == "/held"


@pytest.mark.parametrize("port_is_fixed", [True, False])
async def test_a_port_that_is_taken(
    serve: Serving,
    port_is_fixed: bool,  # a parameter of pytest's
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("perdure.runtime.front_side.PORTS_TRIED", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with assembled(serve.write(MAIN), Echo(), lambda _: None) as side:
            with pytest.raises(PortTaken) as failed:
                await side.listen("127.0.0.1", port, port_is_fixed=port_is_fixed)
            assert (failed.value.host, failed.value.port) == ("127.0.0.1", port)
            assert side.listener is None
