"""An HTTP connection that can be handed to another process, between two requests.

*Promise*: whoever has the descriptor from ``leave`` on reads each request of the client whole that
was not answered here.
*Assumes*: no TLS. aiohttp's parser does not say what it has of a head that is not whole; so what
was read last is parsed once more, by another parser.
"""

import asyncio
import os
import socket
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

from .http_protocol import HttpProtocol, HttpServer

# A larger read is not looked at again: whether requests ended with it is not known then.
LAST_READ_SIZE_BYTES_MAX = 4096
_PROBE = b"OPTIONS * HTTP/1.1\r\nHost: perdure\r\n\r\n"


class MovableProtocol(HttpProtocol):
    """An ``HttpProtocol`` that may go to another process."""

    __slots__ = ("_is_resting", "_last_read")

    def __init__(self, manager: HttpServer, holder: object = None, **options: Any) -> None:
        super().__init__(manager, holder, **options)
        self._last_read: bytes | None = b""  # None for what is too long to be kept
        self._is_resting = False

    def data_received(self, data: bytes) -> None:
        self._last_read = data if len(data) <= LAST_READ_SIZE_BYTES_MAX else None
        super().data_received(data)

    def rest(self) -> bool:
        """Read no more, so that ``leave`` will be possible; say whether it will."""
        transport = self.transport
        if transport is None or self.ssl_context is not None or not self._is_read_out():
            return False
        self._is_resting = True
        transport.pause_reading()
        return True

    def wake_up(self) -> None:
        """Read again: nobody else will."""
        if self._is_resting and self.transport is not None:
            self._is_resting = False
            self.transport.resume_reading()

    def leave(self) -> socket.socket | None:
        """Let go of the connection; return a descriptor of it for whoever has it from now on.

        Returns:
            None if a request is under way, or a part of one may have been read, or something has
            not left yet: it is as it was then.
        """
        transport, waiter = self.transport, self._waiter
        is_idle = waiter is not None and not waiter.done() and self._head_timer is None
        if transport is None or not is_idle or self._messages or self._held or self.is_half_closed:
            return None
        if self.ssl_context is not None or transport.is_closing() or self._force_close:
            return None
        if transport.get_write_buffer_size() or not self._is_read_out():
            return None
        transport.pause_reading()
        raw = transport.get_extra_info("socket")
        descriptor = socket.socket(fileno=os.dup(raw.fileno()))
        self.transport = None
        self._loop.call_soon(self.connection_lost, None)
        transport.set_protocol(asyncio.Protocol())
        transport.abort()
        return descriptor

    def _is_read_out(self) -> bool:
        """What was read last were whole requests: another parser understands what follows it.

        The parser does not tell what it has of a head that is not whole.
        """
        last = self._last_read
        if not last:
            return last is not None
        try:
            messages, is_upgrade, _ = self._new_parser().feed_data(last + _PROBE)
        except HttpProcessingError:
            return False
        if is_upgrade or len(messages) < 2:
            return False
        probe = messages[-1][0]
        is_probe = (probe.method, probe.path, len(probe.raw_headers)) == ("OPTIONS", "*", 1)
        return is_probe and all(body.is_eof() for _, body in messages)
