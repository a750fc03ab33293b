"""WebSocket connections of clients that behave and of clients that do not, and what actors see."""

import asyncio

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from perdure.actors.link import Frame
from perdure.actors.session import LOST, LOST_REASON, CloseFrame
from perdure.runtime.edge.connection import GoneLink
from perdure.runtime.server import Server
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
)

from .rooms import ROOMS, heard, sessions, undisturbed


@pytest.fixture
async def server(serve: Serving) -> Server:
    limits = {
        "websocket_message_size_bytes_max": 2_000_000,
        "websocket_queue_size_bytes_max": 3_000_000,
    }
    return await serve(ROOMS, objects=["Room"], limits=limits)


def ws_url(server: Server, room: str = "room") -> str:
    return f"ws{server.url.removeprefix('http')}/{room}"


# Messages.


async def test_messages_come_back_as_they_were(server: Server) -> None:
    async with connect(ws_url(server), max_size=None) as ws:
        messages: list[str | bytes] = ["", b"", "grüße \U0001f600", b"\x00\xff", "x" * 70_000]
        messages.append(b"y" * 2_000_000)
        for message in messages:
            await ws.send(message)
        assert [await ws.recv() for _ in messages] == messages


async def test_a_message_in_fragments_with_a_ping_between(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "to", final=False) + frame(PING, b"\x00between"))
        got = await wire.frame()
        assert (got.opcode, got.payload) == (PONG, b"\x00between")
        wire.send(frame(CONTINUATION, "gether"))
        assert await wire.text() == "together"


@pytest.mark.parametrize("payload", [b"", b"once", b"\xff" * 125])
async def test_a_ping_gets_a_pong_with_its_payload(server: Server, payload: bytes) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(PING, payload))
        got = await wire.frame()
        assert (got.opcode, got.payload) == (PONG, payload)


async def test_a_pong_that_nobody_asked_for_is_ignored(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(PONG, b"unasked") + frame(TEXT, "on"))
        assert await wire.text() == "on"


async def test_frames_of_a_server_are_whole_and_unmasked(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(BINARY, b"x" * 300))
        got = await wire.frame()  # which asserts that it is not masked
        assert (got.opcode, got.is_final, got.reserved) == (BINARY, True, 0)
        assert got.payload == b"x" * 300


async def test_one_byte_at_a_time(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        for byte in frame(TEXT, "slow") + frame(TEXT, "and steady"):
            wire.send(bytes([byte]))
            await wire.drain()
        assert [await wire.text(), await wire.text()] == ["slow", "and steady"]


async def test_thirty_two_mib_exactly_are_allowed_and_come_back(serve: Serving) -> None:
    server = await serve(ROOMS, objects=["Room"])
    message = b"\x5a" * (32 * 2**20)
    async with connect(ws_url(server), max_size=None, compression=None) as ws:
        await ws.send(message)
        assert await ws.recv() == message
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(BINARY, message + b"!"))
        assert await wire.close_frame() == (1009, "a message may have 33554432 bytes")


# Bad input: each gets its documented answer, and no other actor notices.

BROKEN = [
    pytest.param(frame(BINARY, b"x" * 2_000_001), 1009, id="too large"),
    pytest.param(
        frame(BINARY, b"x" * 2_000_000, final=False) + frame(CONTINUATION, b"x"),
        1009,
        id="too large in fragments",
    ),
    pytest.param(frame(TEXT, b"\xff\xfe"), 1007, id="text that is not UTF-8"),
    pytest.param(close_frame(1000, b"\xc3("), 1007, id="close reason that is not UTF-8"),
    pytest.param(frame(0x3, "?"), 1002, id="unknown opcode"),
    pytest.param(frame(0xB, "?"), 1002, id="unknown control opcode"),
    pytest.param(frame(TEXT, "?", reserved=0x40), 1002, id="compressed without asking"),
    pytest.param(frame(TEXT, "?", reserved=0x30), 1002, id="reserved bits"),
    pytest.param(frame(PING, "?", final=False), 1002, id="ping in fragments"),
    pytest.param(frame(PING, b"?" * 126), 1002, id="long ping"),
    pytest.param(frame(CONTINUATION, "?"), 1002, id="continuation of nothing"),
    pytest.param(frame(TEXT, "unmasked", mask=False), 1002, id="unmasked"),
    pytest.param(close_frame(1006), 1002, id="a close code that no frame may carry"),
    pytest.param(frame(CLOSE, b"\x03"), 1002, id="half a close code"),
]


