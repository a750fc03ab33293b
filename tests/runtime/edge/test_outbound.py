"""Requests of user code to the network, and WebSockets to other servers."""

import asyncio
import gzip
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpRawServer

from perdure.runtime.edge.upgrade import accept_of
from perdure.runtime.server import Server
from tests.serving import Serving
from tests.wire import CLOSE, TEXT, Wire, close_frame, frame

# Does to env.TARGET what the path says.
MAIN = """
    import asyncio
    from perdure import DurableObject, Headers, Request, Response, WorkerEntrypoint, fetch

    class Caller(DurableObject):
        async def fetch(self, request):
            self.ctx.storage.kv.put("asked", True)
            response = await fetch(self.env.TARGET + "/seen", method="POST", body="by an actor")
            return Response(await response.text())

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await getattr(self, request.parsed_url.path.split("/")[1])(request)

        @property
        def target(self):
            return self.env.TARGET

        async def passed_on(self, request):
            url = self.target + request.parsed_url.raw_path_qs.removeprefix("/passed_on")
            return await fetch(Request(url, method=request.method, headers=request.headers,
                body=None if request.body is None else request.body))

        async def as_it_is(self, request):
            return await fetch(self.target + "/seen", method=request.method,
                headers=request.headers, body=request.body)

        async def get(self, request):
            response = await fetch(self.target + request.parsed_url.raw_path_qs[4:])
            return Response.json([response.status, response.status_text, response.url,
                response.redirected, response.ok, await response.text(),
                list(response.headers.items())])

        async def redirect(self, request):
            _, _, how, *path = request.parsed_url.path.split("/")
            try:
                response = await fetch(f"{self.target}/{'/'.join(path)}", redirect=how)
            except OSError as error:
                return Response(f"{type(error).__name__}: {error}", 502)
            return Response.json([response.status, response.headers.get("Location"),
                response.url.removeprefix(self.target), response.redirected,
                await response.text()])

        async def post_redirect(self, request):
            async def chunks():
                yield b"some"
                yield b"thing"
            path = request.parsed_url.path.removeprefix("/post_redirect")
            body = chunks() if request.parsed_url.query_string else "something"
            try:
                response = await fetch(self.target + path, method="POST", body=body)
            except OSError as error:
                return Response(f"{type(error).__name__}: {error}", 502)
            return Response(await response.text(), response.status)

        async def stream(self, request):
            async def chunks():
                for n in range(3):
                    await asyncio.sleep(0)
                    yield f"{n},".encode()
            response = await fetch(self.target + "/seen", method="PUT", body=chunks())
            return Response(response.body)

        async def broken(self, request):
            async def chunks():
                yield b"some"
                raise ValueError("out of order")
            try:
                await fetch(self.target + "/seen", method="PUT", body=chunks())
            except Exception as error:
                return Response(f"{type(error).__name__}: {error}")

        async def error(self, request):
            url = await request.text()
            try:
                await fetch(url)
            except OSError as error:
                return Response.json([type(error).__name__, str(error)])

        async def cut_off(self, request):
            response = await fetch(self.target + "/cut_off")
            try:
                await response.text()
            except OSError as error:
                return Response.json([response.status, type(error).__name__, str(error)])

        async def cut_off_passed_on(self, request):
            return await fetch(self.target + "/cut_off")

        async def in_time(self, request):
            try:
                async with asyncio.timeout(0.05):
                    await fetch(self.target + "/never")
            except TimeoutError:
                return Response("too late")

        async def unread(self, request):
            for _ in range(20):
                response = await fetch(self.target + "/large")
            return Response(str(response.status))

        async def by_an_actor(self, request):
            return await self.env.CALLER.get_by_name("one").fetch(request)
"""


@pytest.fixture
def seen() -> list[web.BaseRequest]:
    """Requests that have reached the other server."""
    return []


