"""TLS as clients meet it: HTTP and WebSockets over it, and what is no handshake."""

import asyncio
import io
import logging
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from yarl import URL

from perdure.runtime.edge.tls_listener import TlsListener
from perdure.runtime.server import Server
from tests.runtime.edge.tls import AUTHORITY, client_context, issue, serial_of
from tests.serving import Serving
from tests.wire import TEXT, Wire, close_frame, frame

MAIN = """
    import asyncio
    from perdure import Response, WebSocketPair, WorkerEntrypoint

    held = asyncio.Event()

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path == "/size":
                return Response(str(len(await request.bytes())))
            if path == "/large":
                return Response(b"x" * 3_000_000)
            if path == "/stream":
                return Response(self.stream())
            if not request.is_upgrade:
                return Response(f"{request.client_address} {request.url}")
            client, server = WebSocketPair()
            server.accept()
            def say(event):
                if event.data == "much":
                    for _ in range(40):
                        server.send("x" * 1_000_000)
                elif event.data == "close":
                    server.close(4000, "as asked")
                else:
                    server.send(event.data)
            server.on_message = say
            return Response(None, status=101, web_socket=client)

        async def stream(self):
            for n in range(100):
                yield b"x" * 100_000
"""


@pytest.fixture
async def server(serve: Serving, tmp_path: Path) -> Server:
    return await serve_tls(serve, tmp_path)


async def serve_tls(serve: Serving, folder: Path, **limits: float) -> Server:
    return await serve(MAIN, toml=issue(folder).toml, limits=limits)


@pytest.fixture
async def https() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=client_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


def listener_of(server: Server) -> TlsListener:
    listener = server._front_side.listener
    assert isinstance(listener, TlsListener)
    return listener


async def open_tls(server: Server, **options: Any) -> Wire:
    reader, writer = await asyncio.open_connection(
        server.host, server.port, ssl=client_context(), limit=2**26, **options
    )
    return Wire(reader, writer)


async def all_gone(server: Server) -> None:
    """Until the server knows of no connection any more."""
    async with asyncio.timeout(30):
        while server.edge_statistics().connections.open:
            await asyncio.sleep(0.01)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG]


async def test_requests_of_many_clients(
    server: Server, https: aiohttp.ClientSession, tmp_path: Path
) -> None:
    assert server.url == f"https://127.0.0.1:{server.port}"
    async with https.get(f"{server.url}/x") as response:
        assert await response.text() == f"127.0.0.1 {server.url}/x"

    def ask() -> bytes:
        with urllib.request.urlopen(f"{server.url}/y", context=client_context()) as answer:
            return bytes(answer.read())

    assert await asyncio.to_thread(ask) == f"127.0.0.1 {server.url}/y".encode()
    authority = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(authority))
    curl = ["curl", "-sS", "--cacert", str(authority), f"{server.url}/z"]
    done = await asyncio.to_thread(subprocess.run, curl, capture_output=True, check=False)
    assert (done.stdout.decode(), done.stderr) == (f"127.0.0.1 {server.url}/z", b"")


async def test_large_bodies_both_ways(server: Server, https: aiohttp.ClientSession) -> None:
    async with https.post(f"{server.url}/size", data=io.BytesIO(b"x" * 5_000_000)) as response:
        assert await response.text() == "5000000"
    for path, size in (("/large", 3_000_000), ("/stream", 10_000_000)):
        async with https.get(f"{server.url}{path}") as response:
            assert len(await response.read()) == size


async def test_requests_follow_each_other_on_one_connection(server: Server) -> None:
    async with await open_tls(server) as wire:
        for n in range(3):
            wire.say(f"GET /{n} HTTP/1.1", "Host: example.com")
            assert (await wire.answer()).text == f"127.0.0.1 https://example.com/{n}"
        wire.say("GET / HTTP/1.1", "Host: a", "Connection: close")
        assert (await wire.answer()).status == 200
        assert await wire.rest() == b""
    assert listener_of(server).statistics().done == 1


