"""``workers.fetch``."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpRawServer

from perdure.actors.http import Request as NativeRequest
from perdure.actors.http import Response as NativeResponse
from perdure.actors.pipe import Pipe
from perdure.runtime.compat.js.abort import AbortController, AbortSignal
from perdure.runtime.compat.js.errors import DOMException
from perdure.runtime.compat.js.http import Request as JsRequest
from perdure.runtime.compat.pyodide.fetching import AbortError
from perdure.runtime.compat.sdk.fetch import fetch, fetch_with
from perdure.runtime.compat.sdk.messages import Request, Response
from tests.serving import Serving

URL = "http://example.com/"


class Sent:
    """Answers what it is sent."""

    def __init__(self) -> None:
        self.requests: list[NativeRequest] = []

    def __call__(self, request: NativeRequest) -> "asyncio.Future[NativeResponse]":
        self.requests.append(request)
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(NativeResponse("answer", 404))
        return answer


async def test_an_answer_is_a_response_whatever_its_status() -> None:
    sent = Sent()
    response = await fetch_with(sent, URL, {})
    assert isinstance(response, Response)
    assert (response.status, await response.text()) == (404, "answer")


async def test_options_make_another_request() -> None:
    sent = Sent()
    first = Request(URL, method="PUT", body="x")
    await fetch_with(sent, first, {"cf": {"a": 1}, "headers": None})
    await fetch_with(sent, URL, {"method": "POST", "headers": {"X-A": "1"}, "body": "text"})
    assert sent.requests[0] is first.native
    made = sent.requests[1]
    assert (made.method, made.headers["X-A"], await made.text()) == ("POST", "1", "text")


def test_a_second_argument_is_one_too_many() -> None:
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        fetch(URL, {"method": "POST"})  # type: ignore[call-arg]  # that is the point


async def test_a_fetcher_is_what_it_goes_through() -> None:
    class Binding:
        def fetch(self, resource: Any, **options: Any) -> Any:
            return resource, options

    binding: Any = Binding()
    for fetcher in (binding, binding.fetch):
        sent: Any = fetch(URL, fetcher=fetcher, method="POST")
        assert sent == (URL, {"method": "POST"})


class Silent:
    """Never answers."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[NativeResponse]] = []

    def __call__(self, request: NativeRequest) -> "asyncio.Future[NativeResponse]":
        answer: asyncio.Future[NativeResponse] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        return answer


@pytest.mark.parametrize(
    "make",
    [
        lambda signal: (URL, {"signal": signal}),
        lambda signal: (Request(URL, signal=signal), {}),
        lambda signal: (JsRequest(URL, signal=signal), {"method": "PUT"}),
    ],
)
async def test_a_signal_calls_it_off(make: Callable[[AbortSignal], tuple[Any, Any]]) -> None:
    silent, controller = Silent(), AbortController()
    sent = asyncio.ensure_future(fetch_with(silent, *make(controller.signal)))
    await asyncio.sleep(0)
    controller.abort()
    with pytest.raises(AbortError, match="The operation was aborted"):
        await sent
    assert silent.answers[0].cancelled()
    with pytest.raises(AbortError):
        await fetch_with(silent, *make(controller.signal))
    assert len(silent.answers) == 1


@pytest.mark.parametrize(
    ("reason", "raised"),
    [
        (ValueError("enough"), ValueError),
        (DOMException("too late", "TimeoutError"), OSError),
    ],
)
async def test_what_called_it_off_is_raised(reason: Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised, match=r"enough|too late"):
        await fetch_with(Silent(), URL, {"signal": AbortSignal.abort(reason)})


async def test_who_waits_for_it_can_be_cancelled_as_ever() -> None:
    silent = Silent()
    sent = asyncio.ensure_future(fetch_with(silent, URL, {"signal": AbortController().signal}))
    await asyncio.sleep(0)
    sent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sent
    assert silent.answers[0].cancelled()


async def test_a_signal_that_says_nothing_changes_nothing() -> None:
    response = await fetch_with(Sent(), URL, {"signal": AbortController().signal})
    assert await response.text() == "answer"


def test_a_signal_is_one() -> None:
    with pytest.raises(TypeError, match="signal is an AbortSignal of js, not int"):
        fetch(URL, signal=5)