@pytest.fixture
async def target(
    aiohttp_raw_server: AiohttpRawServer, seen: list[web.BaseRequest]
) -> AsyncIterator[str]:
    """Another server, of another make."""
    others = Others()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request)
        name, _, rest = request.path.removeprefix("/").partition("/")
        answer: Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
        answer = getattr(others, name)
        return await answer(request, rest)

    server = await aiohttp_raw_server(handle)
    yield str(server.make_url("")).rstrip("/")
    others.go_on.set()


class Others:
    """What the other server does with a request, by the first part of its path."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def seen(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        body = await request.text()
        return web.Response(text=f"{request.method} {request.path_qs} {body}")

    async def headers(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        return web.Response(
            text="hello",
            status=203,
            reason="Second Hand",
            headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Text", "grüße")],
        )

    async def status(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        return web.Response(text="" if rest in {"204", "304"} else "body", status=int(rest))

    async def to(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        """Redirect to another path, with the status that comes first."""
        status, _, path = rest.partition("/")
        return web.Response(status=int(status), headers={"Location": f"/{path}"}, text="moved")

    async def around(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/around"})

    async def out(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "ftp://elsewhere/"})

    async def encoded(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        data = b"plain text " * 1000
        packers: dict[str, Callable[[bytes], bytes]]
        packers = {"gzip": gzip.compress, "deflate": zlib.compress, "x-own": bytes}
        packed = packers[rest](data)
        return web.Response(body=packed, headers={"Content-Encoding": rest})

    async def accepts(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        return web.Response(text=request.headers.get("Accept-Encoding", ""))

    async def large(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        return web.Response(body=b"x" * 3_000_000)

    async def cut_off(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"some")
        assert request.transport is not None
        request.transport.close()
        return response

    async def never(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        await self.go_on.wait()
        return web.Response()

    async def latin(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(
            b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok"
        )
        request.transport.close()
        return web.Response()

    async def hop(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        headers = {"Connection": "close, X-Hop", "Keep-Alive": "timeout=5", "X-End": "to end"}
        headers["X-Hop"] = "to the next one"
        return web.Response(text="hop", headers=headers)


@pytest.fixture
async def server(serve: Serving, target: str) -> Server:
    return await serve(MAIN, objects=["Caller"], values={"TARGET": target})


async def get(server: Server, path: str, status: int = 200) -> Any:
    async with aiohttp.request("GET", server.url + path) as response:
        assert response.status == status, await response.text()
        if response.content_type == "application/json":
            return await response.json()
        return await response.text()


# Requests.


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
async def test_method_and_body_arrive(
    server: Server, http: aiohttp.ClientSession, method: str
) -> None:
    body = None if method == "GET" else "grüße"
    async with http.request(method, f"{server.url}/as_it_is", data=body) as response:
        assert await response.text() == f"{method} /seen {body or ''}"


async def test_a_head_request_is_one(
    server: Server, http: aiohttp.ClientSession, seen: list[web.BaseRequest]
) -> None:
    async with http.head(f"{server.url}/passed_on/large") as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "3000000")
    assert [request.method for request in seen] == ["HEAD"]


async def test_a_body_is_streamed(server: Server, seen: list[web.BaseRequest]) -> None:
    assert await get(server, "/stream") == "PUT /seen 0,1,2,"
    assert seen[0].headers["Transfer-Encoding"] == "chunked"


async def test_a_body_that_raises_fails_the_request(server: Server) -> None:
    assert "out of order" in await get(server, "/broken")


async def test_headers_are_sent_as_they_were_given(
    server: Server, http: aiohttp.ClientSession, seen: list[web.BaseRequest], target: str
) -> None:
    headers = [("X-A", "1"), ("X-A", "2"), ("X-Text", "grüße"), ("Cookie", "c=d")]
    async with http.get(f"{server.url}/as_it_is", headers=headers) as response:
        assert response.status == 200
    got = seen[0].headers
    assert got.getall("X-A") == ["1", "2"]
    assert (got["X-Text"], got["Cookie"]) == ("grüße", "c=d")
    assert f"http://{got['Host']}" == target, "the host is that of the URL"


async def test_without_a_word_on_who_asks_it_is_perdure(
    server: Server, seen: list[web.BaseRequest]
) -> None:
    await get(server, "/get/seen")
    assert seen[0].headers["User-Agent"] == "perdure"


async def test_the_url_is_not_encoded_twice(server: Server, seen: list[web.BaseRequest]) -> None:
    await get(server, "/get/seen?a=%20%26b&c=%C3%BC")
    assert seen[0].raw_path == "/seen?a=%20%26b&c=%C3%BC"


async def test_cookies_are_nobodys_business(server: Server, seen: list[web.BaseRequest]) -> None:
    await get(server, "/get/headers")
    await get(server, "/get/seen")
    assert "Cookie" not in seen[1].headers


async def test_a_request_with_a_body_from_an_actor(server: Server) -> None:
    assert await get(server, "/by_an_actor") == "POST /seen by an actor"


# Answers.


async def test_the_parts_of_an_answer(server: Server, target: str) -> None:
    status, text, url, redirected, ok, body, headers = await get(server, "/get/headers")
    assert (status, text, redirected, ok, body) == (203, "Second Hand", False, True, "hello")
    assert url == f"{target}/headers"
    assert ["x-text", "grüße"] in [[name.lower(), value] for name, value in headers]


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 418, 500, 503, 599])
async def test_an_error_status_is_an_answer(
    server: Server, http: aiohttp.ClientSession, status: int
) -> None:
    got = await get(server, f"/get/status/{status}")
    assert (got[0], got[4]) == (status, status < 300)
    async with http.get(f"{server.url}/passed_on/status/{status}") as response:
        assert response.status == status
        assert await response.text() == ("" if status in {204, 304} else "body")


async def test_what_is_passed_on_keeps_its_headers_but_those_of_the_connection(
    server: Server,
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /passed_on/headers HTTP/1.1", "Host: a")
        answer = await wire.answer()
        assert (answer.status, answer.reason, answer.text) == (203, "Second Hand", "hello")
        assert answer.values("Set-Cookie") == ["a=1", "b=2"]
        assert answer.values("Content-Length") == ["5"]
        assert len(answer.values("Date")) == len(answer.values("Server")) == 1
        wire.say("GET /passed_on/hop HTTP/1.1", "Host: a")
        answer = await wire.answer()
        assert (answer.get("Connection"), answer.get("Keep-Alive")) == (None, None)
        assert (answer.get("X-End"), answer.get("X-Hop")) == ("to end", None)


async def test_a_header_that_is_no_utf_8_is_passed_on(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /passed_on/latin HTTP/1.1", "Host: a")
        answer = await wire.answer()
        assert answer.get("X-Name") == "café".encode().decode("latin-1")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_packed_answer_is_unpacked(server: Server, encoding: str) -> None:
    *_, body, headers = await get(server, f"/get/encoded/{encoding}")
    assert body == "plain text " * 1000
    names = {name.lower() for name, _ in headers}
    assert {"content-encoding", "content-length"} & names == set()
    async with await Wire.connect(server.url) as wire:
        wire.say(f"GET /passed_on/encoded/{encoding} HTTP/1.1", "Host: a", "Accept-Encoding: br")
        answer = await wire.answer()
        assert answer.text == "plain text " * 1000
        assert answer.get("Content-Encoding") is None


async def test_an_encoding_that_is_unknown_is_left_as_it_is(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /passed_on/encoded/x-own HTTP/1.1", "Host: a")
        answer = await wire.answer()
        assert answer.get("Content-Encoding") == "x-own"
        assert answer.get("Content-Length") == "11000"


async def test_what_can_be_decoded_here_is_what_is_asked_for(server: Server) -> None:
    async with aiohttp.ClientSession() as http:
        url = f"{server.url}/passed_on/accepts"
        async with http.get(url, headers={"Accept-Encoding": "something, else"}) as response:
            assert "gzip" in await response.text()
        async with http.get(url, headers={"Accept-Encoding": "identity"}) as response:
            assert await response.text() == "identity"


async def test_answers_that_nobody_reads_hold_nothing_up(server: Server) -> None:
    assert await get(server, "/unread") == "200"


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(server: Server, status: int) -> None:
    got = await get(server, f"/redirect/follow/to/{status}/to/302/seen")
    assert got == [200, None, "/seen", True, "GET /seen "]


async def test_a_redirect_may_be_taken_as_the_answer(server: Server) -> None:
    got = await get(server, "/redirect/manual/to/302/seen")
    assert got == [302, "/seen", "/to/302/seen", False, "moved"]


async def test_a_redirect_may_be_an_error(server: Server, target: str) -> None:
    text = await get(server, "/redirect/error/to/302/seen", 502)
    assert text == (
        f"NetworkError: fetch {target}/to/302/seen: it was redirected, and redirect is 'error'"
    )
    assert (await get(server, "/redirect/error/seen"))[0] == 200


async def test_redirects_that_go_round_are_an_error(
    server: Server, seen: list[web.BaseRequest]
) -> None:
    assert "NetworkError" in await get(server, "/redirect/follow/around", 502)
    assert len(seen) <= 21


async def test_a_redirect_to_another_protocol_is_an_error(server: Server) -> None:
    assert "ftp://elsewhere" in await get(server, "/redirect/follow/out", 502)


@pytest.mark.parametrize(
    ("status", "seen_there"),
    [
        (301, "GET /seen "),
        (302, "GET /seen "),
        (303, "GET /seen "),
        (307, "POST /seen something"),
        (308, "POST /seen something"),
    ],
)
async def test_a_redirected_post_is_sent_again_or_becomes_a_get(
    server: Server, status: int, seen_there: str
) -> None:
    assert await get(server, f"/post_redirect/to/{status}/seen") == seen_there


async def test_a_stream_cannot_be_sent_twice(server: Server) -> None:
    assert await get(server, "/post_redirect/to/303/seen?stream") == "GET /seen "
    text = await get(server, "/post_redirect/to/307/seen?stream", 502)
    assert "NetworkError" in text
    assert "redirect" in text


# Errors.


async def test_a_refused_connection_is_an_os_error_that_names_the_url(
    server: Server, unused_tcp_port: int
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/x"
    async with aiohttp.request("POST", f"{server.url}/error", data=url) as response:
        name, text = await response.json()
    assert name == "NetworkError"
    assert text == (
        f"fetch {url}: cannot connect to 127.0.0.1:{unused_tcp_port}: Connection refused"
    )


async def test_a_name_that_does_not_exist_is_one_too(server: Server) -> None:
    url = "http://nowhere.invalid/"
    async with aiohttp.request("POST", f"{server.url}/error", data=url) as response:
        name, text = await response.json()
    assert name == "NetworkError"
    assert text.startswith(f"fetch {url}: cannot connect to nowhere.invalid:80: ")
    assert "Unknown error" not in text


async def test_a_server_that_says_nothing_or_nonsense(server: Server) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words.pop())
        writer.close()

    words = [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
    async with await asyncio.start_server(speak, "127.0.0.1", 0) as other:
        url = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/"
        for _ in range(len(words)):
            async with aiohttp.request("POST", f"{server.url}/error", data=url) as response:
                name, text = await response.json()
            assert name == "NetworkError"
            assert text.startswith(f"fetch {url}: ")


async def test_an_answer_that_is_cut_off_is_an_error(server: Server, target: str) -> None:
    status, name, text = await get(server, "/cut_off")
    assert (status, name) == (200, "NetworkError")
    assert text.startswith(f"{target}/cut_off: the answer broke off: the connection ended")


async def test_an_answer_that_is_cut_off_does_not_look_whole_when_passed_on(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /cut_off_passed_on HTTP/1.1", "Host: a")
        assert (await wire.head()).get("Content-Length") == "100"
        assert len(await wire.rest()) < 100
    [record] = [r for r in caplog.records if r.getMessage() == "response.body_failed"]
    assert "cut_off: the answer broke off" in vars(record)["error"]
    assert record.exc_info is None, "there is no line of a program to be shown"


async def test_a_caller_may_wait_as_long_as_it_likes(server: Server) -> None:
    assert await get(server, "/in_time") == "too late"


async def test_requests_under_way_end_with_the_server(
    server: Server, seen: list[web.BaseRequest]
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /get/never HTTP/1.1", "Host: a")
        while not seen:
            await asyncio.sleep(0)
        await server.stop(drain_s=0)
        assert b"HTTP/1.1 200" not in await wire.rest()


# WebSockets to other servers.

SOCKETS = """
    import asyncio
    from perdure import DurableObject, Request, Response, WebSocketPair, WorkerEntrypoint, fetch

    class Caller(DurableObject):
        async def fetch(self, request):
            '''Connects out, and tells what it has heard.'''
            heard = asyncio.Queue()
            headers = {"Upgrade": "websocket", "Sec-WebSocket-Protocol": "chat, talk",
                "X-Who": "an actor"}
            response = await fetch(self.env.TARGET + request.parsed_url.raw_path_qs,
                headers=headers)
            socket = response.web_socket
            if socket is None:
                return Response.json([response.status, await response.text()])
            socket.on_message = lambda event: heard.put_nowait(event.data)
            socket.on_close = lambda event: heard.put_nowait(
                [event.code, event.reason, event.was_clean])
            socket.accept()
            socket.send("hello")
            got = [response.status, socket.protocol, socket.url.rpartition("/")[2]]
            while not isinstance(got[-1], list):
                got.append(await heard.get())
                if got[-1] == "close me":
                    socket.close(4321, "as asked")
            return Response.json([got, len(self.ctx.sessions)])

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.parsed_url.path.startswith("/actor"):
                url = request.url.replace("/actor", "")
                stub = self.env.CALLER.get_by_name("one")
                return await stub.fetch(Request(url, headers=request.headers))
            if request.parsed_url.path.startswith("/error"):
                try:
                    await fetch(self.env.TARGET + request.parsed_url.path[6:],
                        headers={"Upgrade": "websocket"})
                except OSError as error:
                    return Response.json([type(error).__name__, str(error)])
            return await fetch(Request(self.env.TARGET + request.parsed_url.path,
                headers=request.headers))
