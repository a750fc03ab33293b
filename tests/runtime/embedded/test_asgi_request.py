"""Requests as other servers tell them."""

import asyncio
from typing import Any

import pytest

from perdure.actors.http_errors import BodyTooLate
from perdure.runtime.edge.outside import Outside
from perdure.runtime.edge.request_body import BodyTooLarge, ClientGone
from perdure.runtime.embedded.asgi_request import (
    HostedBody,
    HostedRequest,
    Message,
    target_of,
)


def scope(**more: Any) -> dict[str, Any]:
    usual = {"scheme": "http", "path": "/a", "headers": [(b"host", b"example.com")]}
    return {**usual, "client": ("203.0.113.5", 5000), "server": ("127.0.0.1", 80), **more}


@pytest.mark.parametrize(
    ("told", "target"),
    [
        ({"path": "/a b/ü"}, "/a%20b/%C3%BC"),
        ({"path": "/a/b", "raw_path": b"/a%2Fb"}, "/a%2Fb"),
        ({"path": "/a", "query_string": b"x=%20"}, "/a?x=%20"),
        ({"path": "/m/a", "root_path": "/m", "raw_path": b"/m/a"}, "/a"),
        ({"path": "/m", "root_path": "/m", "raw_path": b"/m"}, "/"),
        ({"path": "/a", "root_path": "/m", "raw_path": b"/a"}, "/a"),
        ({"path": "/mother", "root_path": "/m", "raw_path": b"/mother"}, "/mother"),
        ({"path": "/m ü/a b", "root_path": "/m ü", "raw_path": b"/m%20%C3%BC/a%20b"}, "/a%20b"),
        ({"path": "/m/a b", "root_path": "/m", "raw_path": b"/%6D/a"}, "/a%20b"),
    ],
)
def test_the_target_is_below_the_place_of_the_mount(told: dict[str, Any], target: str) -> None:
    assert target_of(told) == target


def test_scheme_host_and_address() -> None:
    request = HostedRequest(scope(scheme="wss"), Outside(), is_upgrade=True)
    assert (request.url, request.address) == ("https://example.com/a", "203.0.113.5")
    assert request.request(None).is_upgrade
    nameless = HostedRequest(scope(headers=[], client=None), Outside(), is_upgrade=False)
    assert (nameless.url, nameless.address) == ("http://127.0.0.1:80/a", None)


def test_what_only_we_may_say_is_not_said() -> None:
    headers = [(b"X-Perdure-Sandbox", b"port 1"), (b"x-perdure-sandbox", b"port 2"), (b"x", b"y")]
    request = HostedRequest(scope(headers=headers), Outside(), is_upgrade=False)
    assert list(request.request(None).headers.items()) == [("x", "y")]


def test_trusted_proxies_tell_of_the_client() -> None:
    headers = [
        (b"host", b"inner"),
        (b"x-forwarded-for", b"198.51.100.7"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"outer.example"),
    ]
    trusting = HostedRequest(scope(headers=headers), Outside(["203.0.113.0/24"]), is_upgrade=False)
    assert (trusting.url, trusting.address) == ("https://outer.example/a", "198.51.100.7")
    other = HostedRequest(scope(headers=headers), Outside(), is_upgrade=False)
    assert (other.url, other.address) == ("http://inner/a", "203.0.113.5")


@pytest.mark.parametrize(
    ("method", "headers", "may"),
    [
        ("GET", [], False),
        ("GET", [(b"content-length", b"5")], True),
        ("POST", [], True),
        ("POST", [(b"content-length", b"0")], False),
        ("DELETE", [(b"transfer-encoding", b"chunked")], True),
    ],
)
def test_who_may_have_a_body(method: str, headers: list[tuple[bytes, bytes]], may: bool) -> None:
    request = HostedRequest(scope(method=method, headers=headers), Outside(), is_upgrade=False)
    assert request.may_have_body is may


def body_of(*messages: Message, limit: int = 10) -> HostedBody:
    waiting: asyncio.Queue[Message] = asyncio.Queue()
    for message in messages:
        waiting.put_nowait(message)
    return HostedBody(waiting.get, limit, asyncio.get_running_loop())


def piece(chunk: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": chunk, "more_body": more}


async def test_pieces_come_in_order_and_the_end_stays_the_end() -> None:
    body = body_of(piece(b"a"), piece(b""), piece(b"b", more=False))
    assert [await body.read_chunk() for _ in range(4)] == [b"a", b"b", b"", b""]
    assert body.ended.done()


async def test_a_read_that_was_cancelled_loses_nothing() -> None:
    waiting: asyncio.Queue[Message] = asyncio.Queue()
    body = HostedBody(waiting.get, 10, asyncio.get_running_loop())
    reading = asyncio.create_task(body.read_chunk())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    waiting.put_nowait(piece(b"kept"))
    assert await body.read_chunk() == b"kept"


async def test_a_client_that_goes_and_one_that_sends_too_much() -> None:
    body = body_of(piece(b"a"), {"type": "http.disconnect"})
    assert await body.read_chunk() == b"a"
    with pytest.raises(ClientGone):
        await body.read_chunk()
    large = body_of(piece(b"x" * 11))
    for _ in range(2):
        with pytest.raises(BodyTooLarge):
            await large.read_chunk()


async def test_nobody_reads_after_the_answer() -> None:
    body = body_of(piece(b"a"))
    body.close()
    with pytest.raises(BodyTooLate):
        await body.read_chunk()
