"""``ws_connect``, from a client to a server inside and back."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

import perdure.runtime.edge.sandbox_outbound as outbound
from tests.runtime.sandbox.inside import PORT
from tests.runtime.sandbox.served import Served, served
from tests.serving import Serving
from tests.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Wire,
    close_frame,
    frame,
    upgrade_request,
)

pytestmark = pytest.mark.slow

LOST = (1011, "the other side of this connection was lost")
FRAME = bytes(65_536)


class Talk:
    """A server inside, and how to connect to it."""

    def __init__(self, town: Served, host: str, start: str) -> None:
        self.town = town
        self.preview = host
        self._host = host if start == "preview" else "localhost"
        self._start = "" if start == "preview" else f"/ws/one/{PORT}"

    def socket(self, path: str = "/ws", *fields: str) -> AbstractAsyncContextManager[Wire]:
        return self.town.socket(self._host, self._start + path, *fields)

    async def slow(self, path: str) -> Wire:
        """A WebSocket whose client has little room."""
        wire = await Wire.connect(self.town.url, receive_buffer_size=4096)
        wire.say(*upgrade_request(self._start + path, f"Host: {self._host}"))
        assert (await wire.head()).status == 101
        return wire

    async def heard(self) -> Any:
        return json.loads((await self.town.get(self.preview, "/heard")).body)


@pytest.fixture(params=["preview", "ws_connect"])
async def talk(request: pytest.FixtureRequest, serve: Serving) -> AsyncIterator[Talk]:
    """By both ways, which are one."""
    async with served(serve) as town:
        yield Talk(town, await town.preview("one"), request.param)


async def test_messages_pass_both_ways_as_they_are(talk: Talk) -> None:
    async with talk.socket() as wire:
        for kind, message in (
            (TEXT, b"hello"),
            (TEXT, b""),
            (BINARY, bytes(range(256))),
            (TEXT, "\U0001f41a".encode() * 100_000),
            (BINARY, bytes(1_000_000)),
        ):
            wire.send(frame(kind, message))
            got = await wire.frame()
            assert (got.opcode, got.payload) == (kind, message)


async def test_messages_in_pieces_come_whole(talk: Talk) -> None:
    async with talk.socket() as wire:
        wire.send(frame(TEXT, "in the ", final=False) + frame(PING, "?"))
        wire.send(frame(CONTINUATION, "begin", final=False))
        wire.send(frame(CONTINUATION, "ning"))
        got = [await wire.frame(), await wire.frame()]
        assert {(each.opcode, each.payload) for each in got} == {
            (PONG, b"?"),
            (TEXT, b"in the beginning"),
        }
        wire.send(frame(TEXT, "in pieces"))
        assert await wire.text() == "in pieces"


async def test_what_the_server_says_with_its_101_is_heard(talk: Talk) -> None:
    async with talk.socket("/glued") as wire:
        assert await wire.text() == "from the start"
        wire.send(frame(TEXT, "hello"))
        assert await wire.text() == "hello"


async def test_the_servers_close_frame_arrives(talk: Talk) -> None:
    async with talk.socket() as wire:
        wire.send(frame(TEXT, "close me"))
        got = await wire.frame()
        assert (got.opcode, got.close) == (CLOSE, (4321, "as asked"))
        wire.send(close_frame(4321, "as asked"))
        assert await wire.rest() == b""
    assert (await talk.heard())["closed"] == [[4321, "as asked"]]


async def test_the_clients_close_frame_arrives(talk: Talk) -> None:
    async with talk.socket() as wire:
        wire.send(close_frame(4001, "bye \U0001f41a"))
        assert await wire.close_frame() == (4001, "bye \U0001f41a")
    assert (await talk.heard())["closed"] == [[4001, "bye \U0001f41a"]]


async def test_a_close_frame_without_a_code_arrives_as_one(talk: Talk) -> None:
    async with talk.socket() as wire:
        wire.send(close_frame())
        assert await wire.close_frame() == (1005, "")
    assert (await talk.heard())["closed"] == [[0, ""]]


async def test_a_server_that_vanishes_is_told_to_the_client(talk: Talk) -> None:
    async with talk.socket() as wire:
        wire.send(frame(TEXT, "vanish"))
        got = await wire.frame()
        assert got.close == LOST


async def test_a_client_that_vanishes_is_told_to_the_server(talk: Talk) -> None:
    async with talk.socket() as wire:
        wire.send(frame(TEXT, "hello"))
        assert await wire.text() == "hello"
        wire.vanish()
    while not (closed := (await talk.heard())["closed"]):
        pass
    assert closed == [list(LOST)]


async def test_the_end_of_the_sandbox_ends_its_sockets(talk: Talk) -> None:
    async with talk.socket() as wire:
        wire.send(frame(TEXT, "hello"))
        assert await wire.text() == "hello"
        await talk.town.call("one", "destroy")
        assert (await wire.frame()).close == LOST


async def test_a_client_that_does_not_read_stops_the_server(talk: Talk) -> None:
    wire = await talk.slow("/flood")
    async with wire:
        counts: list[int] = []
        while len(counts) < 50 or len(set(counts[-20:])) > 1:
            counts.append((await talk.heard())["flooded"])
            # What fits in queues and the kernel's buffers of all processes on the way.
            assert counts[-1] * len(FRAME) < 300_000_000, "what nobody reads is not held"
        for _ in range(100):
            got = await wire.frame()
            assert (got.opcode, got.payload) == (BINARY, FRAME)
        while (await talk.heard())["flooded"] <= counts[-1]:
            await wire.frame()


async def test_a_server_that_does_not_read_stops_the_client(talk: Talk) -> None:
    async with talk.socket("/deaf") as wire:
        sent = 0
        written = wire.writer.transport.get_write_buffer_size
        while written() < 4 * len(FRAME):
            wire.send(frame(BINARY, FRAME))
            sent += len(FRAME)
            await talk.heard()  # everybody has had time to take it
            assert sent < 300_000_000, "what nobody reads is not held"
        wire.vanish()


async def test_an_open_socket_keeps_the_sandbox_awake(serve: Serving) -> None:
    async with served(serve) as town:
        await town.preview("one")
        async with town.socket("localhost", f"/ws/one/{PORT}/ws") as wire:
            await town.call("one", "set_sleep_after", 1)
            status = await town.call("one", "get_status")
            end_s = status["uptime_s"] + 2
            while status["uptime_s"] < end_s:
                assert status["is_running"]
                status = await town.call("one", "get_status")
            wire.send(frame(TEXT, "awake"))
            assert await wire.text() == "awake"
        while (await town.call("one", "get_status"))["is_running"]:
            pass


@pytest.fixture
async def town(serve: Serving) -> AsyncIterator[Served]:
    async with served(serve) as town:
        yield town


async def test_path_query_headers_and_subprotocols_arrive(town: Served) -> None:
    await town.start("one")
    fields = ["Sec-WebSocket-Protocol: talk", "Cookie: a=b", "Authorization: Bearer x"]
    async with town.socket("localhost", f"/ws/one/{PORT}/head?a=%41&b", *fields) as wire:
        seen = json.loads(await wire.text())
    assert seen["target"] == "/head?a=%41&b"
    said = dict(seen["fields"])
    assert said.pop("Sec-WebSocket-Key") != "c2l4dGVlbiBieXRlcyBvZg=="
    assert said == {
        "Host": f"localhost:{PORT}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "talk",
        "Cookie": "a=b",
        "Authorization": "Bearer x",
    }


async def test_a_program_that_writes_starts_and_connects_need_not_wait(town: Served) -> None:
    await town.start("one")
    async with town.socket("localhost", f"/ws/one/{PORT}/ws") as wire:
        wire.send(frame(TEXT, "at once"))
        assert await wire.text() == "at once"


async def test_a_server_that_refuses_answers_the_client_itself(town: Served) -> None:
    await town.start("one")
    async with town.wire() as wire:
        answer = await wire.upgrade(f"/ws/one/{PORT}/refused")
        assert [answer.status, answer.text] == [403, "not today"]


async def test_without_an_upgrade_nothing_is_sent_inside(town: Served) -> None:
    answer = await town.get("localhost", f"/ws/one/{PORT}/ws")
    assert [answer.status, answer.get("Upgrade")] == [426, "websocket"]
    assert "Upgrade: websocket" in answer.text
    assert (await town.call("one", "get_status"))["is_running"] is False


@pytest.mark.parametrize("port", [0, 80, 1023, 3000, 65_536, 10**20])
async def test_a_port_that_cannot_be_reached_is_refused(town: Served, port: int) -> None:
    async with town.wire() as wire:
        answer = await wire.upgrade(f"/ws/one/{port}/ws")
        assert json.loads(answer.body)["code"] == "INVALID_PORT"
    assert (await town.call("one", "get_status"))["is_running"] is False


async def test_where_nobody_listens_the_program_is_told(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "LISTEN_WAIT_S", 0.1)
    async with served(serve) as town, town.wire() as wire:
        answer = await wire.upgrade(f"/ws/one/{PORT}/ws")
        error = json.loads(answer.body)
        assert error["code"] == "SERVICE_NOT_RESPONDING"
        assert error["message"] == "Nothing listens on port 8080 inside the sandbox"
        assert error["context"] == {"port": PORT}
