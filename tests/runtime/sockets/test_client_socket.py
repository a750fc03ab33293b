"""WebSocket connections of clients that behave and of clients that do not, and what actors see."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from perdure.actors.link import join
from perdure.runtime.server import Server
from perdure.runtime.sockets.client_socket import ClientSocket
from perdure.runtime.sockets.joint import LOST, LOST_REASON
from perdure.runtime.sockets.limits import SocketLimits
from tests.runtime.rooms import ROOMS, heard, sessions, undisturbed
from tests.runtime.slow import Noting
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
    """What it does not read is not answered: of pings that wait, the last counts (5.5.3)."""
    async with await Wire.connect(server.url, receive_buffer_size=4096) as deaf:
        await deaf.upgrade("/room")
        connection = next(iter(server._front_side.front._sockets))
        pings = frame(PING, b"x" * 125) * 1000
        while connection._takes_more:
            deaf.send(pings)
            await deaf.drain()
        for _ in range(20):
            deaf.send(pings)
        deaf.send(frame(PING, b"the last") + frame(TEXT, "tell"))
        assert await heard(http, server) == ["told"]
        assert connection.buffered_size_bytes < 400_000, "what had been read at once, and no more"
        answered = await deaf.frame()
        while answered.payload == b"x" * 125:
            answered = await deaf.frame()
        assert (answered.opcode, answered.payload) == (PONG, b"the last")


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


# An actor that is slower than its client.


async def test_a_client_that_sends_faster_than_it_is_heard_has_to_wait(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    main = """
        import asyncio
        from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

        go_on = asyncio.Event()

        class Room(DurableObject):
            async def fetch(self, request):
                client, server = WebSocketPair()
                server.accept()

                def on_message(event):
                    if event.data[:4] == "hold":
                        self.ctx.block_concurrency_while(go_on.wait)
                    else:
                        server.send(event.data[:10])

                server.on_message = on_message
                return Response(None, status=101, web_socket=client)

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                if request.is_upgrade:
                    return await self.env.ROOM.get_by_name("one").fetch(request)
                go_on.set()
                return Response("")
    """
    server = await serve(main, objects=["Room"])
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/")
        wire.send(frame(TEXT, "hold"))

        async def send() -> None:
            for n in range(1000):  # 10 MB
                wire.send(frame(TEXT, f"{n:010}" + "x" * 10_000))
                await wire.drain()

        sending = asyncio.create_task(send())
        connection = next(iter(server._front_side.front._sockets))
        while not connection._is_paused:  # from here on it is the kernel's buffers that fill
            await asyncio.sleep(0)
        async with http.get(server.url) as response:
            assert response.status == 200
        assert [await wire.text() for _ in range(1000)] == [f"{n:010}" for n in range(1000)]
        await sending


# What is rare, on a transport that does what the test wants.


class FakeTransport(asyncio.Transport):
    """Keeps what is written, and says that so much waits."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.waiting = 0
        self.calls: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls

    def can_write_eof(self) -> bool:
        return False

    def __getattribute__(self, name: str) -> Any:
        if name in {"close", "abort", "pause_reading", "resume_reading"}:
            return lambda: self.calls.append(name)
        return super().__getattribute__(name)


class Bench:
    """A connection on a fake transport, and who hears it."""

    def __init__(self, **limits: float) -> None:
        self.transport = FakeTransport()
        self.receiver = Noting()
        socket_limits = SocketLimits(**limits)  # type: ignore[arg-type]  # as a configuration has them
        loop = asyncio.get_running_loop()
        self.connection = ClientSocket(self.transport, loop, socket_limits)
        self.connection.set_receiver(self.receiver)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.connection_lost(None)  # which stops its timer


def sent(*frames: bytes) -> bytes:
    return b"".join(frames)


async def test_all_frames_of_a_turn_are_one_write(bench: Bench) -> None:
    bench.connection.transmit(("a", b"b"), (1000, ""))
    assert bench.transport.written == sent(
        frame(TEXT, "a", mask=False), frame(BINARY, b"b", mask=False), b"\x88\x02\x03\xe8"
    )


async def test_nothing_follows_a_close_frame(bench: Bench) -> None:
    bench.connection.transmit((), (None, ""))
    bench.connection.transmit(("too late",))
    bench.connection.sever(1001, "")
    bench.connection.data_received(frame(PING, b"too late"))
    assert bench.transport.written == frame(CLOSE, mask=False)


async def test_the_first_of_two_close_frames_counts(bench: Bench) -> None:
    bench.connection.data_received(close_frame(4000) + close_frame(4001) + frame(PING))
    assert bench.receiver.heard == [("close", 4000, "")]


