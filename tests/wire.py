"""HTTP and WebSocket as bytes: clients that say exactly what a test wants, wrong or right."""

import asyncio
import base64
import contextlib
import os
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from yarl import URL

# Long enough for the slowest machine; a test that reaches it has failed. Mutants reach it often.
PATIENCE_S = float(os.environ.get("PERDURE_TEST_PATIENCE_S", "60"))

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = base64.b64encode(b"sixteen bytes of").decode()


@dataclass
class Answer:
    """One response as it came over the wire."""

    version: str
    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        return [value for n, value in self.headers if n.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        found = self.values(name)
        return found[0] if found else None

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Frame:
    """One frame of a WebSocket as it came over the wire."""

    opcode: int
    payload: bytes
    is_final: bool = True
    is_masked: bool = False
    reserved: int = 0

    @property
    def close(self) -> tuple[int, str]:
        """What a close frame says; (1005, "") when it is empty."""
        assert self.opcode == CLOSE, self
        if not self.payload:
            return 1005, ""
        return int.from_bytes(self.payload[:2], "big"), self.payload[2:].decode()


class Wire:
    """One TCP connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, url: str, *, receive_buffer_size: int | None = None) -> Self:
        """Connect to the host and port of ``url``.

        With ``receive_buffer_size`` the kernel takes little on behalf of a client that does not
        read, and so does the reader here.
        """
        parsed = URL(url)
        assert parsed.host is not None
        if receive_buffer_size is None:
            return cls(*await asyncio.open_connection(parsed.host, parsed.port, limit=2**26))
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_size)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (parsed.host, parsed.port))
        return cls(*await asyncio.open_connection(sock=raw, limit=receive_buffer_size))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def vanish(self) -> None:
        """Be gone, without a word: the server gets a reset."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    def say(self, *lines: str | bytes, body: bytes = b"") -> None:
        """Send the head of a request, given line by line, and a body."""
        head = [line if isinstance(line, bytes) else line.encode() for line in lines]
        self.writer.write(b"\r\n".join([*head, b"", b""]) + body)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def drain(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.writer.drain()

    async def read(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(size)

    async def read_line(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            line = await self.reader.readuntil(b"\r\n")
        return line[:-2].decode("latin-1")

    async def rest(self) -> bytes:
        """Everything up to the end of the connection, orderly or not."""
        async with asyncio.timeout(PATIENCE_S):
            got = b""
            with contextlib.suppress(ConnectionError):
                while data := await self.reader.read(2**16):
                    got += data
            return got

    async def head(self) -> Answer:
        """The status line and the headers of the next response."""
        version, status, reason = (await self.read_line()).split(" ", 2)
        answer = Answer(version, int(status), reason)
        while line := await self.read_line():
            name, value = line.split(":", 1)
            answer.headers.append((name, value.strip()))
        return answer

    async def chunk(self) -> bytes:
        """The next chunk of a chunked body; empty at its end."""
        size = int(await self.read_line(), 16)
        data = await self.read(size)
        assert await self.read_line() == ""
        return data

    async def answer(self, *, has_body: bool = True) -> Answer:
        """The next response; ``has_body`` False for the answer to a HEAD."""
        answer = await self.head()
        if not has_body or answer.status < 200 or answer.status in {204, 304}:
            return answer
        if answer.get("Transfer-Encoding") == "chunked":
            while chunk := await self.chunk():
                answer.body += chunk
        elif (length := answer.get("Content-Length")) is not None:
            answer.body = await self.read(int(length))
        else:
            answer.body = await self.rest()
        return answer

    # WebSocket.

    async def upgrade(self, path: str = "/", *headers: str, glued: bytes = b"") -> Answer:
        """Ask for a WebSocket; ``glued`` is sent with the request, in one write."""
        self.say(*upgrade_request(path, *headers), body=glued)
        answer = await self.head()
        if answer.status != 101 and (length := answer.get("Content-Length")):
            answer.body = await self.read(int(length))
        return answer

    async def frame(self) -> Frame:
        first, second = await self.read(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self.read(2 if size == 126 else 8), "big")
        assert not second & 0x80, "a server does not mask"
        return Frame(first & 0x0F, await self.read(size), bool(first & 0x80), reserved=first & 0x70)

    async def text(self) -> str:
        got = await self.frame()
        assert got.opcode == TEXT, got
        return got.payload.decode()

    async def close_frame(self) -> tuple[int, str]:
        """The close frame that has to come next, and the end of the connection after it."""
        said = (await self.frame()).close
        assert await self.rest() == b"", "nothing follows a close frame"
        return said


def upgrade_request(path: str = "/", *headers: str) -> list[str]:
    """The lines of a correct handshake; a header given here replaces the usual one."""
    usual = {
        "host": "Host: localhost",
        "upgrade": "Upgrade: websocket",
        "connection": "Connection: Upgrade",
        "sec-websocket-version": "Sec-WebSocket-Version: 13",
        "sec-websocket-key": f"Sec-WebSocket-Key: {KEY}",
    }
    names = {header.split(":")[0].lower() for header in headers}
    kept = [line for name, line in usual.items() if name not in names]
    return [f"GET {path} HTTP/1.1", *kept, *(h for h in headers if not h.endswith(": -"))]


def frame(
    opcode: int,
    payload: bytes | str = b"",
    *,
    final: bool = True,
    mask: bool = True,
    reserved: int = 0,
) -> bytes:
    """The bytes of one frame, as a client sends it unless told otherwise."""
    data = payload.encode() if isinstance(payload, str) else payload
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    bit = 0x80 if mask else 0
    if len(data) < 126:
        head += bytes([bit | len(data)])
    elif len(data) < 2**16:
        head += bytes([bit | 126]) + len(data).to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + len(data).to_bytes(8, "big")
    if not mask:
        return head + data
    key = os.urandom(4)
    pattern = (key * (len(data) // 4 + 1))[: len(data)]
    masked = int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")
    return head + key + masked.to_bytes(len(data), "big")


def close_frame(code: int | None = None, reason: str | bytes = b"") -> bytes:
    """The close frame of a client."""
    if code is None:
        return frame(CLOSE)
    text = reason.encode() if isinstance(reason, str) else reason
    return frame(CLOSE, code.to_bytes(2, "big") + text)