@pytest.mark.parametrize(("data", "code"), BROKEN)
async def test_who_breaks_the_protocol_is_told_how_and_only_its_actor_hears_of_it(
    server: Server, http: aiohttp.ClientSession, data: bytes, code: int
) -> None:
    async with (
        undisturbed(http, server, "elsewhere", "room"),
        await Wire.connect(server.url) as wire,
    ):
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "fine") + data + frame(TEXT, "tell"))
        assert await wire.text() == "fine"
        told_code, reason = await wire.close_frame()
        assert told_code == code
        assert reason
        wire.writer.close()
        assert await heard(http, server) == ["error", reason]
        assert await heard(http, server) == ["close", code, reason, False]
        assert await sessions(http, server) == 1, "the broken one has left"


async def test_what_follows_a_close_frame_is_not_heard(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(close_frame(4001, "done") + frame(TEXT, "tell") + frame(0x3, "broken, too"))
        assert await wire.close_frame() == (4001, "done")
        assert await heard(http, server) == ["close", 4001, "done", True]
        assert await sessions(http, server) == 0


# Closing.


@pytest.mark.parametrize(
    ("said", "answered", "code", "reason"),
    [
        ((1000, "bye"), (1000, "bye"), 1000, "bye"),
        ((4999, "grüße"), (4999, "grüße"), 4999, "grüße"),
        ((3000, "x" * 123), (3000, "x" * 123), 3000, "x" * 123),
        ((None, ""), (1005, ""), 1005, ""),
    ],
)
async def test_the_close_frame_of_a_client_is_answered_and_heard(
    server: Server,
    http: aiohttp.ClientSession,
    said: tuple[int | None, str],
    answered: tuple[int, str],
    code: int,
    reason: str,
) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(close_frame(*said))
        assert await wire.close_frame() == answered
        assert await heard(http, server) == ["close", code, reason, True]
        assert await sessions(http, server) == 0


async def test_the_actor_closes_and_hears_the_answer(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "bye"))
        assert (await wire.frame()).close == (4000, "as you wish")
        wire.send(close_frame(4000, "as you wish"))
        assert await wire.rest() == b""
        assert await heard(http, server) == ["close", 4000, "as you wish", True]


async def test_messages_still_arrive_between_our_close_frame_and_the_answer(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "bye"))
        assert (await wire.frame()).close == (4000, "as you wish")
        wire.send(frame(TEXT, "tell") + frame(PING, b"no pong after a close frame"))
        wire.send(close_frame(1000))
        assert await wire.rest() == b""
        assert await heard(http, server) == ["told"]
        assert await heard(http, server) == ["close", 1000, "", True]


async def test_both_close_at_once(server: Server, http: aiohttp.ClientSession) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "bye") + close_frame(4321, "me first"))
        assert await wire.close_frame() == (4000, "as you wish")
        assert await heard(http, server) == ["close", 4321, "me first", True]


async def test_a_client_that_never_answers_the_close_frame_is_cut_off(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    limits = {"websocket_close_timeout_s": 0.05}
    server = await serve(ROOMS, objects=["Room"], limits=limits)
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "bye"))
        assert await wire.close_frame() == (4000, "as you wish")
        assert await heard(http, server) == ["close", LOST, LOST_REASON, False]


async def test_a_client_library_sees_the_same(server: Server, http: aiohttp.ClientSession) -> None:
    async with http.ws_connect(f"{server.url}/room") as ws:
        await ws.send_str("bye")
        message = await ws.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert (ws.close_code, message.extra) == (4000, "as you wish")
    # This library answers every close frame with 1000.
    assert await heard(http, server) == ["close", 1000, "", True]


# Clients that go.


async def test_a_client_that_vanishes(server: Server, http: aiohttp.ClientSession) -> None:
    async with undisturbed(http, server), await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.vanish()
        assert await heard(http, server) == [
            "close",
            1006,
            "WebSocket disconnected without sending Close frame.",
            False,
        ]
        assert await sessions(http, server) == 0


async def test_a_client_that_ends_its_connection_without_a_close_frame(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "half a mess")[:8])
        wire.writer.write_eof()
        assert await wire.rest() == b""
        assert await heard(http, server) == ["close", LOST, LOST_REASON, False]


