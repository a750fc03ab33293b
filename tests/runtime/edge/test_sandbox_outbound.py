"""Requests and WebSockets to servers inside sandboxes, through a real wall."""

import asyncio
import gzip
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.http import Request, Response
from perdure.actors.rpc import decode_error
from perdure.runtime.edge.outbound import NetworkError
from perdure.runtime.edge.sandbox_outbound import SandboxOutbound
from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.connector import inner_url
from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from perdure.runtime.sockets.limits import SocketLimits
from tests.runtime.sandbox.inside import PORT, serve_inside
from tests.runtime.sandbox.sandboxes import Sandboxes

pytestmark = pytest.mark.slow

ID = secrets.token_hex(32)  # of this process: other tests run beside it


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LauncherProcess, Path]]:
    folder = tmp_path_factory.mktemp("data") / "sandboxes"
    launcher = LauncherProcess(folder)
    yield launcher, folder
    launcher.close()


class Inside:
    """A server in a sandbox, and a client outside."""

    def __init__(self, keeper: SandboxConnection) -> None:
        self.keeper = keeper
        self.outbound = SandboxOutbound(
            asyncio.get_running_loop(), SocketLimits(websocket_close_timeout_s=0.5), self.reach
        )

    async def reach(self, sandbox_id: str) -> SandboxConnection:
        assert sandbox_id == ID
        return self.keeper

    async def fetch(self, path: str = "/", *, port: int = PORT, **options: Any) -> Response:
        request = Request("https://host/", **{"redirect": "manual", **options})
        request.url = inner_url(ID, port, f"https://host{path}")
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def on_reply(response: Any, failure: bytes | None) -> None:
            if failure is None:
                answer.set_result(response)
            else:
                answer.set_exception(decode_error(failure, is_ours=True))

        self.outbound.fetch(request, on_reply)
        return await answer

    async def seen(self, path: str = "/", **options: Any) -> Any:
        return json.loads(await (await self.fetch(path, **options)).text())

    async def idle_s(self) -> float:
        return float((await self.keeper.ask("status"))["idle_s"])


@pytest.fixture
async def inside(launcher: tuple[LauncherProcess, Path]) -> AsyncIterator[Inside]:
    sandboxes = Sandboxes(launcher[1], launcher[0], "bubblewrap")
    keeper = await sandboxes.open(ID)
    await serve_inside(keeper)
    inside = Inside(keeper)
    yield inside
    await inside.outbound.close()
    await sandboxes.close()


async def test_a_server_inside_sees_what_the_client_said_and_nothing_else(inside: Inside) -> None:
    path = "/a%2Fb/%7euser//../x;y=1?q=%41&q=+&empty=&%F0%9F%90%9A"
    seen = await inside.seen(path, method="DELETE", headers={"X-Own": "yes", "Cookie": "a=b; c=d"})
    assert [seen["method"], seen["target"], seen["version"]] == ["DELETE", path, "HTTP/1.1"]
    assert {name: value for name, value in seen["fields"] if name != "Content-Length"} == {
        "Host": f"localhost:{PORT}",
        "X-Own": "yes",
        "Cookie": "a=b; c=d",
    }


async def test_what_is_of_one_connection_is_not_passed_on(inside: Inside) -> None:
    fields = {
        "Host": "evil.example.com",
        "Connection": "keep-alive, X-Own",
        "Keep-Alive": "timeout=5",
        "Proxy-Connection": "keep-alive",
        "TE": "trailers",
        "Upgrade": "h2c",
        "Expect": "100-continue",
        "X-Own": "yes",
    }
    seen = await inside.seen(headers=fields)
    assert dict(seen["fields"]) == {"Host": f"localhost:{PORT}", "X-Own": "yes"}


async def test_a_redirect_is_the_clients_to_follow(inside: Inside) -> None:
    response = await inside.fetch("/redirect", redirect="manual")
    assert response.status == 302
    assert response.headers["Location"] == f"http://localhost:{PORT}/there?x=1"