async def test_http_2_is_not_chosen(server: Server) -> None:
    context = client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection(server.host, server.port, ssl=context)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    writer.close()
    await writer.wait_closed()


# WebSockets.


async def test_websockets_of_two_clients(server: Server, https: aiohttp.ClientSession) -> None:
    url = "wss" + server.url.removeprefix("https")
    async with https.ws_connect(server.url) as ws:
        for message in ("a", "x" * 1_000_000, "b"):
            await ws.send_str(message)
            assert await ws.receive_str() == message
        await ws.send_str("close")
        got = await ws.receive()
        assert (got.data, got.extra) == (4000, "as asked")
    async with connect(url, ssl=client_context(), max_size=None) as other:
        for said in ("a", "x" * 1_000_000, b"y" * 1_000_000):
            await other.send(said)
            assert await other.recv() == said


async def test_what_comes_right_behind_the_handshake_is_not_lost(server: Server) -> None:
    glued = frame(TEXT, "first") + frame(TEXT, "y" * 300_000) + frame(TEXT, "last")
    async with await open_tls(server) as wire:
        assert (await wire.upgrade("/", glued=glued)).status == 101
        assert [len(await wire.text()) for _ in range(3)] == [5, 300_000, 4]
        wire.send(close_frame(1000))
        assert await wire.close_frame() == (1000, "")
    await all_gone(server)


async def test_a_reader_that_is_slow_gets_everything(server: Server) -> None:
    async with await open_tls(server) as wire:
        await wire.upgrade("/")
        wire.send(frame(TEXT, "much"))
        # 40 MB are more than may pile up for a client that never reads, and this one does.
        sizes: list[int] = []
        async with asyncio.timeout(30):
            while len(sizes) < 40:
                got = await wire.frame()
                if got.opcode != TEXT:
                    break
                sizes.append(len(got.payload))
    assert sizes
    assert set(sizes) == {1_000_000}


async def test_a_client_that_never_reads_is_cut_off(serve: Serving, tmp_path: Path) -> None:
    limits = {"websocket_queue_size_bytes_max": 1_000_000, "websocket_close_timeout_s": 0.1}
    server = await serve_tls(serve, tmp_path, **limits)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (server.host, server.port))
    reader, writer = await asyncio.open_connection(
        sock=raw, ssl=client_context(), server_hostname="127.0.0.1", limit=2**12
    )
    wire = Wire(reader, writer)
    await wire.upgrade("/")
    wire.send(frame(TEXT, "much"))
    await all_gone(server)
    wire.writer.transport.abort()


async def test_a_client_that_is_gone_is_noticed(server: Server) -> None:
    wire = await open_tls(server)
    await wire.upgrade("/")
    wire.vanish()
    await all_gone(server)


async def test_a_server_that_stops_says_goodbye(serve: Serving, tmp_path: Path) -> None:
    server = await serve_tls(serve, tmp_path)
    async with await open_tls(server) as wire:
        await wire.upgrade("/")
        serve.running.remove(server)
        stopping = asyncio.create_task(server.stop(drain_s=0))
        assert (await wire.frame()).close == (1001, "the server is going away")
        wire.send(close_frame(1001))
        assert await wire.rest() == b""
        await stopping


# What is no handshake.