class Streams:
    """Answers with a body whose end is open."""

    def __init__(self) -> None:
        self.pipe = Pipe(asyncio.get_running_loop())

    def __call__(self, request: NativeRequest) -> "asyncio.Future[NativeResponse]":
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(NativeResponse(self.pipe))
        return answer


async def test_a_body_under_way_is_called_off() -> None:
    streams, controller, let_go = Streams(), AbortController(), asyncio.Event()
    streams.pipe.on_cancel = let_go.set
    response = await fetch_with(streams, URL, {"signal": controller.signal})
    reading = asyncio.ensure_future(response.text())
    streams.pipe.push(b"some of it")
    await asyncio.sleep(0)
    controller.abort()
    with pytest.raises(AbortError, match="The operation was aborted"):
        await reading
    assert let_go.is_set()


async def test_a_body_is_called_off_before_it_is_read() -> None:
    controller = AbortController()
    response = await fetch_with(Sent(), URL, {"signal": controller.signal})
    controller.abort(ValueError("enough"))
    with pytest.raises(ValueError, match="enough"):
        await response.json()


async def test_an_abort_between_the_answer_and_who_waits_for_it_counts() -> None:
    streams, controller, let_go = Streams(), AbortController(), asyncio.Event()
    streams.pipe.on_cancel = let_go.set
    answered = fetch_with(streams, URL, {"signal": controller.signal})
    controller.abort()
    with pytest.raises(AbortError):
        await answered
    assert let_go.is_set()


# Asks for what does not end, and calls it off while it is read, or was passed on.
MAIN = """
    import asyncio
    import js
    from workers import DurableObject, Response, WorkerEntrypoint, fetch

    class Endless(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.was_left = asyncio.Event()

        async def fetch(self, request):
            return Response(self.endless())

        async def endless(self):
            try:
                yield b"some of it"
                await asyncio.Event().wait()
            finally:
                self.was_left.set()

        async def is_left(self):
            await self.was_left.wait()

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            how = js.URL.new(request.url).pathname.removeprefix("/")
            controller, endless = js.AbortController.new(), self.env.ENDLESS.getByName("a")
            send = {"js": js.fetch, "object": endless.fetch}.get(how, fetch)
            response = await send(self.env.TARGET, signal=controller.signal)
            if how == "passed":
                self.ctx.waitUntil(self.abort_later(controller))
                return response
            reading = asyncio.ensure_future(response.text())
            while not response.bodyUsed if how == "js" else not response.body_used:
                await asyncio.sleep(0)
            controller.abort()
            try:
                await reading
            except Exception as error:
                if how == "object":
                    await endless.is_left()
                return Response(f"{type(error).__name__}: {error}")

        async def abort_later(self, controller):
            await fetch(self.env.TARGET + "time")
            controller.abort()
"""


class Upstream:
    """A server whose answer has no end; at ``/time`` it says when it is time to leave."""

    def __init__(self) -> None:
        self.is_time, self.was_left = asyncio.Event(), asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/time":
            await self.is_time.wait()
            return web.Response()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"some of it")
        try:
            await asyncio.Event().wait()
        finally:
            self.was_left.set()
        return response


@pytest.fixture
async def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def url(aiohttp_raw_server: AiohttpRawServer, upstream: Upstream) -> str:
    server = await aiohttp_raw_server(upstream.handle)  # who is left there is cancelled
    return str(server.make_url("/"))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("sdk", "AbortError: The operation was aborted"),
        ("js", "DOMException: AbortError: The operation was aborted"),
        ("object", "AbortError: The operation was aborted"),
    ],
)
async def test_its_connection_is_let_go(
    serve: Serving, http: aiohttp.ClientSession, upstream: Upstream, url: str, how: str, told: str
) -> None:
    server = await serve(MAIN, objects=["Endless"], values={"TARGET": url})
    async with http.get(f"{server.url}/{how}") as answer:
        assert await answer.text() == told
    if how != "object":
        await upstream.was_left.wait()


async def test_one_that_is_passed_on_is_cut_off(
    serve: Serving, http: aiohttp.ClientSession, upstream: Upstream, url: str
) -> None:
    server = await serve(MAIN, objects=["Endless"], values={"TARGET": url})
    async with http.get(f"{server.url}/passed") as answer:
        assert await answer.content.readany() == b"some of it"
        upstream.is_time.set()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    await upstream.was_left.wait()
