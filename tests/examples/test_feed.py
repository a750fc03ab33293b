"""examples/feed: one connection to an exchange, which breaks, and everybody who looks."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from perdure.runtime.server import Server
from tests.browser import Tab, chromium
from tests.cli.process import Processes, Running
from tests.examples.conftest import EXAMPLES

FEED = EXAMPLES / "feed"
Start = Callable[..., Awaitable[Server]]
# For tests that wait for it; nothing in them depends on being quicker.
SILENCE_S = 0.5
NO_SILENCE_S = 60


class Upstream:
    """An exchange that says what a test wants, goes away, and comes back on the same port."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.port = 0
        self.refused = 0
        self.is_refusing = False
        self.greeting: str | None = None
        self._server: WebSocketServer | None = None

    async def open(self) -> None:
        self._server = await serve(
            self._hold, "127.0.0.1", self.port, process_request=self._look_at
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close(close_connections=True)
            await self._server.wait_closed()
            self._server = None

    def forget(self) -> None:
        """Connections of a client that is gone do not count."""
        while not self.taken.empty():
            self.taken.get_nowait()

    def _look_at(self, connection: ServerConnection, request: Request) -> Response | None:
        if not self.is_refusing:
            return None
        self.refused += 1
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "closed")

    async def _hold(self, connection: ServerConnection) -> None:
        self.taken.put_nowait(connection)
        if self.greeting is not None:
            await connection.send(self.greeting)
        await connection.wait_closed()


def news(symbol: str, price: float, time_ms: int = 1) -> str:
    return json.dumps({"symbol": symbol, "price": price, "time_ms": time_ms})


async def tell(exchange: ServerConnection, symbol: str, price: float, time_ms: int = 1) -> None:
    await exchange.send(news(symbol, price, time_ms))


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    await upstream.open()
    yield upstream
    await upstream.close()


@pytest.fixture
async def open_feed(start: Start, upstream: Upstream) -> AsyncIterator[Start]:
    """Starts the example as a client of ``upstream``."""
    running: list[Server] = []

    async def open_feed(silence_max_s: float = NO_SILENCE_S) -> Server:
        variables = variables_of(upstream, silence_max_s)
        running.append(await start(FEED, 0, variables))
        return running[-1]

    yield open_feed
    for server in running:
        await server.stop(drain_s=0)  # before the upstream, which waits for its client


def variables_of(upstream: Upstream, silence_max_s: float) -> dict[str, str]:
    return {
        "UPSTREAM": f"ws://127.0.0.1:{upstream.port}",
        "SILENCE_MAX_S": str(silence_max_s),
    }


def feed_of(url: str) -> str:
    return f"ws{url.removeprefix('http')}/feed"


def look(server: Server) -> connect:
    return connect(feed_of(server.url))


async def hear(ws: ClientConnection) -> Any:
    return json.loads(await ws.recv())


async def hear_state(ws: ClientConnection, *, is_live: bool) -> Any:
    """The next state of that kind; what comes before it is passed over."""
    while True:
        message = await hear(ws)
        if "state" in message and message["state"]["is_live"] is is_live:
            return message["state"]


async def hear_price(ws: ClientConnection) -> tuple[str, float]:
    while True:
        message = await hear(ws)
        if message["type"] == "price":
            return message["symbol"], message["price"]


async def test_a_price_reaches_everybody_over_one_connection(
    open_feed: Start, upstream: Upstream
) -> None:
    server = await open_feed()
    async with look(server) as one, look(server) as other:
        exchange = await upstream.taken.get()
        for ws in (one, other):
            welcome = await hear(ws)
            assert (welcome["type"], welcome["prices"]) == ("welcome", {})
            assert welcome["state"]["is_live"] is False
        await tell(exchange, "AMBER", 48.25, 1234)
        for ws in (one, other):
            state = await hear(ws)
            assert state["type"] == "state"
            assert state["state"]["is_live"] is True
            expected = {"type": "price", "symbol": "AMBER", "price": 48.25, "time_ms": 1234}
            assert await hear(ws) == expected
        assert upstream.taken.empty()