async def test_what_is_packed_stays_packed(inside: Inside) -> None:
    response = await inside.fetch("/gzip", headers={"Accept-Encoding": "gzip, zstd"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await response.bytes()) == b"packed"
    seen = await inside.seen(headers={"Accept-Encoding": "gzip, zstd"})
    assert ["Accept-Encoding", "gzip, zstd"] in seen["fields"]


async def test_fields_that_stand_there_more_than_once_do_so_on_the_other_side(
    inside: Inside,
) -> None:
    response = await inside.fetch("/cookies")
    assert response.status_text == "Fine"
    assert response.headers.get_set_cookie() == [
        "a=1; Domain=example.com; Path=/",
        "b=2; path=/;DOMAIN =.example.com ; HttpOnly",
        "c=3",
    ]


async def test_bodies_flow_both_ways_at_once(inside: Inside) -> None:
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def chunks() -> AsyncIterator[bytes]:
        while chunk := await said.get():
            yield chunk

    asking = asyncio.create_task(inside.fetch("/echo", method="POST", body=chunks()))
    said.put_nowait(b"first")
    response = await asking
    assert response.body is not None
    assert await response.body.read_chunk() == b"first"
    said.put_nowait(b"second")
    assert await response.body.read_chunk() == b"second"
    said.put_nowait(b"")
    assert await response.body.read_chunk() == b""


async def body_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_body_that_says_its_length_says_it_inside(inside: Inside) -> None:
    fields = {"Content-Length": "6"}
    seen = await inside.seen(method="POST", body=body_of(b"abc", b"def"), headers=fields)
    assert seen["body"] == "abcdef"
    assert ["Content-Length", "6"] in seen["fields"]
    seen = await inside.seen(method="PUT", body=b"abc")
    assert seen["body"] == "abc"
    assert ["Content-Length", "3"] in seen["fields"]
    seen = await inside.seen(method="PATCH", body=body_of(b"abc"))
    assert seen["body"] == "abc"
    assert ["Transfer-Encoding", "chunked"] in seen["fields"]


@pytest.mark.parametrize("chunks", [(b"GET /smuggled HTTP/1.1\r\n",), (b"a" * 30, b"b" * 30)])
async def test_a_body_that_is_not_as_long_as_it_says_is_not_followed_by_another_request(
    inside: Inside, chunks: tuple[bytes, ...]
) -> None:
    before = (await inside.seen())["connection"]
    with pytest.raises((SandboxRefused, ValueError)):
        await inside.fetch(method="POST", body=body_of(*chunks), headers={"Content-Length": "40"})
    seen = await inside.seen("/next")
    assert seen["target"] == "/next"
    assert seen["connection"] != before


async def test_what_answers_not_at_all_or_not_wholly_is_told(inside: Inside) -> None:
    with pytest.raises(SandboxRefused, match=f"on port {PORT} inside the sandbox") as caught:
        await inside.fetch("/vanish")
    assert caught.value.code == "SERVICE_NOT_RESPONDING"
    assert caught.value.context == {"port": PORT}
    with pytest.raises(SandboxRefused, match="Nothing listens on port 8081") as caught:
        await inside.fetch(port=8081)
    assert caught.value.code == "SERVICE_NOT_RESPONDING"
    response = await inside.fetch("/half")
    with pytest.raises(NetworkError, match=f"on port {PORT} inside the sandbox broke off"):
        await response.text()


async def test_a_refused_upgrade_is_an_ordinary_answer(inside: Inside) -> None:
    response = await inside.fetch("/refused", headers={"Upgrade": "websocket"})
    assert response.web_socket is None
    assert [response.status, await response.text()] == [403, "not today"]


async def test_an_upgrade_that_nobody_asked_for_is_none(inside: Inside) -> None:
    answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    with pytest.raises(SandboxRefused, match="which it was not asked to") as caught:
        await inside.fetch(f"/hostile?{answer.encode().hex()}")
    assert caught.value.code == "SERVICE_NOT_RESPONDING"


async def test_what_an_answer_says_of_its_connection_is_not_passed_on(inside: Inside) -> None:
    answer = "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n"
    response = await inside.fetch(f"/hostile?{answer.encode().hex()}")
    assert "X-Hop" not in response.headers
    assert response.headers["X-End"] == "2"


async def test_a_socket_keeps_the_sandbox_awake_until_it_has_ended(inside: Inside) -> None:
    response = await inside.fetch("/ws", headers={"Upgrade": "websocket"})
    assert response.web_socket is not None
    assert response.headers["X-Answer"] == "of the server inside"
    while await inside.idle_s() > 0:
        await asyncio.sleep(0)
    await inside.outbound.close()
    while await inside.idle_s() == 0:
        await asyncio.sleep(0)
