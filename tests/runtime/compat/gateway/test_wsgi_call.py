"""WSGI applications in a Worker, over real connections."""

import hashlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from tests.serving import Serving

HEAD = """\
import hashlib, json, threading
from perdure import DurableObject
from perdure.gateway import wsgi

class Counter(DurableObject):
    async def add(self, number):
        total = (await self.ctx.storage.get("n") or 0) + number
        await self.ctx.storage.put("n", total)
        return total

def app(environ, start_response):
    return answer(environ, start_response)

Default = wsgi.entrypoint(app)
"""


async def test_the_environ_tells_of_the_request(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
def answer(environ, start_response):
    names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL",
             "REMOTE_ADDR", "CONTENT_TYPE", "HTTP_X_MANY", "HTTP_X_UNDER", "wsgi.url_scheme",
             "wsgi.multithread")
    told = {name: environ.get(name) for name in names}
    told["greeting"] = environ["perdure.env"].GREETING
    told["in_thread"] = threading.current_thread() is not threading.main_thread()
    start_response("201 Made", [("Content-Type", "application/json"), ("Set-Cookie", "a=1"),
                                ("Set-Cookie", "b=2")])
    return [json.dumps(told).encode()]
""",
        values={"GREETING": "hello"},
    )
    headers = [
        ("X-Many", "one"),
        ("X-Many", "two"),
        ("X_Under", "forged"),
        ("Content-Type", "text/x"),
    ]
    url = URL(f"{server.url}/a%20b/%C3%BC?x=1&y=%20", encoded=True)
    async with http.put(url, headers=headers, data=b"x") as response:
        told = await response.json()
        assert (response.status, response.reason) == (201, "Made")
        assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    assert told == {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/Ã¼",
        "QUERY_STRING": "x=1&y=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "text/x",
        "HTTP_X_MANY": "one,two",
        "HTTP_X_UNDER": None,
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "greeting": "hello",
        "in_thread": True,
    }


async def test_a_large_upload_is_read_as_a_file(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
def answer(environ, start_response):
    digest = hashlib.sha256()
    while chunk := environ["wsgi.input"].read(10_000):
        digest.update(chunk)
    start_response("200 OK", [])
    return [digest.hexdigest().encode()]
"""
    )
    data = bytes(range(256)) * 20_000

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 77_777):
            yield data[at : at + 77_777]

    async with http.post(server.url, data=pieces()) as response:
        assert await response.text() == hashlib.sha256(data).hexdigest()


async def test_an_answer_streams_and_the_loop_goes_on_meanwhile(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
waiting = threading.Event()
def answer(environ, start_response):
    if environ["PATH_INFO"] == "/go":
        waiting.set()
        start_response("204 No Content", [])
        return []
    write = start_response("200 OK", [])
    write(b"written ")
    def rest():
        yield b"first "
        assert waiting.wait(30)
        yield b"late"
    return rest()
"""
    )
    async with http.get(server.url) as response:
        assert await response.content.readexactly(14) == b"written first "
        async with http.get(f"{server.url}/go") as other:
            assert other.status == 204
        assert await response.read() == b"late"


async def test_it_calls_actors_and_waits_for_them(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
def answer(environ, start_response):
    counter = environ["perdure.env"].COUNTER.get_by_name("a")
    total = environ["perdure.call"](counter.add, 2)
    start_response("200 OK", [])
    return [str(total).encode()]
""",
        objects=["Counter"],
    )
    totals = []
    for _ in range(3):
        async with http.get(server.url) as response:
            totals.append(await response.text())
    assert totals == ["2", "4", "6"]


async def test_the_iterable_is_closed_when_the_client_goes(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
closed = threading.Event()
class Endless:
    def __iter__(self):
        while True:
            yield bytes(65536)
    def close(self):
        closed.set()

def answer(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/closed":
        return [str(closed.wait(30)).encode()]
    return Endless()
"""
    )
    async with http.get(server.url) as response:
        await response.content.readexactly(65536)
    response.close()
    async with http.get(f"{server.url}/closed") as told:
        assert await told.text() == "True"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("return []", "before it has called start_response"),
        ("raise KeyError('mine')", "KeyError: 'mine'"),
        ("start_response('OK', [])", "gives 'OK' for a status"),
        ("start_response('200 OK', []); start_response('200 OK', [])", "twice without exc_info"),
    ],
)
async def test_mistakes_of_the_application_are_told(
    serve: Serving, http: aiohttp.ClientSession, text: str, problem: str
) -> None:
    server = await serve(
        HEAD + f"def answer(environ, start_response):\n    {text}\n", show_errors=True
    )
    async with http.get(server.url) as response:
        assert response.status == 500
        assert problem in await response.text()


async def test_an_error_page_may_replace_an_answer_that_has_not_left(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
import sys
def answer(environ, start_response):
    start_response("200 OK", [])
    try:
        raise ValueError("mine")
    except ValueError:
        start_response("503 Sorry", [], sys.exc_info())
    return [b"sorry"]
"""
    )
    async with http.get(server.url) as response:
        assert (response.status, await response.text()) == (503, "sorry")
