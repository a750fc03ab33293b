"""A program in servers of ASGI of other makes, over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType
from fastapi import FastAPI

import perdure
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.embedded.mount import NotOpen
from tests.serving import Serving

from .conftest import MAIN, in_hypercorn, in_uvicorn

pytestmark = pytest.mark.inline("a mounted program has one process")


async def test_requests_are_answered(config: WorkerConfig, http: aiohttp.ClientSession) -> None:
    async with in_uvicorn(perdure.asgi(config)) as port:
        url = f"http://127.0.0.1:{port}"
        async with http.put(f"{url}/told?a=1&b=%20") as response:
            assert (response.status, await response.text()) == (201, "127.0.0.1")
            assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
            assert response.headers["X-Url"] == f"{url}/told?a=1&b=%20"
        async with http.get(f"{url}/count") as response:
            assert await response.text() == "0"
        async with http.head(f"{url}/count") as response:
            assert response.headers["Content-Length"] == "1"
        async with http.get(f"{url}/none") as response:
            assert (response.status, await response.read()) == (204, b"")


async def test_assets_are_in_front_there_too(
    serve: Serving, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    public = tmp_path / "public"
    public.mkdir()
    (public / "page.html").write_text("a page")
    config = serve.write(MAIN, objects=["Room"], toml=f'[assets]\ndirectory = "{public}"')
    async with in_uvicorn(perdure.asgi(config)) as port:
        url = f"http://127.0.0.1:{port}"
        async with http.get(f"{url}/page") as response:
            assert (response.status, await response.text()) == (200, "a page")
        async with http.get(f"{url}/count") as response:
            assert await response.text() == "0"


async def test_large_bodies_stream_both_ways(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    data = bytes(range(256)) * 40_000

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 100_000):
            yield data[at : at + 100_000]

    async with (
        in_uvicorn(perdure.asgi(config)) as port,
        http.post(f"http://127.0.0.1:{port}/echo", data=pieces()) as response,
    ):
        assert await response.read() == data


async def test_a_body_that_is_too_large_is_refused(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    config = serve.write(MAIN, objects=["Room"], limits={"body_size_bytes_max": 1000})

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(1000)

    async with in_uvicorn(perdure.asgi(config)) as port:
        url = f"http://127.0.0.1:{port}/whole"
        for data in (bytes(1001), pieces()):
            async with http.post(url, data=data) as response:
                assert response.status == 413
                assert "body_size_bytes_max" in await response.text()
        async with http.post(url, data=bytes(1000)) as response:
            assert await response.text() == "1000"


async def test_errors_are_told_if_that_is_wished(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    for show, text in ((False, "Internal Server Error"), (True, "ValueError: mine")):
        async with (
            in_uvicorn(perdure.asgi(config, show_errors=show)) as port,
            http.get(f"http://127.0.0.1:{port}/broken") as response,
        ):
            assert response.status == 500
            assert text in await response.text()


async def test_an_answer_that_breaks_off_does_not_look_whole(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with in_uvicorn(perdure.asgi(config)) as port:
        with pytest.raises(aiohttp.ClientError):
            async with http.get(f"http://127.0.0.1:{port}/broken-stream") as response:
                await response.read()


async def test_a_stream_ends_when_its_client_goes(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with in_uvicorn(perdure.asgi(config)) as port:
        async with http.get(f"http://127.0.0.1:{port}/endless") as response:
            await response.content.readexactly(100_000)
        response.close()
        async with http.get(f"http://127.0.0.1:{port}/ended") as told:
            assert await told.json() == "the generator"


@pytest.mark.parametrize("server", [in_uvicorn, in_hypercorn])
async def test_websockets_speak_through_the_other_server(
    config: WorkerConfig, http: aiohttp.ClientSession, server: object
) -> None:
    async with server(perdure.asgi(config)) as port:  # type: ignore[operator]  # one of the two
        url = f"http://127.0.0.1:{port}"
        async with http.ws_connect(f"{url}/ws") as one, http.ws_connect(f"{url}/ws") as two:
            await one.send_str("hi")
            assert await one.receive_str() == await two.receive_str() == "1 hi"
            await two.send_bytes(b"\x00" * 300_000)
            assert await one.receive_bytes() == await two.receive_bytes() == b"\x00" * 300_000
            await one.close(code=4321, message=b"bye")
            async with http.get(f"{url}/ended") as response:
                # Hypercorn tells applications of no code that a client has sent.
                code = 1006 if server is in_hypercorn else 4321
                assert (await response.json())[0] == code
            async with http.get(f"{url}/kick") as response:
                assert response.status == 204
            message = await two.receive()
            assert (message.type, message.data, message.extra) == (
                WSMsgType.CLOSE,
                4000,
                "kicked",
            )


async def test_a_client_that_vanishes_is_heard(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with in_uvicorn(perdure.asgi(config)) as port:
        socket = await http.ws_connect(f"http://127.0.0.1:{port}/ws")
        assert socket._response.connection is not None
        assert socket._response.connection.transport is not None
        socket._response.connection.transport.abort()
        async with http.get(f"http://127.0.0.1:{port}/ended") as response:
            assert (await response.json())[0] in {1005, 1006}  # as uvicorn's protocols tell it


async def test_subprotocol_and_headers_of_the_upgrade(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with in_uvicorn(perdure.asgi(config)) as port:
        url = f"http://127.0.0.1:{port}/protocol"
        async with http.ws_connect(url, protocols=("v1", "v2")) as socket:
            assert socket.protocol == "v2"
            assert socket._response.headers["X-A"] == "1"
            assert await socket.receive_str() == "hello"


async def test_an_upgrade_is_refused_in_the_programs_words(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with in_uvicorn(perdure.asgi(config)) as port:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"http://127.0.0.1:{port}/refused")
    assert refused.value.status == 401
    assert refused.value.headers is not None
    assert refused.value.headers["X-Why"] == "because"


async def test_pages_of_other_sites_open_no_websockets(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with in_uvicorn(perdure.asgi(config)) as port:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"http://127.0.0.1:{port}/ws", origin="https://evil.example")
        assert refused.value.status == 403
        origin = f"http://127.0.0.1:{port}"
        async with http.ws_connect(f"http://127.0.0.1:{port}/ws", origin=origin) as socket:
            await socket.send_str("mine")
            assert await socket.receive_str() == "1 mine"


async def test_rules_of_the_firewall_hold(serve: Serving, http: aiohttp.ClientSession) -> None:
    toml = '[[perdure.firewall]]\nname = "no-count"\naction = "deny"\npath = "/count"\n'
    config = serve.write(MAIN, objects=["Room"], toml=toml)
    async with in_uvicorn(perdure.asgi(config)) as port:
        async with http.get(f"http://127.0.0.1:{port}/count") as response:
            assert response.status == 403
        async with http.get(f"http://127.0.0.1:{port}/none") as response:
            assert response.status == 204


async def test_it_is_mounted_in_fastapi_under_a_prefix(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    rooms = perdure.asgi(config)
    app = FastAPI(lifespan=rooms.lifespan)

    @app.get("/rooms-of-fastapi")
    async def own() -> str:
        return "fastapi"

    app.mount("/rooms", rooms)
    async with in_uvicorn(app) as port:
        url = f"http://127.0.0.1:{port}"
        async with http.get(f"{url}/rooms-of-fastapi") as response:
            assert await response.json() == "fastapi"
        async with http.get(f"{url}/rooms/told?x=1") as response:
            assert response.headers["X-Url"] == f"{url}/told?x=1"
        async with http.ws_connect(f"{url}/rooms/ws") as socket:
            await socket.send_str("mounted")
            assert await socket.receive_str() == "1 mounted"


async def test_state_is_there_after_a_restart_of_the_server(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    app = perdure.asgi(config)
    for number in (1, 2):
        async with (
            in_uvicorn(app) as port,
            http.ws_connect(f"http://127.0.0.1:{port}/ws") as socket,
        ):
            await socket.send_str("again")
            assert await socket.receive_str() == f"{number} again"


async def test_without_a_lifespan_it_opens_at_the_first_request(
    config: WorkerConfig, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    app = perdure.asgi(config)
    async with in_uvicorn(app, lifespan="off") as port:
        for _ in range(2):
            async with http.get(f"http://127.0.0.1:{port}/count") as response:
                assert await response.text() == "0"
    messages = [record.message for record in caplog.records if "perdure" in record.name]
    assert messages == ["embedded.opened_late"]
    await app._mount.close()


async def test_a_second_server_on_the_same_data_says_what_to_do(
    config: WorkerConfig, caplog: pytest.LogCaptureFixture
) -> None:
    async with in_uvicorn(perdure.asgi(config)):
        with pytest.raises((RuntimeError, SystemExit)):
            async with in_uvicorn(perdure.asgi(config)):
                pass
    assert "uvicorn --workers 1" in caplog.text


async def test_requests_under_way_are_answered_before_the_end(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with in_uvicorn(perdure.asgi(config)) as port:
        url = f"http://127.0.0.1:{port}"
        waiting = asyncio.create_task(http.get(f"{url}/wait"))
        async with http.get(f"{url}/go") as response:
            assert response.status == 204
        assert (await waiting).status == 204


async def test_a_configuration_file_is_read(
    config: WorkerConfig, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    app = perdure.asgi(str(config.path), data_dir=tmp_path / "elsewhere")
    async with in_uvicorn(app) as port, http.get(f"http://127.0.0.1:{port}/count") as response:
        assert json.loads(await response.text()) == 0
    assert (tmp_path / "elsewhere").is_dir()
    assert str(config.path) in repr(app)


async def test_the_application_around_it_calls_actors(config: WorkerConfig) -> None:
    rooms = perdure.asgi(config)
    with pytest.raises(NotOpen):
        _ = rooms.env
    async with rooms.lifespan():
        room = rooms.env.ROOM.get_by_name("lobby")
        assert await room.count() == 0
        assert await asyncio.to_thread(rooms.call, room.count) == 0