async def test_who_speaks_http_is_told_so(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    url = URL(server.url).with_scheme("http")
    async with aiohttp.request("GET", url) as response:
        assert response.status == 400
        assert "this port speaks TLS" in await response.text()
    assert told(caplog) == []
    assert listener_of(server).statistics().plain == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0", id="nonsense"),
        pytest.param(b"\x16\x03\x01\x00\x05nonsense", id="a record of nonsense"),
        pytest.param(b"\x16" * 100_000, id="much nonsense"),
    ],
)
async def test_what_is_no_handshake_ends(
    server: Server, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.send(data)
        wire.writer.write_eof()
        await wire.rest()
    async with asyncio.timeout(30):
        while (seen := listener_of(server).statistics()).under_way:
            await asyncio.sleep(0.01)
    assert (seen.done, seen.failed) == (0, 1)
    assert server.edge_statistics().connections.open == 0
    assert told(caplog) == []


async def test_who_speaks_tls_to_http_gets_an_end(
    serve: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve(MAIN)
    with pytest.raises(ssl.SSLError):
        await open_tls(server)
    assert told(caplog) == []


async def test_who_does_not_trust_the_certificate_is_no_error_of_ours(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(server.host, server.port, ssl=ssl.create_default_context())
    async with await open_tls(server) as wire:
        wire.say("GET / HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200
    assert told(caplog) == []


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01"])
async def test_a_handshake_that_does_not_come_on_is_cut_off(
    serve: Serving, tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve_tls(serve, tmp_path, tls_handshake_timeout_s=0.2)
    async with await Wire.connect(server.url) as wire:
        wire.send(data)
        assert await wire.rest() == b""
    async with asyncio.timeout(30):
        while (seen := listener_of(server).statistics()).under_way:
            await asyncio.sleep(0.01)
    assert (seen.late, seen.failed) == (1, 0)
    assert told(caplog) == []


async def test_slow_handshakes_hold_up_nobody_and_count(serve: Serving, tmp_path: Path) -> None:
    server = await serve_tls(serve, tmp_path, connections_max=11, tls_handshake_timeout_s=60)
    slow = [await Wire.connect(server.url) for _ in range(10)]
    async with asyncio.timeout(30):
        while listener_of(server).statistics().under_way < 10:
            await asyncio.sleep(0.01)
    async with await open_tls(server) as wire:
        wire.say("GET / HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200
        async with await Wire.connect(server.url) as refused:
            assert await refused.rest() == b""
    assert server.edge_statistics().connections.refused == 1
    for each in slow:
        await each.__aexit__(None, None, None)


async def test_a_server_that_stops_does_not_wait_for_handshakes(
    serve: Serving, tmp_path: Path
) -> None:
    server = await serve_tls(serve, tmp_path, tls_handshake_timeout_s=60)
    async with await Wire.connect(server.url) as silent, await Wire.connect(server.url) as slow:
        slow.send(b"\x16\x03\x01")
        async with asyncio.timeout(30):
            while listener_of(server).statistics().under_way < 2:
                await asyncio.sleep(0.01)
        serve.running.remove(server)
        await server.stop(drain_s=0)
        assert await silent.rest() == await slow.rest() == b""


# Another certificate.


async def test_open_connections_outlive_their_certificate(serve: Serving, tmp_path: Path) -> None:
    server = await serve_tls(serve, tmp_path)
    async with await open_tls(server) as old:
        await old.upgrade("/")
        issue(tmp_path, key_type="RSA")
        server.hang_up()
        async with await open_tls(server) as new:
            numbers = [
                serial_of(w.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
                for w in (old, new)
            ]
            assert numbers[0] != numbers[1]
            new.say("GET / HTTP/1.1", "Host: a")
            assert (await new.answer()).status == 200
        old.send(frame(TEXT, "still here"))
        assert await old.text() == "still here"


async def test_a_port_that_is_taken_is_told(server: Server, serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, toml=issue(tmp_path).toml)
    from perdure.runtime.errors import PortTaken

    with pytest.raises(PortTaken):
        await serve.start(config, port=server.port)
    again = await serve.start(config, port=server.port, port_is_fixed=False)
    assert again.port != server.port


async def test_names_with_several_addresses(serve: Serving, tmp_path: Path) -> None:
    server = await serve(MAIN, toml=issue(tmp_path).toml, host="localhost")
    assert {s.getsockname()[1] for s in listener_of(server).sockets} == {server.port}
