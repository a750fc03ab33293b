"""The platform's published SDK, unchanged, serves a program: the hardest reader of our modules."""

import shutil
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.config.load import load
from tests.compat.conftest import PROGRAMS
from tests.serving import Serving

SUBJECTS = Path(sys.prefix) / "subjects"

JSON: dict[str, Any] = {
    "vars": ["hello", "hello", "patched", {"rooms": 3, "names": ["a", "b"]}, 3],
    "calls": {
        "echo": [[1, None, 2.5], "0001", "text", True],
        "types": ["JsDict", "memoryview"],
        "kinds": ["list", "JsDict", "memoryview", "set", "NoneType"],
        "called": [2, ["one", "two"]],
        "adder": 42,
        "moment": ["datetime", 366 * 86400.0],
        "failed": True,
        "id": ["calls", True],
    },
    "service": ["prices of http://prices/list", 5, "JsDict"],
    "fetch": [201, "1", "POST bytes", "Invalid URL: /relative"],
    "room/storage": {
        "plain": [{"list": [1, {"a": None}], "text": "x"}, "x", "JsDict"],
        "several": {"many/1": "memoryview", "many/2": "bool"},
        "listed": ["many/2", "many/1"],
        "undone": [True, "x"],
        "done": [{"was": True}, [1]],
        "deleted": [True, 1],
        "missing": None,
    },
    "messages": [
        ["workers.response", 207, "> bbody"],
        ["serialization.", "RPC.", "RPC."],
        [True, True],
        [{"total": 2}, {"total": 5}],
    ],
    "room/kv": [[1, None, True, False], ["b", "c", "starts"], 0, "JsDict"],
    "room/sql": [
        [[0, "null"], [1, "one"], [2, "two"]],
        [[0, "null"], [1, "one"], [2, "two"]],
        3,
        [{"word": "one"}, {"word": "two"}],
        ["n", "word"],
        7,
        None,
    ],
    "reset": [
        [
            "enough",
            "Application called abort() to reset Durable Object.",
            "asked to",
            "at once",
            "Application called abort() to reset Durable Object.",
        ],
        [6, False],
        None,
    ],
}


@pytest.fixture
async def url(serve: Serving, tmp_path: Path) -> str:
    """Of the program, which has the SDK where the platform's tool puts packages."""
    folder = tmp_path / "published_sdk"
    shutil.copytree(PROGRAMS / "published_sdk", folder)
    libraries = folder / "python_modules"
    libraries.mkdir()
    assert SUBJECTS.is_dir(), "made by .ci/environment"
    for name in ("workers", "asgi.py"):
        (libraries / name).symlink_to(SUBJECTS / name)
    loaded = load(folder / "wrangler.toml")
    assert list(loaded.warnings) == []
    server = await serve.start(loaded.config, data_dir=tmp_path / "data")
    return f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize("path", JSON)
async def test_what_it_answers(url: str, http: aiohttp.ClientSession, path: str) -> None:
    answer = await http.get(f"{url}/{path}")
    assert answer.status == 200, await answer.text()
    assert await answer.json() == JSON[path]


async def test_forms_and_files(url: str, http: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData()
    form.add_field("note", "first")
    form.add_field("note", "second")
    form.add_field("file", b"content", filename="a.txt", content_type="text/plain")
    answer = await http.post(f"{url}/form", data=form)
    assert await answer.json() == [
        ["first", "second"],
        ["a.txt", "content"],
        ["first", "copy.txt", "content!"],
        [4, "text/x", "bc"],
    ]


async def test_redirects_and_streams(url: str, http: aiohttp.ClientSession) -> None:
    answer = await http.get(f"{url}/redirect", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (307, "https://example.com/")
    answer = await http.get(f"{url}/stream")
    assert await answer.text() == "one two"


async def test_alarms_and_hibernating_sockets(url: str, http: aiohttp.ClientSession) -> None:
    async with (
        http.ws_connect(f"{url}/room/socket") as one,
        http.ws_connect(f"{url}/room/socket") as two,
    ):
        await one.send_str("who")
        assert await one.receive_str(timeout=30) == "1 bell,all"
        await two.send_str("who")
        assert await two.receive_str(timeout=30) == "2 bell,all"
        await two.send_bytes(b"\x01\x02")
        assert await two.receive_bytes(timeout=30) == b"\x02\x01"
        await one.send_str("to all")
        for socket in (one, two):
            assert await socket.receive_str(timeout=30) == "to all"
        answer = await http.get(f"{url}/room/alarm")
        assert await answer.json() == [None, True]
        for socket in (one, two):
            assert await socket.receive_str(timeout=30) == "alarm"
        assert await (await http.get(f"{url}/room/alarmed")).json() == [False, 0]
        await two.close(code=4002, message=b"gone")
        assert await one.receive_str(timeout=30) == "4002 gone True"


async def test_standard_sockets(url: str, http: aiohttp.ClientSession) -> None:
    async with http.ws_connect(f"{url}/room/standard") as socket:
        for word in ("hello", "bye"):
            await socket.send_str(word)
            assert await socket.receive_str(timeout=30) == f"heard {word}"
        end = await socket.receive(timeout=30)
        assert (end.data, end.extra) == (4001, "bye")


async def test_its_asgi(url: str, http: aiohttp.ClientSession) -> None:
    answer = await http.post(f"{url}/asgi/a%20b", data="body")
    assert (answer.status, answer.headers["X-A"]) == (202, "b")
    assert await answer.text() == "POST /asgi/a b hello body"
    async with http.ws_connect(f"{url}/chat") as socket:
        await socket.send_str("loud")
        assert await socket.receive_str(timeout=30) == "LOUD"
        await socket.send_bytes(b"abc")
        assert await socket.receive_bytes(timeout=30) == b"cba"
        await socket.send_str("end")
        end = await socket.receive(timeout=30)
        assert (end.data, end.extra) == (4000, "end")


async def test_its_wsgi(url: str, http: aiohttp.ClientSession) -> None:
    answer = await http.get(f"{url}/wsgi/x?query")
    assert (answer.status, answer.headers["X-Path"]) == (203, "/wsgi/x")
    assert await answer.text() == "query!"
    body = b"x" * 100_000
    answer = await http.post(f"{url}/wsgi/x?query", data=body)
    assert await answer.read() == b"query" + body + b"!"