"""


class SocketOthers:
    """What the other server does with a WebSocket, by its path."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        name = request.path.strip("/")
        if name == "no":
            return web.Response(text="not today", status=403)
        ws = web.WebSocketResponse(protocols=["talk"], max_msg_size=0, autoclose=True)
        await ws.prepare(request)
        self.heard.put_nowait(dict(request.headers))
        await getattr(self, name)(ws, request)
        self.heard.put_nowait([ws.close_code])
        return ws

    async def echo(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                await ws.send_str(message.data)
            else:
                await ws.send_bytes(message.data)

    async def closes(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        await ws.send_str(await ws.receive_str())
        await ws.close(code=4001, message="grüße".encode())

    async def asks(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        await ws.send_str("close me")
        async for message in ws:
            self.heard.put_nowait(message.data)

    async def glues(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        for n in range(3):
            await ws.send_str(str(n))
        await ws.close(code=4002, message=b"that is all")

    async def pours(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        for n in range(200):
            await ws.send_bytes(bytes([n]) * 50_000)
        await ws.close()

    async def vanishes(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        await ws.receive()
        assert request.transport is not None
        request.transport.abort()

    async def pings(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        await ws.ping(b"are you there")
        self.heard.put_nowait((await ws.receive()).data)
        await ws.close(code=4003)

    async def breaks(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        assert request.transport is not None
        request.transport.write(frame(TEXT, "masked"))
        self.heard.put_nowait((await ws.receive()).data)


@pytest.fixture
async def others(aiohttp_raw_server: AiohttpRawServer) -> tuple[SocketOthers, str]:
    others = SocketOthers()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await others.handle(request)

    other = await aiohttp_raw_server(handle)
    return others, str(other.make_url("")).rstrip("/")


@pytest.fixture
async def relay(serve: Serving, others: tuple[SocketOthers, str]) -> Server:
    return await serve(SOCKETS, objects=["Caller"], values={"TARGET": others[1]})


async def test_an_actor_is_a_client(relay: Server, others: tuple[SocketOthers, str]) -> None:
    got, open_sessions = await get(relay, "/actor/closes")
    assert got == [101, "talk", "closes", "hello", [4001, "grüße", True]]
    assert open_sessions == 0
    headers = await others[0].heard.get()
    assert headers["X-Who"] == "an actor"
    assert headers["Sec-WebSocket-Version"] == "13"
    assert "Sec-WebSocket-Extensions" not in headers
    assert await others[0].heard.get() == [4001]


async def test_an_actor_closes(relay: Server, others: tuple[SocketOthers, str]) -> None:
    got, _ = await get(relay, "/actor/asks")
    assert got[3:] == ["close me", [1000, "", True]], "the server's own answer"
    await others[0].heard.get()
    assert [await others[0].heard.get() for _ in range(2)] == ["hello", [4321]]


async def test_frames_in_one_piece_with_the_servers_101_are_heard(relay: Server) -> None:
    got, _ = await get(relay, "/actor/glues")
    assert got[3:] == ["0", "1", "2", [4002, "that is all", True]]


async def test_a_server_that_vanishes(relay: Server) -> None:
    got, open_sessions = await get(relay, "/actor/vanishes")
    assert got[3:] == [[1006, "WebSocket disconnected without sending Close frame.", False]]
    assert open_sessions == 0


async def test_a_server_that_pings_gets_its_pong(
    relay: Server, others: tuple[SocketOthers, str]
) -> None:
    got, _ = await get(relay, "/actor/pings")
    assert got[3:] == [[4003, "", True]]
    await others[0].heard.get()
    assert await others[0].heard.get() == "hello"


async def test_a_server_that_breaks_the_protocol(
    relay: Server, others: tuple[SocketOthers, str]
) -> None:
    got, _ = await get(relay, "/actor/breaks")
    assert got[3:] == [[1002, "a server must not mask its frames", False]]
    await others[0].heard.get()
    assert await others[0].heard.get() == 1002, "which it is told"


async def test_a_server_that_does_not_upgrade_has_answered(relay: Server) -> None:
    assert await get(relay, "/actor/no") == [403, "not today"]


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (b"Sec-WebSocket-Accept: nonsense", "the server answered another handshake"),
        (b"X: y", "the server answered another handshake"),
        (
            b"Sec-WebSocket-Accept: right\r\nSec-WebSocket-Extensions: permessage-deflate",
            "the server uses an extension that it was not offered: permessage-deflate",
        ),
        (
            b"Sec-WebSocket-Accept: right\r\nSec-WebSocket-Protocol: chat",
            "the server chose a subprotocol that it was not offered: chat",
        ),
    ],
)
async def test_a_handshake_that_is_wrong_is_an_error(
    serve: Serving, field: bytes, why: str
) -> None:
    async with RawServer(field) as target:
        server = await serve(SOCKETS, objects=["Caller"], values={"TARGET": target})
        name, text = await get(server, "/error/x")
        assert (name, text) == ("NetworkError", f"fetch {target}/x: {why}")


class RawServer:
    """Answers one upgrade, and sends what comes behind the head in one write with it.

    Attributes:
        got: What the client has sent up to the end of its connection.
    """

    def __init__(self, fields: bytes = b"Sec-WebSocket-Accept: right", tail: bytes = b"") -> None:
        self.fields = fields
        self.tail = tail
        self.got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = head.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
        fields = self.fields.replace(b"right", accept_of(key).encode())
        start = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(start + fields + b"\r\n\r\n" + self.tail)
        got = await reader.read()
        writer.close()
        self.got.set_result(got)

    async def __aenter__(self) -> str:
        self.server = await asyncio.start_server(self.speak, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        await self.got
        self.server.close()
        await self.server.wait_closed()


def from_server(*frames: tuple[int, bytes | str]) -> bytes:
    return b"".join(frame(opcode, payload, mask=False) for opcode, payload in frames)


@pytest.mark.parametrize("size", [1, 1000, 100_000, 1_000_000])
async def test_frames_in_one_piece_with_the_101_of_a_server(serve: Serving, size: int) -> None:
    texts = ["a" * size, "b", "c" * size]
    tail = from_server(*((TEXT, text) for text in texts), (CLOSE, b"\x0f\xa3enough"))
    async with RawServer(tail=tail) as target:
        server = await serve(SOCKETS, objects=["Caller"], values={"TARGET": target})
        got, _ = await get(server, "/actor/x")
        assert got[3:] == [*texts, [4003, "enough", True]]


@pytest.mark.parametrize("size", [1, 100_000])
async def test_frames_in_one_piece_with_the_101_pass_through(serve: Serving, size: int) -> None:
    texts = ["a" * size, "b", "c" * size]
    tail = from_server(*((TEXT, text) for text in texts), (CLOSE, b"\x0f\xa3enough"))
    async with RawServer(tail=tail) as target:
        server = await serve(SOCKETS, objects=["Caller"], values={"TARGET": target})
        async with await Wire.connect(server.url) as wire:
            assert (await wire.upgrade("/x")).status == 101
            assert [await wire.text() for _ in texts] == texts
            assert (await wire.frame()).close == (4003, "enough")
            wire.send(close_frame(4003))
            assert await wire.rest() == b""


async def test_half_a_frame_in_one_piece_with_the_101_waits_for_the_rest(serve: Serving) -> None:
    limits = {"websocket_close_timeout_s": 0.05}
    other = RawServer(tail=from_server((TEXT, "a"), (TEXT, "half a frame"))[:-3])
    async with other as target:
        values = {"TARGET": target}
        server = await serve(SOCKETS, objects=["Caller"], values=values, limits=limits)
        async with await Wire.connect(server.url) as wire:
            assert (await wire.upgrade("/x")).status == 101
            assert await wire.text() == "a"
            wire.vanish()
        assert (await other.got)[:1] == b"\x88", "it is told, and cut off as it does not answer"


# A Worker that passes a WebSocket through: fetch(request).


async def test_messages_pass_both_ways(relay: Server, http: aiohttp.ClientSession) -> None:
    async with http.ws_connect(f"{relay.url}/echo", compress=15) as ws:
        assert ws.compress == 0, "the client offered it; nobody may take it up"
        for message in ("hello", "", "x" * 100_000):
            await ws.send_str(message)
            assert await ws.receive_str() == message
        await ws.send_bytes(b"\x00\xff")
        assert await ws.receive_bytes() == b"\x00\xff"


async def test_the_subprotocol_passes_through(relay: Server, http: aiohttp.ClientSession) -> None:
    async with http.ws_connect(f"{relay.url}/echo", protocols=["talk"]) as ws:
        assert ws.protocol == "talk"


async def test_a_large_message_passes_through(relay: Server, http: aiohttp.ClientSession) -> None:
    message = b"\xa5" * (20 * 2**20)
    async with http.ws_connect(f"{relay.url}/echo", max_msg_size=0) as ws:
        await ws.send_bytes(message)
        assert await ws.receive_bytes() == message


async def test_much_passes_through_to_a_client_that_reads_slowly(
    serve: Serving, others: tuple[SocketOthers, str]
) -> None:
    """More than may wait for a client that does not read."""
    limits = {"websocket_queue_size_bytes_max": 1_000_000}
    server = await serve(SOCKETS, objects=["Caller"], values={"TARGET": others[1]}, limits=limits)
    async with await Wire.connect(server.url, receive_buffer_size=4096) as wire:
        await wire.upgrade("/pours")
        for n in range(200):
            assert (await wire.frame()).payload == bytes([n]) * 50_000
        assert (await wire.frame()).close == (1000, "")


async def test_the_close_frame_of_the_server_passes_through(relay: Server) -> None:
    async with await Wire.connect(relay.url) as wire:
        await wire.upgrade("/glues")
        assert [await wire.text() for _ in range(3)] == ["0", "1", "2"]
        assert (await wire.frame()).close == (4002, "that is all")
        wire.send(close_frame(4002))
        assert await wire.rest() == b""


async def test_the_close_frame_of_the_client_passes_through(
    relay: Server, others: tuple[SocketOthers, str]
) -> None:
    async with await Wire.connect(relay.url) as wire:
        await wire.upgrade("/echo", glued=frame(TEXT, "glued"))
        assert await wire.text() == "glued"
        wire.send(close_frame(4567, "bye"))
        assert await wire.close_frame() == (1000, ""), "the server's own answer"
        await others[0].heard.get()
        assert await others[0].heard.get() == [4567]


async def test_a_client_that_is_lost_is_told_to_the_server(
    relay: Server, others: tuple[SocketOthers, str]
) -> None:
    async with await Wire.connect(relay.url) as wire:
        await wire.upgrade("/echo", glued=frame(TEXT, "glued"))
        assert await wire.text() == "glued"
        wire.vanish()
        await others[0].heard.get()
        assert await others[0].heard.get() == [1011]


async def test_a_server_that_is_lost_is_told_to_the_client(relay: Server) -> None:
    async with await Wire.connect(relay.url) as wire:
        await wire.upgrade("/vanishes", glued=frame(TEXT, "glued"))
        assert (await wire.frame()).close == (
            1011,
            "the other side of this connection was lost",
        )


async def test_a_refusal_passes_through(relay: Server) -> None:
    async with await Wire.connect(relay.url) as wire:
        answer = await wire.upgrade("/no")
        assert (answer.status, answer.text) == (403, "not today")


async def test_both_sides_are_told_that_the_server_goes(
    relay: Server, others: tuple[SocketOthers, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(relay.url) as wire:
        await wire.upgrade("/echo", glued=frame(TEXT, "glued"))
        assert await wire.text() == "glued"
        stopping = asyncio.create_task(relay.stop(drain_s=0))
        assert (await wire.frame()).close == (1001, "the server is going away")
        wire.send(close_frame(1001))
        assert await wire.rest() == b""
        await stopping
        await others[0].heard.get()
        assert await others[0].heard.get() == [1001]
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG] == []


async def test_a_server_that_does_not_answer_our_close_frame_is_cut_off(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.edge.outbound.CLOSE_S", 0.05)
    other = RawServer()
    async with other as target:
        server = await serve(SOCKETS, objects=["Caller"], values={"TARGET": target})
        async with await Wire.connect(server.url) as wire:
            assert (await wire.upgrade("/")).status == 101
            stopping = asyncio.create_task(server.stop(drain_s=0))
            assert (await wire.frame()).close[0] == 1001
            wire.send(close_frame(1001))
            await stopping
        assert (await other.got)[:1] == b"\x88", "it was told"


async def test_perdure_talks_to_perdure(
    serve: Serving, http: aiohttp.ClientSession, others: tuple[SocketOthers, str]
) -> None:
    far = await serve(SOCKETS, objects=["Caller"], values={"TARGET": others[1]})
    near = await serve(SOCKETS, objects=["Caller"], values={"TARGET": far.url})
    async with http.ws_connect(f"{near.url}/echo") as ws:
        await ws.send_str("far away")
        assert await ws.receive_str() == "far away"
        await ws.close(code=4444)
    headers = await others[0].heard.get()
    assert headers["Upgrade"] == "websocket"
    assert await others[0].heard.get() == [4444]