async def test_to_sever_is_to_close_without_hearing_any_more(bench: Bench) -> None:
    bench.connection.sever(1001, "going")
    bench.connection.data_received(frame(TEXT, "deaf") + close_frame(1001))
    bench.connection.connection_lost(None)
    assert bench.transport.written == frame(CLOSE, b"\x03\xe9going", mask=False)
    assert bench.receiver.heard == []
    assert bench.transport.calls == ["close"]


async def test_reading_is_paused_and_resumed_once(bench: Bench) -> None:
    connection = bench.connection
    connection.resume()
    connection.pause()
    connection.pause()
    connection.resume()
    connection.resume()
    assert bench.transport.calls == ["pause_reading", "resume_reading"]


async def test_who_has_said_goodbye_reads_on_for_the_answer(bench: Bench) -> None:
    bench.connection.pause()
    bench.connection.transmit((), (1000, ""))
    assert bench.transport.calls == ["pause_reading", "resume_reading"]


async def test_nothing_happens_after_the_end(bench: Bench) -> None:
    connection = bench.connection
    ended: list[ClientSocket] = []
    connection.on_end = ended.append
    connection.connection_lost(None)
    connection.transmit(("late",))
    connection.data_received(frame(TEXT, "late"))
    connection.pause()
    connection.sever(1001, "")
    assert (bench.transport.written, bench.transport.calls) == (b"", [])
    assert (bench.receiver.heard, ended) == ([("lost", LOST, LOST_REASON)], [connection])
    assert connection.buffered_size_bytes == 0


async def test_the_end_can_be_waited_for(bench: Bench) -> None:
    ended = bench.connection.ended
    assert not ended.done()
    assert bench.connection.ended is ended
    bench.connection.connection_lost(None)
    assert ended.done()


async def test_a_transport_that_closes_takes_nothing(bench: Bench) -> None:
    bench.transport.close()
    bench.connection.transmit(("late",))
    bench.connection.data_received(frame(0x3))
    assert bench.transport.written == b""
    assert bench.receiver.heard[0][:2] == ("lost", 1002)


async def test_slow_writing_holds_up_only_what_is_passed_on(bench: Bench) -> None:
    bench.connection.pause_writing()  # an actor is a turn away and needs no brake
    bench.connection.resume_writing()
    other = Bench()
    join(bench.connection, other.connection)
    bench.connection.pause_writing()
    assert (bench.transport.calls, other.transport.calls) == ([], ["pause_reading"])
    bench.connection.resume_writing()
    assert other.transport.calls == ["pause_reading", "resume_reading"]
    other.connection.sever(1000, "")
    other.connection.connection_lost(None)


class Later:
    """Notes what is to be called later, in the place of a loop."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.Handle:
        self.calls.append((delay_s, callback))
        return asyncio.Handle(callback, (), asyncio.get_running_loop())


@pytest.mark.parametrize("is_answered", [False, True])
async def test_an_end_that_nobody_goes_on_with_is_cut_off_in_time(*, is_answered: bool) -> None:
    """Neither an actor that says nothing nor a peer that does not read keeps a connection."""
    bench = Bench(websocket_close_timeout_s=7)
    later: Any = Later()
    bench.connection._loop = later
    bench.connection.data_received(close_frame(4000))
    if is_answered:
        bench.connection.transmit((), (4000, ""))
    assert bench.transport.calls == ["close"] * is_answered
    [(delay_s, cut)] = later.calls
    cut()
    assert (delay_s, bench.transport.calls[-1]) == (7, "abort")


async def test_who_comes_after_a_close_frame_hears_nothing_of_it(bench: Bench) -> None:
    """As an actor does that the close frame has woken."""
    late = Noting()

    class Asleep(Noting):
        def receive_close(self, code: int | None, reason: str) -> None:
            super().receive_close(code, reason)
            bench.connection.set_receiver(late)

    asleep = Asleep()
    bench.connection.set_receiver(asleep)
    bench.connection.data_received(close_frame(4000) + close_frame(4001) + frame(TEXT, "late"))
    bench.connection.data_received(frame(TEXT, "later"))
    bench.connection.connection_lost(None)
    assert (asleep.heard, late.heard) == ([("close", 4000, "")], [])


# The end of the server.


async def test_sockets_are_told_that_the_server_goes(server: Server) -> None:
    async with connect(ws_url(server)) as ws, await Wire.connect(server.url) as silent:
        await silent.upgrade("/room")
        stopping = asyncio.create_task(server.stop(drain_s=0))
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (1001, "the server is going away")
        assert (await silent.frame()).close == (1001, "the server is going away")
        silent.send(close_frame(1001))
        await stopping
