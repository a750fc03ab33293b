"""Previews as clients see them, through a real server and a real wall."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest

import perdure.runtime.edge.sandbox_outbound as outbound
from tests.runtime.sandbox.inside import PORT
from tests.runtime.sandbox.served import Served, served
from tests.serving import Serving
from tests.wire import TEXT, Wire, frame

pytestmark = pytest.mark.slow


@pytest.fixture
async def town(serve: Serving) -> AsyncIterator[Served]:
    async with served(serve) as town:
        yield town


async def test_the_server_inside_is_told_of_the_way_and_believes_no_client(town: Served) -> None:
    host = await town.preview("one")
    lies = [f"{name}: a lie" for name in ("x-forwarded-for", "Forwarded", "X-SANDBOX-NAME")]
    answer = await town.get(host, "/a?b", "Cookie: a=b", "X-Forwarded-Host: evil", *lies)
    fields = json.loads(answer.body)["fields"]
    assert sorted(fields) == [
        ["Cookie", "a=b"],
        ["Host", f"localhost:{PORT}"],
        ["X-Forwarded-For", "127.0.0.1"],
        ["X-Forwarded-Host", host],
        ["X-Forwarded-Proto", "http"],
        ["X-Original-URL", f"http://{host}/a?b"],
        ["X-Sandbox-Name", "one"],
    ]


async def test_answers_pass_as_they_are_but_for_the_domain_of_cookies_and_our_own_host(
    town: Served,
) -> None:
    host = await town.preview("one")
    answer = await town.get(host, "/cookies")
    assert [answer.status, answer.reason] == [200, "Fine"]
    assert answer.values("Set-Cookie") == ["a=1; Path=/", "b=2; path=/; HttpOnly", "c=3"]
    answer = await town.get(host, "/redirect")
    assert [answer.status, answer.get("Location")] == [302, f"http://{host}/there?x=1"]
    answer = await town.get(host, "/gzip")
    assert answer.get("Content-Encoding") == "gzip"
    assert gzip.decompress(answer.body) == b"packed"
    answer = await town.say("HEAD / HTTP/1.1", f"Host: {host}")
    assert [answer.status, answer.get("Content-Type")] == [200, "application/json"]
    assert (await town.get(host, "/refused")).status == 403


async def test_events_come_as_they_are_sent(town: Served) -> None:
    host = await town.preview("one")
    async with town.wire() as wire:
        wire.say("GET /events HTTP/1.1", f"Host: {host}")
        assert (await wire.head()).get("Content-Type") == "text/event-stream"
        assert await wire.chunk() == b"data: 1\n\n"
        assert (await town.get(host, "/go")).status == 200
        assert await wire.chunk() == b"data: 2\n\n"
        assert await wire.chunk() == b""


async def test_bodies_flow_both_ways(town: Served) -> None:
    host = await town.preview("one")
    async with town.wire() as wire:
        wire.say("POST /echo HTTP/1.1", f"Host: {host}", "Transfer-Encoding: chunked")
        for text in (b"first", b"second"):
            wire.send(b"%x\r\n%s\r\n" % (len(text), text))
            if text == b"first":
                assert (await wire.head()).status == 200
            assert await wire.chunk() == text
        wire.send(b"0\r\n\r\n")
        assert await wire.chunk() == b""


async def test_a_large_body_comes_whole(town: Served) -> None:
    host = await town.preview("one")
    body = bytes(range(256)) * 8192
    fields = ["POST / HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    answer = await town.say(*fields, body=body)
    seen = json.loads(answer.body)
    assert seen["body"].encode("latin-1") == body
    assert ["Content-Length", str(len(body))] in seen["fields"]


async def test_a_websocket_passes_with_path_and_subprotocol(town: Served) -> None:
    host = await town.preview("one")
    fields = ["Sec-WebSocket-Protocol: chat, talk", f"Origin: http://{host}"]
    async with town.wire() as wire:
        answer = await wire.upgrade("/head?a=%41", f"Host: {host}", *fields)
        assert [answer.status, answer.get("Sec-WebSocket-Protocol")] == [101, "talk"]
        assert answer.get("X-Answer") == "of the server inside"
        seen = json.loads(await wire.text())
        assert seen["target"] == "/head?a=%41"
        assert ["Origin", f"http://{host}"] in seen["fields"]
        assert ["X-Forwarded-Host", host] in seen["fields"]
        assert ["Sec-WebSocket-Protocol", "chat, talk"] in seen["fields"]
        wire.send(frame(TEXT, "hello"))
        assert await wire.text() == "hello"


async def test_a_server_that_does_not_answer_is_a_routing_error(
    town: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await town.preview("one")
    answer = await town.get(host, "/vanish")
    assert [answer.status, answer.text] == [500, "Proxy routing error"]


async def test_where_nobody_listens_it_is_a_routing_error_too(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "LISTEN_WAIT_S", 0.1)
    async with served(serve) as town:
        answer = await town.get(await town.expose("one"))
        assert [answer.status, answer.text] == [500, "Proxy routing error"]


async def test_a_server_that_has_just_been_started_is_waited_for(town: Served) -> None:
    host = await town.expose("one")
    asking = asyncio.create_task(town.get(host))
    await town.start("one")
    assert (await asking).status == 200


async def test_a_body_that_is_cut_off_inside_is_cut_off_outside(town: Served) -> None:
    host = await town.preview("one")
    async with town.wire() as wire:
        wire.say("GET /half HTTP/1.1", f"Host: {host}")
        assert (await wire.head()).get("Content-Length") == "100"
        assert b"half".startswith(await wire.rest())


async def test_the_same_host_in_capitals_is_the_same(town: Served) -> None:
    host = await town.preview("one")
    assert (await town.get(host.upper())).status == 200


OTHER_NAMES = """
    from perdure import Response, Sandbox, WorkerEntrypoint, proxy_to_sandbox

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            names = request.headers.get("X-Binding")
            try:
                options = {"binding": names} if names else {}
                answer = await proxy_to_sandbox(request, self.env, **options)
            except AttributeError as error:
                return Response("AttributeError")
            except Exception as error:
                return Response(f"{type(error).__name__}: {error}")
            return answer or Response("none of ours")
"""
BINDING = """
    [[durable_objects.bindings]]
    name = "Sandbox"
    class_name = "Sandbox"
    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Sandbox"]
"""


async def test_the_binding_is_called_sandbox_unless_it_is_said_otherwise(serve: Serving) -> None:
    server = await serve(OTHER_NAMES, toml=BINDING)
    preview = "Host: 8080-one-token.localhost"
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", preview)
        assert (await wire.answer()).status == 404
        wire.say("GET / HTTP/1.1", preview, "X-Binding: BOXES")
        text = (await wire.answer()).text
        assert text.startswith("NoSandboxBinding: env has no binding 'BOXES'")
        wire.say("GET / HTTP/1.1", "Host: localhost", "X-Binding: BOXES")
        assert (await wire.answer()).text == "none of ours"