async def test_who_is_new_gets_the_last_prices_at_once_and_no_more_than_are_kept(
    open_feed: Start, upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    server = await open_feed()
    async with look(server) as first:
        exchange = await upstream.taken.get()
        await tell(exchange, "PEARL", 90.0, 7)
        for number in range(150):
            await tell(exchange, "AMBER", number, number)
        while await hear_price(first) != ("AMBER", 149):
            pass
    async with look(server) as second:
        prices = (await hear(second))["prices"]
    assert prices == {"PEARL": [[7, 90.0]], "AMBER": [[n, float(n)] for n in range(30, 150)]}
    async with http.get(f"{server.url}/prices") as response:
        answer = await response.json()
    assert answer["prices"] == prices
    assert answer["state"]["is_live"] is True


@pytest.mark.parametrize(
    "bad",
    [
        "garbage",
        b"\xff\xfe",
        "5",
        "[]",
        '{"symbol": "A", "price": 1}',
        '{"symbol": "A", "price": "much", "time_ms": 1}',
        '{"symbol": "A", "price": NaN, "time_ms": 1}',
        '{"symbol": "A", "price": 1, "time_ms": 1e400}',
        '{"symbol": "A", "price": 1, "time_ms": 1e300}',
    ],
)
async def test_what_is_no_price_is_passed_over(
    open_feed: Start, upstream: Upstream, bad: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with look(await open_feed()) as ws:
        exchange = await upstream.taken.get()
        await exchange.send(bad)
        await tell(exchange, "AMBER", 1)
        assert await hear_price(ws) == ("AMBER", 1)
        assert "no price" in caplog.text


@pytest.mark.slow
async def test_an_exchange_that_goes_is_told_of_and_connected_to_again_when_it_is_back(
    open_feed: Start, upstream: Upstream
) -> None:
    async with look(await open_feed()) as ws:
        await tell(await upstream.taken.get(), "AMBER", 1)
        live = await hear_state(ws, is_live=True)
        await upstream.close()
        first = await hear_state(ws, is_live=False)
        assert first["why"].startswith("it hung up with 1001")
        assert first["since_ms"] >= live["since_ms"]
        assert first["next_ms"] > first["since_ms"]
        second = await hear_state(ws, is_live=False)  # nobody listens there
        assert "cannot connect" in second["why"]
        assert (first["tries"], second["tries"]) == (1, 2)
        assert second["since_ms"] == first["since_ms"], "it is still the same trouble"
        await upstream.open()
        exchange = await upstream.taken.get()
        await tell(exchange, "AMBER", 2)
        back = await hear_state(ws, is_live=True)
        assert (back["tries"], back["why"], back["next_ms"]) == (0, "", 0)
        assert await hear_price(ws) == ("AMBER", 2)


@pytest.mark.slow
async def test_tries_are_further_and_further_apart_until_a_price_comes(
    open_feed: Start, upstream: Upstream
) -> None:
    upstream.is_refusing = True
    async with look(await open_feed()) as ws:
        waits_ms = []
        for tries in range(1, 4):
            state = await hear_state(ws, is_live=False)
            while state["tries"] < tries:
                state = await hear_state(ws, is_live=False)
            assert state["tries"] == tries
            assert "503" in state["why"]
            waits_ms.append(state["next_ms"])
        assert upstream.refused == 3
        # From half a second on twice as long each time, up to half of that sooner; clocks round.
        assert waits_ms[1] - waits_ms[0] >= 450
        assert waits_ms[2] - waits_ms[1] >= 950
        upstream.is_refusing = False
        # An exchange that takes the connection and hangs up has not come back.
        await (await upstream.taken.get()).close(4000, "not you")
        state = await hear_state(ws, is_live=False)
        assert (state["tries"], state["why"]) == (4, "it hung up with 4000 not you")


@pytest.mark.slow
async def test_an_exchange_that_falls_silent_is_given_up(
    open_feed: Start, upstream: Upstream
) -> None:
    # Each connection brings one price and no more: a machine that is too busy to bring it in time
    # has one more round of this.
    upstream.greeting = news("AMBER", 1)
    async with look(await open_feed(silence_max_s=SILENCE_S)) as ws:
        await hear_state(ws, is_live=True)
        lost = await hear_state(ws, is_live=False)
        assert lost["why"] == f"nothing was heard for {SILENCE_S} s"
        silent = await upstream.taken.get()
        await silent.wait_closed()
        assert (silent.close_code, silent.close_reason) == (1000, "nothing was said")
        await upstream.taken.get()
        await hear_state(ws, is_live=True)


async def test_other_requests(open_feed: Start, http: aiohttp.ClientSession) -> None:
    url = (await open_feed()).url
    expected = {"/": 200, "/prices": 200, "/feed": 426, "/exchange": 426, "/exchange/close": 404}
    for path, status in {**expected, "/other": 404}.items():
        async with http.get(url + path) as response:
            assert response.status == status, path


# The process that holds the connection ends.


@pytest.fixture
async def run(
    tmp_path: Path, upstream: Upstream
) -> AsyncIterator[Callable[[], Awaitable[Running]]]:
    """Runs ``perdure dev`` as the README says, with the same data each time."""
    processes = Processes()
    variables = variables_of(upstream, SILENCE_S)  # the alarm that it sets wakes its successor

    async def run() -> Running:
        place = ("-c", FEED / "wrangler.toml", "--port", 0, "--data", tmp_path / "data")
        return await processes.start(
            *("dev", "--workers", 0, *place),
            *(f"--var={name}:{value}" for name, value in variables.items()),
        )

    yield run
    await processes.clean_up()


@pytest.mark.slow
@pytest.mark.asyncio(loop_factories=["uvloop"])  # the server has a loop of its own
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_a_server_that_starts_again_takes_up_its_feed_with_nobody_looking(
    run: Callable[[], Awaitable[Running]], upstream: Upstream, how: signal.Signals
) -> None:
    upstream.greeting = news("AMBER", 1)
    process = await run()
    async with connect(feed_of(await process.ready())) as ws:
        assert await hear_price(ws) == ("AMBER", 1)
    await process.stop(how)
    upstream.forget()
    upstream.greeting = news("AMBER", 2)
    process = await run()
    url = await process.ready()
    await upstream.taken.get()  # its alarm has woken it
    async with connect(feed_of(url)) as ws:
        kept = [price for _, price in (await hear(ws))["prices"]["AMBER"]]
        assert kept[0] == 1
        while kept[-1] != 2:  # it is under way, or comes with the next connection
            kept.append((await hear_price(ws))[1])


# The page, and the exchange that comes with the example.


@pytest.fixture
async def start_whole(start: Start, unused_tcp_port: int) -> Start:
    """Starts the example as its README does, but for the port; again on the same one."""

    async def start_whole() -> Server:
        upstream = f"ws://127.0.0.1:{unused_tcp_port}/exchange"
        return await start(FEED, unused_tcp_port, {"UPSTREAM": upstream, "SILENCE_MAX_S": "1"})

    return start_whole


@pytest.mark.slow
async def test_the_exchange_that_comes_along_makes_prices_and_trouble(
    start_whole: Start, http: aiohttp.ClientSession
) -> None:
    server = await start_whole()
    async with connect(feed_of(server.url)) as ws:
        await hear_state(ws, is_live=True)
        assert {(await hear_price(ws))[0] for _ in range(5)} <= {
            *("AMBER", "COBALT", "EBONY", "JADE", "ONYX", "PEARL")
        }
        for trouble, why in (("silence", "nothing was heard"), ("close", "503")):
            async with http.post(f"{server.url}/exchange/{trouble}") as response:
                assert response.status == 204
            while why not in (await hear_state(ws, is_live=False))["why"]:
                pass


class FeedTab(Tab):
    async def shows(self, kind: str) -> None:
        await self.wait_for(f"document.querySelector('#status').className === '{kind}'")

    async def text(self, selector: str) -> Any:
        return await self.run(f"document.querySelector('{selector}').textContent")

    async def price(self, symbol: str, price: float) -> None:
        """Until that price is shown."""
        await self.wait_for(
            f"document.querySelector('[data-symbol={symbol}]')?.dataset.price === '{price}'"
        )


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_the_page_shows_prices_and_what_state_the_feed_is_in(
    start: Start, upstream: Upstream, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    variables = variables_of(upstream, NO_SILENCE_S)
    server = await start(FEED, 0, variables)
    url, port = server.url, server.port
    async with chromium(tmp_path / "profile", http) as open_tab:
        tab = FeedTab(await open_tab())
        await tab.open(url)
        await tab.shows("waits")
        assert await tab.text("#status") == "Connecting to the exchange …"
        exchange = await upstream.taken.get()
        await tell(exchange, "JADE", 200.0)
        await tell(exchange, "AMBER", 48.0)
        await tell(exchange, "AMBER", 60.0)
        await tab.price("AMBER", 60)
        await tab.shows("live")
        assert re.fullmatch(r"Connected since \d+:\d+:\d+.*", await tab.text("#status"))
        assert await tab.text("[data-symbol=AMBER] .value") == "60.00"
        assert await tab.text("[data-symbol=AMBER] .change") == "▲ 25.00 %"
        assert await tab.run(CARDS) == ["AMBER", "JADE"]

        # What an exchange says is shown as text.
        await tell(exchange, "<img src=x onerror=document.title=1>", 1)
        await tab.wait_for("document.querySelectorAll('.price').length === 3")
        assert await tab.run("document.querySelectorAll('img').length") == 0

        await upstream.close()
        await tab.shows("waits")
        assert (await tab.text("#status")).startswith("Reconnecting since ")
        await tab.wait_for("document.querySelector('#why').textContent.includes('cannot connect')")
        assert await tab.run("document.querySelector('#trouble').hidden") is False
        await upstream.open()
        exchange = await upstream.taken.get()
        await tell(exchange, "JADE", 150.0)
        await tab.price("JADE", 150)
        await tab.shows("live")
        assert await tab.run("document.querySelector('#trouble').hidden") is True
        assert await tab.text("[data-symbol=JADE] .change") == "▼ 25.00 %"

        # Somebody who comes now sees the same, though nothing is said meanwhile.
        other = FeedTab(await open_tab())
        await other.open(url)
        await other.price("AMBER", 60)
        assert await other.run(CARDS) == await tab.run(CARDS)

        await server.stop(drain_s=0)
        await tab.shows("lost")
        assert (await tab.text("#status")).startswith("No connection to the server since ")
        server = await start(FEED, port, variables)
        await tell(await upstream.taken.get(), "JADE", 160.0)
        await tab.price("JADE", 160)
        await tab.shows("live")
        await server.stop(drain_s=0)  # before the upstream, which waits for its client


CARDS = "[...document.querySelectorAll('.price')].map(card => card.dataset.symbol)"


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_the_pages_buttons_make_trouble(
    start_whole: Start, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = await start_whole()
    async with chromium(tmp_path / "profile", http) as open_tab:
        tab = FeedTab(await open_tab())
        await tab.open(server.url)
        for trouble, why in (("silence", "nothing was heard"), ("close", "503")):
            await tab.run(f"document.querySelector('[data-trouble={trouble}]').click()")
            # At once: the trouble is over after a while.
            await tab.wait_for(
                "document.querySelector('#status').className === 'waits' && "
                f"document.querySelector('#why').textContent.includes('{why}')"
            )
