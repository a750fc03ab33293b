"""The front: what requests become for the Worker, and its answers for clients."""

import asyncio
import json
import logging
from collections.abc import Sequence

import aiohttp
import pytest

from perdure.runtime.edge.request_record import RequestRecord
from perdure.runtime.server import Server
from tests.runtime.rooms import ROOMS, heard, sessions, undisturbed
from tests.serving import Serving
from tests.wire import TEXT, Wire, frame

MIRROR = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            fields = [[name, value] for name, value in request.header_fields().items()]
            return Response.json({
                "method": request.method,
                "url": request.url,
                "path": request.parsed_url.path,
                "headers": fields,
                "body": request.body is None,
            })
"""


@pytest.fixture
def records() -> list[RequestRecord]:
    return []


@pytest.fixture
async def mirror(serve: Serving, records: list[RequestRecord]) -> Server:
    return await serve(MIRROR, on_request=records.append)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG]


async def ask(server: Server, *lines: str | bytes, body: bytes = b"") -> tuple[int, str]:
    async with await Wire.connect(server.url) as wire:
        wire.say(*lines, body=body)
        answer = await wire.answer(has_body=not str(lines[0]).startswith("HEAD"))
        return answer.status, answer.text


# Requests as the Worker sees them.


async def test_the_worker_sees_method_url_headers_and_that_there_is_no_body(
    mirror: Server, http: aiohttp.ClientSession
) -> None:
    headers = [("X-A", "1"), ("X-A", "2"), ("x-b", "grüße")]
    async with http.request("OPTIONS", f"{mirror.url}/a%20b/?c=d&c=%26", headers=headers) as got:
        seen = await got.json()
    assert seen["method"] == "OPTIONS"
    assert seen["url"] == f"{mirror.url}/a%20b/?c=d&c=%26"
    assert seen["path"] == "/a b/"
    assert seen["body"] is True
    given = [[name.lower(), value] for name, value in seen["headers"]]
    assert [pair for pair in given if pair[0].startswith("x-")] == [
        ["x-a", "1"],
        ["x-a", "2"],
        ["x-b", "grüße"],
    ]


async def test_what_a_client_says_to_the_server_alone_is_not_seen(mirror: Server) -> None:
    _, text = await ask(
        mirror, "GET / HTTP/1.1", "Host: a", "Connection: X-Own, keep-alive", "X-Own: 1", "X-B: 2"
    )
    names = [name.lower() for name, _ in json.loads(text)["headers"]]
    assert "x-own" not in names
    assert "x-b" in names


@pytest.mark.parametrize(
    ("target", "host", "url"),
    [
        ("/", "example.com", "http://example.com/"),
        ("/", "example.com:8080", "http://example.com:8080/"),
        ("/", "EXAMPLE.com", "http://EXAMPLE.com/"),
        ("/", "[::1]:80", "http://[::1]:80/"),
        ("/", "under_score", "http://under_score/"),
        ("/a//b/../c?d#", "a", "http://a/a//b/../c?d#"),
        ("http://other.example/x?y", "a", "http://other.example/x?y"),
        ("//two", "a", "http://a//two"),
        ("/%C3%A9?%zz=%", "a", "http://a/%C3%A9?%zz=%"),
        ("/[x]|{y}", "a", "http://a/[x]|{y}"),
    ],
)
async def test_the_url_is_made_of_host_and_target(
    mirror: Server, target: str, host: str, url: str
) -> None:
    status, text = await ask(mirror, f"GET {target} HTTP/1.1", f"Host: {host}")
    assert status == 200, text
    assert f'"url": "{url}"' in text


async def test_the_whole_server_can_be_asked_for_its_options(mirror: Server) -> None:
    status, text = await ask(mirror, "OPTIONS * HTTP/1.1", "Host: a")
    assert (status, '"url": "http://a/*"' in text) == (200, True)


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param([], id="none"),
        pytest.param(["Host: a", "Host: a"], id="two"),
        pytest.param(["Host: a b"], id="a space"),
        pytest.param(["Host: a/b"], id="a path"),
        pytest.param(["Host: user@a"], id="a user"),
        pytest.param(["Host: a:b"], id="a port that is none"),
        pytest.param(["Host: a:99999"], id="a port that cannot be"),
        pytest.param(["Host: ::1"], id="IPv6 without brackets"),
        pytest.param(["Host: [::1"], id="half a bracket"),
        pytest.param(["Host: <script>"], id="markup"),
        pytest.param(["Host: grüße"], id="not ASCII"),
    ],
)
async def test_a_host_that_is_none_is_refused(
    mirror: Server, records: list[RequestRecord], hosts: list[str]
) -> None:
    status, text = await ask(mirror, "GET / HTTP/1.1", *hosts)
    assert (status, text[:11]) == (400, "Bad Request")


async def test_an_empty_host_stands_for_the_server(mirror: Server) -> None:
    status, text = await ask(mirror, "GET /x HTTP/1.1", "Host:")
    assert (status, f'"url": "{mirror.url}/x"' in text) == (200, True)


# Answers.


async def test_status_headers_and_body_arrive(serve: Serving, http: aiohttp.ClientSession) -> None:
    main = """
        from perdure import Response, WorkerEntrypoint

        class Default(WorkerEntrypoint):
            def fetch(self, request):
                headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Text", "grüße")]
                return Response("hello", 418, status_text="Teapot", headers=headers)
    """
    server = await serve(main)
    async with http.get(server.url) as response:
        assert (response.status, response.reason) == (418, "Teapot")
        assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        assert response.headers["X-Text"] == "grüße"
        assert response.headers["Content-Type"] == "text/plain;charset=UTF-8"
        assert await response.text() == "hello"


async def test_bytes_that_are_no_text_pass_through_headers(serve: Serving) -> None:
    main = """
        from perdure import Response, WorkerEntrypoint

        class Default(WorkerEntrypoint):
            def fetch(self, request):
                return Response("", headers={"X-Back": request.headers["X-There"]})
    """
    server = await serve(main)
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a", b"X-There: caf\xe9")
        assert (await wire.answer()).get("X-Back") == "café"  # the wire reads Latin-1


async def test_a_head_request_gets_the_head_only(mirror: Server) -> None:
    async with await Wire.connect(mirror.url) as wire:
        wire.say("HEAD / HTTP/1.1", "Host: a")
        answer = await wire.answer(has_body=False)
        assert (answer.status, answer.get("Content-Type")) == (200, "application/json")
        assert int(answer.get("Content-Length") or 0) > 10
        wire.say("GET / HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200


@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1, 5_000_000])
async def test_a_large_answer_reaches_a_client_that_reads_slowly(serve: Serving, size: int) -> None:
    main = """
        from perdure import Response, WorkerEntrypoint

        class Default(WorkerEntrypoint):
            def fetch(self, request):
                return Response(b"x" * int(request.parsed_url.path[1:]))
    """
    server = await serve(main)
    async with await Wire.connect(server.url, receive_buffer_size=4096) as wire:
        wire.say(f"GET /{size} HTTP/1.1", "Host: a", "Connection: close")
        answer = await wire.head()
        assert answer.get("Content-Length") == str(size)
        assert await wire.rest() == b"x" * size


async def test_every_request_has_a_record(
    mirror: Server, records: list[RequestRecord], http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{mirror.url}/a%20b?c") as response:
        assert response.status == 200
    await ask(mirror, "GET /refused HTTP/1.1", "Host: ::")
    assert [(r.method, r.path, r.status) for r in records] == [
        ("GET", "/a%20b?c", 200),
        ("GET", "/refused", 400),
    ]
    assert all(r.duration_s >= 0 for r in records)


# Handlers that fail.

FAILING = """
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    def deeper(path):
        raise ValueError(f"<secret> {path}")

    class Room(DurableObject):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path == "/actor/sql":
                self.ctx.storage.sql.exec("SELEC 1")
            if path == "/actor/count":
                count = self.ctx.storage.kv.get("count") or 0
                self.ctx.storage.kv.put("count", count + 1)
                return Response(str(count + 1))
            if path == "/actor/raise-after-write":
                self.ctx.storage.kv.put("count", 100)
            deeper(path)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path.startswith("/actor"):
                return await self.env.ROOM.get_by_name("room").fetch(request)
            if path == "/nothing":
                return None
            if path == "/text":
                return "hello"
            if path == "/class":
                return Response
            if path == "/used":
                response = Response("hello")
                await response.text()
                return response
            if path == "/socket":
                client, self.server = WebSocketPair()
                return Response(None, status=101, web_socket=client)
            if path == "/accepted":
                client, server = WebSocketPair()
                client.accept()
                return Response(None, status=101, web_socket=client)
            if path == "/surrogate":
                raise ValueError("\\udcff")
            if path == "/ok":
                return Response("ok")
            deeper(path)
