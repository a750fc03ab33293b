"""Requests that hand-written ASGI applications answer in a Worker, over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from tests.serving import Serving

HEAD = """\
import asyncio, json
from perdure import DurableObject
from perdure.gateway import asgi

def start(status=200, headers=()):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}

def body(chunk=b"", more=False):
    return {"type": "http.response.body", "body": chunk, "more_body": more}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    await answer(scope, receive, send)

Default = asgi.entrypoint(app)
"""
ECHO = """
async def answer(scope, receive, send):
    await send(start())
    while True:
        message = await receive()
        await send(body(message["body"], message["more_body"]))
        if not message["more_body"]:
            break
"""


def program(text: str) -> str:
    return HEAD + text


async def test_the_scope_tells_of_the_request(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve(
        program("""
async def answer(scope, receive, send):
    told = {name: value for name, value in scope.items() if name not in ("headers", "env", "state")}
    told["client"] = scope["client"][0]
    told["greeting"] = scope["env"].GREETING
    told["headers"] = [list(map(repr, pair)) for pair in scope["headers"] if pair[0] == b"x-many"]
    await send(start(201, [(b"content-type", b"application/json"), (b"set-cookie", b"a=1"),
                           (b"set-cookie", b"b=2")]))
    await send(body(json.dumps(told, default=repr).encode()))
"""),
        values={"GREETING": "hello"},
    )
    headers = [("X-Many", "one"), ("X-Many", "two")]
    url = f"{server.url}/a%20b/%C3%BC?x=1&y=%20"
    async with http.put(URL(url, encoded=True), headers=headers) as response:
        told = json.loads(await response.text())
        assert response.status == 201
        assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    assert told == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": "/a b/ü",
        "raw_path": "b'/a%20b/%C3%BC'",
        "query_string": "b'x=1&y=%20'",
        "root_path": "",
        "server": ["127.0.0.1", server.port],
        "client": "127.0.0.1",
        "greeting": "hello",
        "headers": [["b'x-many'", "b'one'"], ["b'x-many'", "b'two'"]],
    }


async def test_a_large_body_streams_both_ways(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve(program(ECHO))
    data = bytes(range(256)) * 40_000

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 100_000):
            yield data[at : at + 100_000]

    async with http.post(server.url, data=pieces()) as response:
        assert await response.read() == data


async def test_the_head_leaves_before_the_first_piece_of_the_body(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        program("""
waiting = asyncio.Event()
async def answer(scope, receive, send):
    if scope["path"] == "/go":
        waiting.set()
        await send(start(204))
        await send(body())
        return
    await send(start())
    await waiting.wait()
    await send(body(b"late"))
""")
    )
    async with http.get(server.url) as response:
        assert response.status == 200
        async with http.get(f"{server.url}/go") as other:
            assert other.status == 204
        assert await response.read() == b"late"


async def test_a_slow_reader_holds_the_application_up(serve: Serving) -> None:
    server = await serve(
        program("""
sent = 0
async def answer(scope, receive, send):
    global sent
    if scope["path"] == "/sent":
        await send(start())
        await send(body(str(sent).encode()))
        return
    await send(start())
    for _ in range(2000):
        await send(body(bytes(65536), True))
        sent += 65536
    await send(body())
""")
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**14)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    seen = [-1]
    async with aiohttp.ClientSession() as http:
        # What fits into the buffers of two sockets has gone; then it stands still.
        while len(seen) < 3 or seen[-1] != seen[-3]:
            async with http.get(f"{server.url}/sent") as response:
                seen.append(int(await response.text()))
    writer.close()
    assert 0 < seen[-1] < 2000 * 65536


async def test_the_application_hears_when_its_client_goes(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        program("""
heard = asyncio.Queue()
async def answer(scope, receive, send):
    if scope["path"] == "/heard":
        await send(start())
        await send(body((await heard.get()).encode()))
        return
    await receive()
    await send(start())
    await send(body(b"first", True))
    heard.put_nowait((await receive())["type"])
    try:
        await send(body(b"second", True))
    except OSError as error:
        heard.put_nowait(str(error))
        raise
""")
    )
    async with http.get(server.url) as response:
        assert await response.content.readany() == b"first"
    response.close()
    heard = []
    for _ in range(2):
        async with http.get(f"{server.url}/heard") as told:
            heard.append(await told.text())
    assert heard == ["http.disconnect", "the client has disconnected"]


async def test_after_the_answer_receive_says_that_it_is_over(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        program("""
heard = asyncio.Queue()
async def answer(scope, receive, send):
    await send(start())
    if scope["path"] == "/heard":
        await send(body((await heard.get()).encode()))
        return
    await send(body(b"done"))
    await receive()
    heard.put_nowait((await receive())["type"])
""")
    )
    async with http.get(server.url) as response:
        assert await response.text() == "done"
    async with http.get(f"{server.url}/heard") as told:
        assert await told.text() == "http.disconnect"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("    pass", "has returned before the end of its answer"),
        ("    raise KeyError('mine')", "KeyError: 'mine'"),
        ("    await send(body(b'a'))", "sends a body before it has begun"),
        ("    await send(start())\n    await send(start())", "has begun its answer twice"),
        ("    await send({'type': 'websocket.send'})", "sends 'websocket.send' in answer"),
        ("    await send(start(99))", "answers with the status 99"),
    ],
)
async def test_mistakes_of_the_application_are_told(
    serve: Serving, http: aiohttp.ClientSession, text: str, problem: str
) -> None:
    server = await serve(
        program(f"async def answer(scope, receive, send):\n{text}\n"), show_errors=True
    )
    async with http.get(server.url) as response:
        assert response.status == 500
        assert problem in await response.text()


async def test_an_answer_that_breaks_off_does_not_look_whole(
    serve: Serving, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve(
        program("""
async def answer(scope, receive, send):
    await send(start())
    await send(body(b"first", True))
    raise ValueError("broken off")
""")
    )
    with pytest.raises(aiohttp.ClientPayloadError):
        async with http.get(server.url) as response:
            await response.read()
    assert any("broken off" in str(record.exc_info) for record in caplog.records)


async def test_a_body_that_is_too_large_is_refused_whatever_the_application_makes_of_it(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        program("""
async def answer(scope, receive, send):
    try:
        while (await receive())["more_body"]:
            pass
    except Exception:
        await send(start(500))
        await send(body(b"oh"))
        raise
"""),
        limits={"body_size_bytes_max": 1000},
    )

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(1000)

    async with http.post(server.url, data=pieces()) as response:
        assert response.status == 413


async def test_a_head_request_gets_no_body(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve(
        program("""
async def answer(scope, receive, send):
    await send(start(200, [(b"content-length", b"4")]))
    await send(body(b"text"))
""")
    )
    async with http.head(server.url) as response:
        assert response.headers["Content-Length"] == "4"
        assert await response.read() == b""
