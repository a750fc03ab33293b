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

from ...actors.session import LOST, CloseFrame

PROTOCOL_ERROR = 1002
MESSAGE_TOO_BIG = 1009
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
    ``on_broken(BrokenFrame)`` are called within ``feed``. After ``on_broken`` and ``on_close``
    what follows is not to be listened to.
    """

    __slots__ = ("_queue", "_reader")

    def __init__(
        self,
        message_size_bytes_max: int,
        on_message: Callable[[str | bytes], None],
        on_close: Callable[[CloseFrame], None],
        on_ping: Callable[[bytes], None],
        on_broken: Callable[[BrokenFrame], None],
        *,
        masked: bool = True,
    ) -> None:
        """Read what a client sends, or with ``masked`` False what a server sends."""
        self._queue = _CallbackQueue(
            message_size_bytes_max, on_message, on_close, on_ping, on_broken
        )
        kind = _FromClient if masked else _FromServer
        # aiohttp refuses messages of the limit itself; ours is the largest that is allowed.
        self._reader = kind(self._queue, message_size_bytes_max + 1, False, True)  # noqa: FBT003  # positional in the C signature

    def feed(self, data: bytes) -> None:
        self._reader.feed_data(data)
        if self._queue.raised is not None:
            raised, self._queue.raised = self._queue.raised, None
            raise raised


_handle_frame = WebSocketReader._handle_frame  # noqa: SLF001  # see _FromClient


class _FromClient(WebSocketReader):
    """aiohttp's reader, made to insist on masks: it takes frames with and without.

    Masking turns a payload into a bytearray, and that is the one trace of the mask that can be
    seen from here. Looking at it costs 0.2 microseconds for each frame; reading the headers of
    the frames a second time in Python costs five times as much.
    """

    __slots__ = ()

    def _handle_frame(self, fin: bool, opcode: int, payload: Any, compressed: int) -> None:  # noqa: FBT001  # aiohttp's signature
        if type(payload) is bytes:
            raise WebSocketError(PROTOCOL_ERROR, "a client has to mask its frames")
        _handle_frame(self, fin, opcode, payload, compressed)


class _FromServer(WebSocketReader):
    """The other way round: servers do not mask."""

    __slots__ = ()

    def _handle_frame(self, fin: bool, opcode: int, payload: Any, compressed: int) -> None:  # noqa: FBT001  # aiohttp's signature
        # A long payload that came in very many pieces is a bytearray without any mask.
        if type(payload) is not bytes and len(payload) < 1024:
            raise WebSocketError(PROTOCOL_ERROR, "a server must not mask its frames")
        _handle_frame(self, fin, opcode, payload, compressed)


class _CallbackQueue(WebSocketDataQueue):
    """Where aiohttp's reader puts messages: handed on at once instead of queued.

    Attributes:
        raised: What a callback raised. The C code that calls ``feed_data`` would print it and
            go on as if nothing had happened.
    """

    def __init__(
        self,
        message_size_bytes_max: int,
        on_message: Callable[[str | bytes], None],
        on_close: Callable[[CloseFrame], None],
        on_ping: Callable[[bytes], None],
        on_broken: Callable[[BrokenFrame], None],
    ) -> None:
        super().__init__(None, 2**16, loop=None)  # type: ignore[arg-type]  # nothing is queued, so nothing is paused
        self._message_size_bytes_max = message_size_bytes_max
        self._on_message = on_message
        self._on_close = on_close
        self._on_ping = on_ping
        self._on_broken = on_broken
        self.raised: BaseException | None = None

    def feed_data(self, data: Any, size: int = 0) -> None:
        del size
        try:
            kind = data[0]
            if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
                self._on_message(data[1])
            elif kind is WSMsgType.CLOSE:
                self._closed(data[1], data[2])
            elif kind is WSMsgType.PING:
                self._on_ping(bytes(data[1]))
        except BaseException as error:
            self.raised = error

    def _closed(self, code: int, reason: str) -> None:
        # aiohttp lets these two pass, which RFC 6455, section 7.4, does not.
        if code == LOST or code >= 5000:
            self._on_broken(BrokenFrame(PROTOCOL_ERROR, f"Invalid close code: {code}"))
        else:
            self._on_close(CloseFrame(code or None, reason or ""))

    def set_exception(self, exc: BaseException, exc_cause: Any = None) -> None:
        del exc_cause
        if not isinstance(exc, WebSocketError):
            raise exc
        text = str(exc.args[-1])
        if exc.code == MESSAGE_TOO_BIG:  # aiohttp's text names its own limit, one more than ours
            text = f"a message may have {self._message_size_bytes_max} bytes"
        self._on_broken(BrokenFrame(int(exc.code), text))

    def feed_eof(self) -> None:
        """The connection says so itself."""
