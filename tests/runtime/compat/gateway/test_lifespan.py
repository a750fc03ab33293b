"""The lifespan of an ASGI application in a Worker."""

from pathlib import Path

import aiohttp
import pytest

from tests.serving import Serving

pytestmark = pytest.mark.inline("each worker process starts the application for itself")

MAIN = """
from pathlib import Path
from perdure.gateway import asgi

LOG = Path({log!r})
def note(what):
    with LOG.open("a") as file:
        file.write(what + "\\n")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        note("startup")
{startup}
        scope["state"]["name"] = "made at startup"
        await send({{"type": "lifespan.startup.complete"}})
        assert (await receive())["type"] == "lifespan.shutdown"
        note("shutdown")
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    note("request")
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": scope["state"]["name"].encode()}})

Default = asgi.entrypoint(app)
"""


async def test_it_starts_before_the_first_request_and_ends_when_the_server_stops(
    serve: Serving, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    server = await serve(MAIN.format(log=str(log), startup=""))
    for _ in range(2):
        async with http.get(server.url) as response:
            assert await response.text() == "made at startup"
    await server.stop(drain_s=0)
    serve.running.remove(server)
    assert log.read_text().split() == ["startup", "request", "request", "shutdown"]


async def test_one_that_fails_is_told_and_tried_again(
    serve: Serving, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    startup = """
        if LOG.read_text().count("startup") == 1:
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            return
"""
    server = await serve(MAIN.format(log=str(log), startup=startup), show_errors=True)
    async with http.get(server.url) as response:
        assert response.status == 500
        assert "has failed to start: no database" in await response.text()
    async with http.get(server.url) as response:
        assert await response.text() == "made at startup"


async def test_one_that_has_none_is_served_without(
    serve: Serving, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve("""
from perdure.gateway import asgi

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr(scope["state"]).encode()})

Default = asgi.entrypoint(app)
""")
    async with http.get(server.url) as response:
        assert await response.text() == "{}"
    assert caplog.records == []


async def test_a_shutdown_that_hangs_is_left(
    serve: Serving, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve("""
import asyncio
from perdure.gateway import asgi

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.Event().wait()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})

Default = asgi.entrypoint(app)
""")
    async with http.get(server.url) as response:
        assert response.status == 204
    await server.stop(drain_s=0)
    serve.running.remove(server)
    assert [record.message for record in caplog.records] == ["worker.farewell_late"]
