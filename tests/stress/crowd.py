"""Thousands of clients in one process: plain blocking sockets, a hundred handshakes at a time."""

import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

from tests.wire import BINARY, CLOSE, PATIENCE_S, PONG, TEXT, Frame, frame, upgrade_request

BATCH = 100
# So that a client that does not read is full soon.
SMALL_BUFFER_SIZE_BYTES = 4096
DESCRIPTORS_ELSEWHERE = 1000


class Guest:
    """One client, byte by byte."""

    def __init__(self, port: int, *, reads: bool = True) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        if not reads:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_SIZE_BYTES)
        self.socket.connect(("127.0.0.1", port))
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, path: str) -> None:
        """Ask for a WebSocket."""
        self.send("\r\n".join([*upgrade_request(path), "", ""]).encode())

    def head(self) -> bytes:
        """The head of an answer."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, self._read = self._read.split(b"\r\n\r\n", 1)
        return head

    def frame(self) -> Frame:
        first, second = self._take(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
        return Frame(first & 0x0F, self._take(size), bool(first & 0x80))

    def text(self) -> str:
        got = self.frame()
        assert got.opcode == TEXT, got
        return got.payload.decode()

    def answer_pings_until_text(self) -> str:
        while (got := self.frame()).opcode != TEXT:
            assert got.opcode not in {BINARY, CLOSE}, got
            self.send(frame(PONG, got.payload))
        return got.payload.decode()

    def close_frame(self) -> tuple[int, str]:
        """The next close frame, whatever comes before it."""
        while (got := self.frame()).opcode != CLOSE:
            pass
        return got.close

    def rest(self) -> bytes:
        """What comes until the end of the connection, orderly or not."""
        try:
            while data := self.socket.recv(2**16):
                self._read += data
        except ConnectionError:
            pass
        rest, self._read = self._read, b""
        return rest

    def reset(self) -> None:
        """Be gone without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _more(self) -> None:
        data = self.socket.recv(2**16)
        assert data, "the server hung up"
        self._read += data


@contextmanager
def crowd(port: int, path: str, count: int, *, reads: bool = True) -> Iterator[list[Guest]]:
    """``count`` WebSockets to ``path``, open."""
    with ExitStack() as stack:
        guests: list[Guest] = []
        while len(guests) < count:
            batch = [
                stack.enter_context(Guest(port, reads=reads))
                for _ in range(min(BATCH, count - len(guests)))
            ]
            for guest in batch:
                guest.ask(path)
            for guest in batch:
                assert guest.head().startswith(b"HTTP/1.1 101 ")
            guests += batch
        yield guests


def connections_possible(wanted: int) -> int:
    """``wanted``, or fewer where the system allows a process fewer descriptors."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, allowed - DESCRIPTORS_ELSEWHERE)