"""


@pytest.fixture
async def failing(serve: Serving) -> Server:
    return await serve(FAILING, objects=["Room"])


@pytest.mark.parametrize("path", ["/raise", "/actor/raise", "/actor/sql", "/surrogate"])
async def test_a_handler_that_raises_is_a_500_without_details(
    failing: Server, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    for accept in ("text/html", "*/*"):
        async with http.get(failing.url + path, headers={"Accept": accept}) as response:
            assert response.status == 500
            assert await response.text() == "Internal Server Error\n"
    assert "request.failed" in errors(caplog)
    async with http.get(f"{failing.url}/ok") as response:
        assert response.status == 200


async def test_an_sql_error_is_logged_and_the_actor_goes_on(
    failing: Server, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with http.get(f"{failing.url}/actor/count") as response:
        assert await response.text() == "1"
    started = failing.statistics().actors_started
    async with http.get(f"{failing.url}/actor/sql") as response:
        assert response.status == 500
    assert "SELEC" in caplog.text
    assert "syntax error" in caplog.text
    async with http.get(f"{failing.url}/actor/count") as response:
        assert await response.text() == "2"
    assert failing.statistics().actors_started == started


async def test_what_a_handler_wrote_before_it_raised_stands(
    failing: Server, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{failing.url}/actor/raise-after-write") as response:
        assert response.status == 500
    async with http.get(f"{failing.url}/actor/count") as response:
        assert await response.text() == "101"


async def test_with_show_errors_the_client_gets_the_traceback_as_text(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(FAILING, objects=["Room"], show_errors=True)
    async with http.get(f"{server.url}/raise") as response:
        assert (response.status, response.content_type) == (500, "text/plain")
        text = await response.text()
    assert text.startswith("Traceback (most recent call last):\n  File ")
    assert 'raise ValueError(f"<secret> {path}")' in text
    assert text.rstrip().endswith("ValueError: <secret> /raise")
    assert "runtime/host" not in text, "frames of ours say nothing"


@pytest.mark.parametrize("path", ["/raise", "/actor/raise"])
async def test_with_show_errors_a_browser_gets_a_page_with_the_source(
    serve: Serving, http: aiohttp.ClientSession, path: str
) -> None:
    server = await serve(FAILING, objects=["Room"], show_errors=True)
    async with http.get(server.url + path, headers={"Accept": "text/html,*/*"}) as response:
        assert (response.status, response.content_type) == (500, "text/html")
        page = await response.text()
    assert f"<h1>ValueError: &lt;secret&gt; {path}</h1>" in page
    first = page.split("</section>")[0]
    assert f"{server.config.main}:5 <span>in deeper</span>" in first
    assert "raise ValueError(f&quot;&lt;secret&gt; {path}&quot;)" in first


async def test_an_sql_error_is_on_the_page(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve(FAILING, objects=["Room"], show_errors=True)
    headers = {"Accept": "text/html"}
    async with http.get(f"{server.url}/actor/sql", headers=headers) as response:
        page = await response.text()
    assert "SELEC" in page
    assert "self.ctx.storage.sql.exec(&quot;SELEC 1&quot;)" in page.split("</section>")[0]


@pytest.mark.parametrize("path", ["/nothing", "/text", "/class"])
async def test_a_handler_that_returns_no_response_is_a_500_and_the_log_says_why(
    failing: Server, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    async with http.get(failing.url + path) as response:
        assert (response.status, await response.text()) == (500, "Internal Server Error\n")
    assert "Incorrect type for Promise: the Promise did not resolve to 'Response'." in caplog.text


async def test_a_response_that_was_read_cannot_be_sent(
    failing: Server, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with http.get(f"{failing.url}/used") as response:
        assert response.status == 500
    assert "Body already used" in caplog.text


async def test_a_101_to_a_request_without_upgrade_is_a_500_and_the_log_says_why(
    failing: Server, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with http.get(f"{failing.url}/socket") as response:
        assert (response.status, await response.text()) == (500, "Internal Server Error\n")
    assert (
        "Worker tried to return a WebSocket in a response to a request which did not contain "
        'the header "Upgrade: websocket".'
    ) in caplog.text


async def test_a_socket_that_was_accepted_cannot_be_returned(
    failing: Server, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{failing.url}/accepted")
    assert refused.value.status == 500
    assert "Can't return WebSocket in a Response after calling accept()" in caplog.text


async def test_the_actor_whose_101_was_refused_hears_that_its_client_is_gone(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    main = ROOMS.replace("request.is_upgrade", 'request.is_upgrade or "raw" in request.url')
    server = await serve(main, objects=["Room"])
    async with undisturbed(http, server):
        async with http.get(f"{server.url}/room?raw") as response:
            assert response.status == 500
        assert (await heard(http, server))[:2] == ["close", 1006]
        assert await sessions(http, server) == 0


# Answers that stream.

STREAMS = """
    import asyncio
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Streamer(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.heard = asyncio.Queue()
            self.go_on = asyncio.Queue()

        async def fetch(self, request):
            path = request.parsed_url.path
            length = request.parsed_url.query.get("length")
            headers = {} if length is None else {"Content-Length": length}
            if path == "/heard":
                return Response(await self.heard.get())
            if path == "/go-on":
                self.go_on.put_nowait(None)
                return Response("")
            return Response(getattr(self, path[1:])(), headers=headers)

        async def count(self):
            for n in range(5):
                yield str(n).encode()

        async def fail(self):
            yield b"some"
            await self.go_on.get()
            raise ValueError("out of order")

        async def fail_at_once(self):
            raise ValueError("out of order")
            yield b""

        async def text(self):
            yield "no bytes"

        async def wait(self):
            try:
                yield b"some"
                await self.go_on.get()
            finally:
                self.ctx.storage.kv.put("ended", True)
                self.heard.put_nowait("the generator has ended")

        async def flood(self):
            try:
                while True:
                    yield b"x" * 100_000
            finally:
                self.heard.put_nowait("the generator has ended")

        async def lost(self):
            yield b"some"
            await self.go_on.get()
            raise ConnectionResetError("of the generator's own")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.STREAMER.get_by_name("one").fetch(request)
"""


@pytest.fixture
async def streams(serve: Serving, records: list[RequestRecord]) -> Server:
    return await serve(STREAMS, objects=["Streamer"], on_request=records.append)


async def get(server: Server, path: str) -> str:
    async with aiohttp.request("GET", server.url + path) as response:
        assert response.status == 200
        return await response.text()


async def test_a_stream_arrives_chunk_by_chunk(streams: Server) -> None:
    async with await Wire.connect(streams.url) as wire:
        wire.say("GET /wait HTTP/1.1", "Host: a")
        assert (await wire.head()).get("Transfer-Encoding") == "chunked"
        assert await wire.chunk() == b"some"
        await get(streams, "/go-on")
        assert await wire.chunk() == b""
        wire.say("GET /count HTTP/1.1", "Host: a")
        assert (await wire.answer()).text == "01234"


@pytest.mark.parametrize("path", ["/wait", "/flood"])
async def test_a_client_that_goes_away_ends_the_stream(
    streams: Server,
    records: list[RequestRecord],
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    async with await Wire.connect(streams.url) as wire:
        wire.say(f"GET {path} HTTP/1.1", "Host: a")
        assert (await wire.head()).status == 200
        assert await wire.chunk()
        wire.vanish()
        assert await get(streams, "/heard") == "the generator has ended"
    assert {(r.path, r.status) for r in records} == {(path, 499), ("/heard", 200)}
    assert errors(caplog) == []


async def test_a_client_that_leaves_in_good_order_ends_the_stream_too(streams: Server) -> None:
    async with await Wire.connect(streams.url) as wire:
        wire.say("GET /wait HTTP/1.1", "Host: a")
        assert (await wire.head()).status == 200
        assert await wire.chunk() == b"some"
    assert await get(streams, "/heard") == "the generator has ended"


@pytest.mark.parametrize("path", ["/fail", "/lost"])
@pytest.mark.parametrize("length", ["", "?length=100"])
async def test_a_stream_that_raises_does_not_look_whole(
    streams: Server,
    records: list[RequestRecord],
    caplog: pytest.LogCaptureFixture,
    path: str,
    length: str,
) -> None:
    async with await Wire.connect(streams.url) as wire:
        wire.say(f"GET {path}{length} HTTP/1.1", "Host: a")
        assert (await wire.head()).status == 200
        await (wire.read(4) if length else wire.chunk())
        await get(streams, "/go-on")
        assert await wire.rest() == b"", "cut off, without the chunk that ends a body"
    assert {(r.path, r.status) for r in records} == {("/go-on", 200), (path + length, 500)}
    assert "response.body_failed" in errors(caplog)


@pytest.mark.parametrize("path", ["/fail_at_once", "/text"])
async def test_a_client_library_sees_a_stream_that_fails_as_a_failure(
    streams: Server, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with pytest.raises(aiohttp.ClientError):
        await (await http.get(streams.url + path)).read()
    assert "response.body_failed" in errors(caplog)
    assert await get(streams, "/count") == "01234"


@pytest.mark.parametrize(("length", "got"), [(3, b"01"), (7, b"01234")])
async def test_a_stream_of_another_length_than_declared_is_cut_off(
    streams: Server, caplog: pytest.LogCaptureFixture, length: int, got: bytes
) -> None:
    async with await Wire.connect(streams.url) as wire:
        wire.say(f"GET /count?length={length} HTTP/1.1", "Host: a")
        assert (await wire.head()).get("Content-Length") == str(length)
        assert (await wire.rest()).startswith(got)
    assert f"the response's Content-Length is {length}, but its body is" in caplog.text


async def test_a_stream_of_the_length_declared_is_whole(streams: Server) -> None:
    async with await Wire.connect(streams.url) as wire:
        for _ in range(2):
            wire.say("GET /count?length=5 HTTP/1.1", "Host: a")
            assert (await wire.answer()).text == "01234"


async def test_a_stream_is_not_started_for_a_head_request(streams: Server) -> None:
    async with await Wire.connect(streams.url) as wire:
        wire.say("HEAD /flood HTTP/1.1", "Host: a")
        assert (await wire.answer(has_body=False)).status == 200
        wire.say("GET /count HTTP/1.1", "Host: a")
        assert (await wire.answer()).text == "01234"


async def test_an_old_client_gets_a_stream_that_ends_with_the_connection(streams: Server) -> None:
    async with await Wire.connect(streams.url) as wire:
        wire.say("GET /count HTTP/1.0")
        answer = await wire.answer()
        assert (answer.get("Transfer-Encoding"), answer.text) == (None, "01234")


async def test_a_stream_waits_for_a_client_that_reads_slowly(
    streams: Server, http: aiohttp.ClientSession
) -> None:
    async with (
        undisturbed_count(streams),
        await Wire.connect(streams.url, receive_buffer_size=4096) as wire,
    ):
        wire.say("GET /flood HTTP/1.1", "Host: a")
        assert (await wire.head()).status == 200
        for _ in range(100):
            assert len(await wire.chunk()) == 100_000


class undisturbed_count:
    """Another client of the same actor, which reads a short answer before and after."""

    def __init__(self, server: Server) -> None:
        self.server = server

    async def __aenter__(self) -> None:
        assert await get(self.server, "/count") == "01234"

    async def __aexit__(self, *_: object) -> None:
        assert await get(self.server, "/count") == "01234"


# Sockets whose clients have gone meanwhile.

LATE = """
    import asyncio
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.arrived, self.go_on = asyncio.Queue(), asyncio.Queue()
            self.heard = asyncio.Queue()

        async def fetch(self, request):
            if not request.is_upgrade:
                return Response.json(await getattr(self, request.parsed_url.path[1:])())
            self.arrived.put_nowait(None)
            await self.go_on.get()
            client, server = WebSocketPair()
            server.accept()
            server.send("welcome")
            server.on_close = lambda event: self.heard.put_nowait([event.code, event.was_clean])
            return Response(None, status=101, web_socket=client)

        async def wait(self):
            await self.arrived.get()

        async def let_go(self):
            self.go_on.put_nowait(None)
            return [await self.heard.get(), len(self.ctx.sessions)]

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name("one").fetch(request)
"""


async def test_an_actor_hears_that_its_client_went_before_the_101(
    serve: Serving, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    records: asyncio.Queue[RequestRecord] = asyncio.Queue()
    server = await serve(LATE, objects=["Room"], on_request=records.put_nowait)
    async with await Wire.connect(server.url) as wire:
        wire.say(
            "GET / HTTP/1.1",
            "Host: a",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        )
        async with http.get(f"{server.url}/wait") as response:
            assert response.status == 200
        wire.vanish()
        while all(
            connection.transport for connection in server._front_side.front.server.connections
        ):
            await asyncio.sleep(0)  # until the server has noticed
        async with http.get(f"{server.url}/let_go") as response:
            assert await response.json() == [[1006, False], 0]
    statuses = {(record := await records.get()).path: record.status for _ in range(3)}
    assert statuses == {"/wait": 200, "/": 499, "/let_go": 200}
    assert errors(caplog) == []


# A broken answer leaves the connection or closes it, but never confuses the next one.


@pytest.mark.parametrize("paths", [("/raise", "/ok"), ("/nothing", "/ok"), ("/socket", "/ok")])
async def test_the_connection_goes_on_after_a_500(failing: Server, paths: Sequence[str]) -> None:
    async with await Wire.connect(failing.url) as wire:
        statuses = []
        for path in paths:
            wire.say(f"GET {path} HTTP/1.1", "Host: a")
            statuses.append((await wire.answer()).status)
        assert statuses == [500, 200]


async def test_frames_behind_a_refused_upgrade_are_no_request(serve: Serving) -> None:
    server = await serve(FAILING, objects=["Room"])
    async with await Wire.connect(server.url) as wire:
        answer = await wire.upgrade("/raise", glued=frame(TEXT, "hello"))
        assert answer.status == 500
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""
