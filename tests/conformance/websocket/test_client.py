"""RFC 6455 for clients: our own, against servers that answer with raw bytes."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from perdure.runtime.edge.upgrade import accept_of
from perdure.runtime.server import Server
from tests.conformance.websocket.said import NAMES, Frames, told
from tests.conformance.websocket.sentences import OPEN
from tests.serving import Serving
from tests.wire import CLOSE, PATIENCE_S, TEXT, close_frame, frame

# /?url connects there and echoes; /heard tells what its sockets have heard.
MAIN = """
    import asyncio
    from perdure import Response, WebSocket, WorkerEntrypoint

    heard = asyncio.Queue()

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.parsed_url.path == "/heard":
                return Response.json(await heard.get())
            socket = WebSocket(request.parsed_url.query["url"], ["chat", "talk"])
            socket.on_open = lambda event: heard.put_nowait(["open", socket.protocol])
            socket.on_error = lambda event: heard.put_nowait(["error", event.message])
            socket.on_message = lambda event: socket.send(event.data)
            socket.on_close = lambda event: heard.put_nowait(["close", event.code])
            return Response("begun")
"""
RIGHT = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: right")


@dataclass(frozen=True)
class Masked:
    """A frame as the server gets it."""

    opcode: int
    payload: bytes
    key: bytes


class RawServer:
    """Answers one handshake, sends ``data`` in one write with the answer, and hears the client out.

    Attributes:
        requests: The lines of each request.
        said: All frames of the client, when it has gone.
    """

    def __init__(self, fields: Sequence[str], data: bytes, status: str) -> None:
        self._fields, self._data, self._status = fields, data, status
        self.requests: list[list[str]] = []
        self.said: asyncio.Future[list[Masked]] = asyncio.get_running_loop().create_future()

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head.split("\r\n"))
            key = head.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
            fields = [field.replace("right", accept_of(key)) for field in self._fields]
            lines = [f"HTTP/1.1 {self._status}", *fields, "", ""]
            writer.write("\r\n".join(lines).encode() + self._data)
            frames = await heard_by(reader)
            if not self.said.done():
                self.said.set_result(frames)
        finally:
            writer.close()


async def heard_by(reader: asyncio.StreamReader) -> list[Masked]:
    """All frames up to the end."""
    frames = []
    while (head := await reader.read(2)) != b"":
        size = head[1] & 0x7F
        if size > 125:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        assert head[1] & 0x80, "a client masks"
        assert head[0] & 0xF0 == 0x80, "whole messages without reserved bits"
        key = await reader.readexactly(4)
        payload = xor(await reader.readexactly(size), key)
        frames.append(Masked(head[0] & 0x0F, payload, key))
    return frames


def xor(data: bytes, key: bytes) -> bytes:
    pattern = (key * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(len(data), "big")


def from_server(data: bytes) -> bytes:
    """Frames of a client, as a server would send them: without the masks."""
    out = b""
    while len(data) > 1 and data[1] & 0x80 and data[0] != 0xFF:
        size, start = data[1] & 0x7F, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        end = start + 4 + size
        key, payload = data[start : start + 4], data[start + 4 : end]
        out += bytes([data[0], data[1] & 0x7F]) + data[2:start] + xor(payload, key)
        data = data[end:]
    return out + data


class Client:
    """The program above, as it connects."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self._server, self._http = server, http
        self._open: list[asyncio.Server] = []

    async def connect(
        self, fields: Sequence[str] = RIGHT, data: bytes = b"", status: str = "101 Switching"
    ) -> RawServer:
        peer = RawServer(fields, data, status)
        server = await asyncio.start_server(peer.speak, "127.0.0.1", 0)
        self._open.append(server)
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/path?query"
        async with self._http.get(self._server.url, params={"url": url}) as response:
            assert response.status == 200
        return peer

    async def hears(self) -> Any:
        async with self._http.get(self._server.url + "/heard") as response:
            return await response.json()

    async def close(self) -> None:
        for server in self._open:
            server.close()
            await server.wait_closed()


@pytest.fixture
async def client(serve: Serving, http: aiohttp.ClientSession) -> AsyncIterator[Client]:
    client = Client(await serve(MAIN), http)
    yield client
    await client.close()


BYE = close_frame(1000)


async def said(peer: RawServer) -> list[Masked]:
    async with asyncio.timeout(PATIENCE_S):
        return await peer.said


# What a client sends (section 4.1).


async def test_4_1_the_request_is_a_valid_get_of_http_1_1_with_all_that_must_be_in_it(
    client: Client,
) -> None:
    peer = await client.connect(data=from_server(BYE))
    await said(peer)
    line, *headers = peer.requests[0]
    assert line == "GET /path?query HTTP/1.1"
    fields = dict(header.split(": ", 1) for header in headers if header)
    assert fields["Host"].startswith("127.0.0.1:")
    assert (fields["Upgrade"], fields["Connection"]) == ("websocket", "Upgrade")
    assert fields["Sec-WebSocket-Version"] == "13"
    assert fields["Sec-WebSocket-Protocol"] == "chat, talk"
    assert len(base64.b64decode(fields["Sec-WebSocket-Key"], validate=True)) == 16
    assert "Sec-WebSocket-Extensions" not in fields
    names = [header.split(":")[0].lower() for header in headers if header]
    assert len(names) == len(set(names)), "each once"


