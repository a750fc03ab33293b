"""WebSocket frames: reading through aiohttp's C reader, writing by hand.

The one file that leans on aiohttp's inside: ``aiohttp._websocket`` has no public name for its
reader. pyproject.toml pins the range that was tested, and tests/runtime/edge/test_frames.py
fails when the interface drifts.

Considered and refused: ``websockets``' sans-I/O protocol, several times slower for short
messages; a parser of our own, which has to be a good deal faster than this one to be worth it.
"""

import os
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType
from aiohttp._websocket.helpers import websocket_mask
from aiohttp._websocket.models import WebSocketError
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from ...actors.session import CloseFrame

PROTOCOL_ERROR = 1002
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
_MASKED = 0x80


def encode_message(message: str | bytes, *, mask: bool = False) -> bytes:
    """The frame of a whole message."""
    if isinstance(message, str):
        return _frame(_TEXT, message.encode(), mask=mask)
    return _frame(_BINARY, message, mask=mask)


def encode_close(frame: CloseFrame, *, mask: bool = False) -> bytes:
    if frame.code is None:
        return _frame(_CLOSE, b"", mask=mask)
    return _frame(_CLOSE, frame.code.to_bytes(2, "big") + frame.reason.encode(), mask=mask)


def encode_pong(payload: bytes, *, mask: bool = False) -> bytes:
    return _frame(_PONG, payload, mask=mask)


def _frame(head: int, payload: bytes, *, mask: bool) -> bytes:
    size = len(payload)
    bit = _MASKED if mask else 0
    if size < 126:
        start = bytes((head, bit | size))
    elif size < 65536:
        start = bytes((head, bit | 126)) + size.to_bytes(2, "big")
    else:
        start = bytes((head, bit | 127)) + size.to_bytes(8, "big")
    if not mask:
        return start + payload
    key = os.urandom(4)
    masked = bytearray(payload)
    websocket_mask(key, masked)
    return start + key + bytes(masked)


class BrokenFrame(Exception):
    """The peer broke the protocol.

    Attributes:
        code: The close code that says how: 1002, 1007 or 1009.
    """

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


class FrameReader:
    """Bytes in, calls out: one for each whole message and each control frame.

    ``on_message(str | bytes)``, ``on_close(CloseFrame)``, ``on_ping(payload)`` and
    ``on_broken(BrokenFrame)`` are called within ``feed``.
    """

    __slots__ = ("_queue", "_reader")

    def __init__(
        self,
        message_size_bytes_max: int,
        on_message: Callable[[str | bytes], None],
        on_close: Callable[[CloseFrame], None],
        on_ping: Callable[[bytes], None],
        on_broken: Callable[[BrokenFrame], None],
    ) -> None:
        self._queue = _CallbackQueue(on_message, on_close, on_ping, on_broken)
        # aiohttp refuses messages of the limit itself; ours is the largest that is allowed.
        self._reader = WebSocketReader(self._queue, message_size_bytes_max + 1, False, True)  # noqa: FBT003  # positional in the C signature

    def feed(self, data: bytes) -> None:
        self._reader.feed_data(data)


class _CallbackQueue(WebSocketDataQueue):
    """Where aiohttp's reader puts messages: handed on at once instead of queued."""

    def __init__(
        self,
        on_message: Callable[[str | bytes], None],
        on_close: Callable[[CloseFrame], None],
        on_ping: Callable[[bytes], None],
        on_broken: Callable[[BrokenFrame], None],
    ) -> None:
        super().__init__(None, 2**16, loop=None)  # type: ignore[arg-type]  # nothing is queued, so nothing is paused
        self._on_message = on_message
        self._on_close = on_close
        self._on_ping = on_ping
        self._on_broken = on_broken

    def feed_data(self, data: Any, size: int = 0) -> None:
        del size
        kind = data[0]
        if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
            self._on_message(data[1])
        elif kind is WSMsgType.CLOSE:
            self._on_close(CloseFrame(data[1] or None, data[2] or ""))
        elif kind is WSMsgType.PING:
            self._on_ping(bytes(data[1]))

    def set_exception(self, exc: BaseException, exc_cause: Any = None) -> None:
        del exc_cause
        if not isinstance(exc, WebSocketError):
            raise exc
        self._on_broken(BrokenFrame(int(exc.code), str(exc.args[-1])))

    def feed_eof(self) -> None:
        """The connection says so itself."""
