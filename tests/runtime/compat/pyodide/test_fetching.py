"""``pyodide.http``."""

import asyncio
import io
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.http import Response as NativeResponse
from perdure.actors.rpc import encode_error
from perdure.runtime.compat.pyodide.fetching import (
    AbortError,
    BodyUsedError,
    FetchResponse,
    HttpStatusError,
    open_url,
    pyfetch,
)
from tests.world import World, turns


async def test_a_request_and_its_answer(world: World) -> None:
    world.outbound.answer = lambda request: NativeResponse('{"a":1}', 404, headers={"X-A": "1"})

    async def script(lab: object) -> None:
        response = await pyfetch("https://a.b/c", method="POST", headers={"Y": "2"}, body="b")
        assert (response.status, response.ok, response.status_text) == (404, False, "Not Found")
        assert (response.headers["x-a"], response.url, response.redirected) == (
            "1",
            "https://a.b/c",
            False,
        )
        with pytest.raises(HttpStatusError, match="404 Client Error: Not Found for url: https"):
            response.raise_for_status()
        assert await response.clone().text() == '{"a":1}'
        assert await response.json() == {"a": 1}
        assert response.body_used
        with pytest.raises(BodyUsedError):
            await response.text()

    await world.inside(script)
    [(request, _)] = world.outbound.sent
    assert (request.method, request.headers["Y"], request.content) == ("POST", "2", b"b")


async def test_a_body_in_all_forms(js: types.ModuleType) -> None:
    def response() -> FetchResponse:
        return FetchResponse("https://a.b", js.Response.new("data"))

    assert await response().bytes() == b"data"
    assert (await response().memoryview()).tobytes() == b"data"
    assert (await response().buffer()).to_bytes() == b"data"
    assert await response().string() == "data"
    assert FetchResponse(js.Response.new("x")).type == "default"
    response().raise_for_status()


async def test_an_archive_is_unpacked(js: types.ModuleType, tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("inside.txt", "text")
    response = FetchResponse("https://a.b/x.zip", js.Response.new(data.getvalue()))
    await response.unpack_archive(extract_dir=tmp_path, format="zip")
    assert (tmp_path / "inside.txt").read_text() == "text"


async def test_a_failed_network_is_an_os_error(world: World) -> None:
    async def script(lab: object) -> None:
        gone = pyfetch("https://a.b")
        task = asyncio.ensure_future(gone)
        await turns()
        world.outbound.sent[0][1](None, encode_error(ConnectionError("lost")))
        with pytest.raises(OSError, match="lost"):
            await task

    await world.inside(script)


async def test_another_fetcher_is_asked(js: types.ModuleType) -> None:
    asked: list[Any] = []

    async def fetcher(request: Any, options: Any) -> Any:
        asked.append((request, options["method"]))
        return js.Response.new("mine")

    response = await pyfetch("https://a.b", fetcher=fetcher, method="PUT", body=None)
    assert await response.text() == "mine"
    assert asked == [("https://a.b", "PUT")]


async def test_a_request_is_called_off(js: types.ModuleType) -> None:
    async def fetcher(request: Any, options: Any) -> Any:
        options["signal"].throwIfAborted()

    with pytest.raises(AbortError):
        await pyfetch("https://a.b", fetcher=fetcher, signal=js.AbortSignal.abort())
    response = FetchResponse("u", js.Response.new("x"), controller := js.AbortController.new())
    response.abort("enough")
    assert controller.signal.reason == "enough"
    late = FetchResponse("u", js.Response.new("x"), abort_signal=controller.signal)
    with pytest.raises(AbortError, match="enough"):
        await late.text()
    with pytest.raises(ValueError, match="abort_controller is not set"):
        late.abort()


def test_what_would_block_is_refused() -> None:
    with pytest.raises(OSError, match="would block the actor; use: await pyfetch"):
        open_url("https://a.b")