async def test_4_1_the_key_must_be_selected_randomly_for_each_connection(client: Client) -> None:
    keys = set()
    for _ in range(3):
        peer = await client.connect(data=from_server(BYE))
        await said(peer)
        keys |= {line for line in peer.requests[0] if line.startswith("Sec-WebSocket-Key")}
    assert len(keys) == 3


async def test_5_3_the_masking_key_must_be_fresh_for_each_frame(client: Client) -> None:
    peer = await client.connect(data=from_server(frame(TEXT, "a") * 20 + BYE))
    frames = await said(peer)
    assert [f.payload for f in frames] == [b"a"] * 20 + [b"\x03\xe8"]
    assert len({f.key for f in frames}) == 21


# What it makes of the answer (section 4.1).


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        pytest.param(RIGHT, ["open", ""], id="a right answer opens"),
        pytest.param(
            ["upgrade: WebSocket", "CONNECTION: upGRADE", "sec-websocket-accept:   right  "],
            ["open", ""],
            id="Upgrade and Connection are case-insensitive, spaces around the accept are ignored",
        ),
        pytest.param(RIGHT[1:], "error", id="without Upgrade it MUST fail"),
        pytest.param(["Upgrade: h2c", *RIGHT[1:]], "error", id="with another Upgrade it MUST fail"),
        pytest.param([RIGHT[0], RIGHT[2]], "error", id="without Connection it MUST fail"),
        pytest.param(
            [RIGHT[0], "Connection: close", RIGHT[2]],
            "error",
            id="with a Connection without the token Upgrade it MUST fail",
        ),
        pytest.param(RIGHT[:2], "error", id="without an accept it MUST fail"),
        pytest.param(
            [*RIGHT[:2], "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
            "error",
            id="with the accept of another key it MUST fail",
        ),
        pytest.param(
            [*RIGHT, "Sec-WebSocket-Extensions: permessage-deflate"],
            "error",
            id="with an extension that was not offered it MUST fail",
        ),
        pytest.param(
            [*RIGHT, "Sec-WebSocket-Protocol: superchat"],
            "error",
            id="with a subprotocol that was not offered it MUST fail",
        ),
        pytest.param(
            [*RIGHT, "Sec-WebSocket-Protocol: talk"],
            ["open", "talk"],
            id="a subprotocol that was offered is taken",
        ),
        pytest.param(
            [*RIGHT, "Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: talk"],
            "error",
            id="Sec-WebSocket-Protocol MUST NOT appear more than once in an answer",
        ),
        pytest.param(
            [*RIGHT, RIGHT[2]],
            "error",
            id="Sec-WebSocket-Accept MUST NOT appear more than once",
        ),
    ],
)
async def test_4_1_an_answer(client: Client, fields: Sequence[str], heard: Any) -> None:
    peer = await client.connect(fields, from_server(BYE))
    got = await client.hears()
    assert (got[0] if heard == "error" else got) == heard
    assert heard != "error" or "the server" in got[1], "it says why"
    assert (await client.hears())[1] == (1006 if heard == "error" else 1000)
    sent = [f.opcode for f in await said(peer)]
    assert sent == ([] if heard == "error" else [CLOSE]), "nothing but what belongs there"


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "401 Unauthorized"])
async def test_4_1_another_status_is_not_open(client: Client, status: str) -> None:
    await client.connect(["Content-Length: 0"], status=status)
    assert (await client.hears())[0] == "error"
    assert await client.hears() == ["close", 1006]


async def test_4_1_redirects_are_not_followed_as_clients_are_not_required_to(
    client: Client,
) -> None:
    fields = ["Location: http://127.0.0.1:1/", "Content-Length: 0"]
    await client.connect(fields, status="302 Found")
    assert (await client.hears())[0] == "error"
    assert await client.hears() == ["close", 1006]


# Frames: all that is said of servers, turned round.


@pytest.mark.parametrize(
    "sentence", [s for s in OPEN if not s.section.startswith("5.1")], ids=lambda s: s.title
)
async def test_a_client(client: Client, sentence: Frames) -> None:
    end = BYE if sentence.ends else b""
    peer = await client.connect(data=from_server(sentence.send + end))
    heard = []
    for got in await said(peer):
        if got.opcode == CLOSE:
            heard.append(told(got.payload))
        else:
            payload = got.payload if len(got.payload) <= 20 else b"%d bytes" % len(got.payload)
            text = payload.decode("utf-8", "backslashreplace")
            heard.append(f'{NAMES[got.opcode]} "{text}"')
    assert ", ".join(heard) == (sentence.client or sentence.perdure)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 9000])
async def test_5_1_a_client_must_close_upon_a_masked_frame(client: Client, size: int) -> None:
    peer = await client.connect(data=frame(TEXT, b"a" * size))
    assert [told(f.payload) for f in await said(peer)] == ["close 1002"]
