"""The bare stack: WebSocket echo and broadcast without perdure, to see what perdure costs.

    python bare.py PORT

Short text frames only, no limits, no close handshake, no fragments: what no server can do without
and nothing else. ``/ws/…`` echoes; ``/room/…`` sends each message to all who are connected.
"""

import asyncio
import base64
import hashlib
import re
import sys
from typing import ClassVar, cast

_KEY = re.compile(rb"sec-websocket-key: *(\S+)", re.IGNORECASE)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(text: str) -> bytes:
    data = text.encode()
    return bytes((0x81, len(data))) + data


class Bare(asyncio.Protocol):
    """One connection: a request's head, then frames of less than 126 bytes."""

    room: ClassVar[set["Bare"]] = set()

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.rest = b""
        self.is_open = False
        self.is_in_room = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.room.discard(self)

    def data_received(self, data: bytes) -> None:
        if self.rest:
            data = self.rest + data
        if not self.is_open:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self.rest = data
                return
            self._answer(data[:end])
            data = data[end:]
        begin = 0
        while len(data) - begin >= 6:
            end = begin + 6 + (data[begin + 1] & 0x7F)
            if len(data) < end:
                break
            if data[begin] == 0x88:  # close
                self.transport.close()
                return
            size = end - begin - 6
            key = data[begin + 2 : begin + 6] * (size // 4 + 1)
            mask = int.from_bytes(key[:size], "little")
            payload = int.from_bytes(data[begin + 6 : end], "little") ^ mask
            self.heard(payload.to_bytes(size, "little").decode())
            begin = end
        self.rest = data[begin:]

    def heard(self, text: str) -> None:
        if not self.is_in_room:
            self.transport.write(frame(text))
            return
        data = frame(text)
        for other in self.room:
            other.transport.write(data)

    def _answer(self, head: bytes) -> None:
        found = _KEY.search(head)
        if found is None:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        self.is_open = True
        accept = base64.b64encode(hashlib.sha1(found[1] + _GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        if head.startswith(b"GET /room"):
            self.is_in_room = True
            self.room.add(self)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(int(sys.argv[1])))
    else:
        uvloop.run(main(int(sys.argv[1])))
