"""A ``fetch`` that is called off while the body of its answer is under way, over real sockets."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpRawServer

from tests.serving import Serving

MAIN = """
    import asyncio
    from perdure import AbortSignal, DurableObject, Response, WorkerEntrypoint, fetch

    async def called_off(target, reason):
        is_time = asyncio.Event()

        async def wait():
            await is_time.wait()
            return reason

        response = await fetch(target, signal=AbortSignal(wait))
        reading = asyncio.ensure_future(response.text())
        while not response.body_used:
            await asyncio.sleep(0)
        is_time.set()
        try:
            await reading
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    class Caller(DurableObject):
        async def fetch(self, request):
            return Response(await called_off(self.env.TARGET, ValueError("mine")))

        async def by_a_signal_that_was_sent(self, signal):
            response = await fetch(self.env.TARGET, signal=signal)
            try:
                await response.text()
            except OSError as error:
                return f"{type(error).__name__}: {error}"

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            caller = self.env.CALLER.get_by_name("a")
            match request.parsed_url.path:
                case "/worker":
                    return Response(await called_off(self.env.TARGET, "enough"))
                case "/actor":
                    return await caller.fetch(request)

            async def wait():
                await fetch(self.env.TARGET + "time")
                return "sent"

            return Response(await caller.by_a_signal_that_was_sent(AbortSignal(wait)))
"""


class Upstream:
    """A server whose answer has no end; at ``/time`` it answers once somebody hears that one."""

    def __init__(self) -> None:
        self.is_heard, self.was_left = asyncio.Event(), asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/time":
            await self.is_heard.wait()
            return web.Response()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"some of it")
        self.is_heard.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_left.set()
        return response


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("worker", "FetchAborted: the fetch was called off by its signal: enough"),
        ("actor", "ValueError: mine"),
        ("sent", "FetchAborted: the fetch was called off by its signal: sent"),
    ],
)
async def test_reading_fails_and_the_connection_is_let_go(
    serve: Serving,
    http: aiohttp.ClientSession,
    aiohttp_raw_server: AiohttpRawServer,
    who: str,
    told: str,
) -> None:
    upstream = Upstream()
    target = await aiohttp_raw_server(upstream.handle)  # who is left there is cancelled
    values = {"TARGET": str(target.make_url("/"))}
    server = await serve(MAIN, objects=["Caller"], values=values)
    async with http.get(f"{server.url}/{who}") as answer:
        assert await answer.text() == told
    await upstream.was_left.wait()