async def test_a_client_that_vanishes_while_it_is_closed(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "bye"))
        assert (await wire.frame()).close == (4000, "as you wish")
        wire.vanish()
        assert await heard(http, server) == ["close", LOST, LOST_REASON, False]


# Clients that do not read.


async def test_a_client_that_never_reads_loses_its_connection_and_nobody_else_does(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with (
        undisturbed(http, server),
        await Wire.connect(server.url, receive_buffer_size=4096) as deaf,
        connect(ws_url(server), max_size=None) as reader,
    ):
        await deaf.upgrade("/room")
        sent = 0
        while await sessions(http, server) == 2:
            await reader.send("flood")
            assert len(await reader.recv()) == 1_000_000
            sent += 1
            # What the kernel keeps for the deaf one, and the queue of 3 MB with a message.
            assert sent < 40, "memory is bounded"
        event, why = await heard(http, server)
        assert event == "error"
        assert why.endswith("bytes wait for a client that does not read them")
        assert await heard(http, server) == ["close", 1013, why, False]
        await reader.send("still here")
        assert await reader.recv() == "still here"


async def test_a_client_that_pings_and_never_reads(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with await Wire.connect(server.url, receive_buffer_size=4096) as deaf:
        await deaf.upgrade("/room")
        pings = frame(PING, b"x" * 125) * 1000
        with pytest.raises(ConnectionError):
            while True:
                deaf.send(pings)
                await deaf.drain()
        assert (await heard(http, server))[0] == "error"
        assert (await heard(http, server))[:2] == ["close", 1013]


async def test_an_echo_to_a_client_that_reads_late(server: Server) -> None:
    async with await Wire.connect(server.url, receive_buffer_size=4096) as wire:
        await wire.upgrade("/room")
        wire.send(frame(BINARY, b"x" * 1_900_000))
        await wire.drain()
        assert (await wire.frame()).payload == b"x" * 1_900_000


async def test_a_client_that_never_reads_cannot_keep_a_closed_connection(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    limits = {"websocket_close_timeout_s": 0.05}
    server = await serve(ROOMS, objects=["Room"], limits=limits)
    async with await Wire.connect(server.url, receive_buffer_size=4096) as deaf:
        await deaf.upgrade("/room")
        for _ in range(8):
            deaf.send(frame(TEXT, "flood"))
        deaf.send(close_frame(1000))
        assert await heard(http, server) == ["close", 1000, "", True]
        assert (await deaf.rest())[:2] != b"", "some of it had left"


# Handlers.


async def test_a_listener_that_raises_ends_its_connection_only(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with undisturbed(http, server, "elsewhere", "room"):
        async with connect(ws_url(server)) as ws:
            await ws.send("raise")
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1011
        assert await heard(http, server) == ["error", "Uncaught ValueError: out of order"]


async def test_many_messages_in_one_write_are_all_answered_in_order(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        wire.send(b"".join(frame(TEXT, str(n)) for n in range(2000)))
        assert [await wire.text() for _ in range(2000)] == [str(n) for n in range(2000)]


# What is larger than the cache of the last frame, and what is equal but not the same.


async def test_equal_messages_and_large_ones_are_each_sent_as_they_are(server: Server) -> None:
    async with connect(ws_url(server), max_size=None) as ws:
        for message in ("same", b"same", "same", "x" * 100_000, "x" * 100_000, "same"):
            await ws.send(message)
            assert await ws.recv() == message


# A client that had gone before it began.


class Receiver:
    def __init__(self) -> None:
        self.lost: list[tuple[int, str]] = []

    def receive(self, frame: Frame) -> None:
        raise AssertionError(frame)

    def receive_lost(self, code: int, reason: str) -> None:
        self.lost.append((code, reason))


def test_the_link_to_a_client_that_is_gone_says_so_and_takes_everything() -> None:
    link, receiver = GoneLink(), Receiver()
    link.set_receiver(receiver)
    assert receiver.lost == [(LOST, LOST_REASON)]
    link.transmit(("hello", CloseFrame(1000)))
    link.sever(CloseFrame(1001))
    link.pause()
    link.resume()
    assert link.buffered_size_bytes == 0


async def test_sockets_are_told_that_the_server_goes(server: Server) -> None:
    async with connect(ws_url(server)) as ws, await Wire.connect(server.url) as silent:
        await silent.upgrade("/room")
        stopping = asyncio.create_task(server.stop(drain_s=0))
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (1001, "the server is going away")
        assert await silent.close_frame() == (1001, "the server is going away")
        await stopping
