"""Bodies of incoming requests, as ``actors.body`` reads them."""

import asyncio
import contextvars

from aiohttp import HttpVersion11, web
from aiohttp.streams import StreamReader

from ...actors.http_errors import BodyTooLate
from ...storage.errors import UsageError
from ..config.limits import EdgeLimits

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BodyTooLarge(UsageError):
    """The client sends more than ``perdure.limits.body_size_bytes_max``; answered with 413."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        super().__init__(allowed)

    def __str__(self) -> str:
        return (
            f"the request's body is larger than {self.allowed} bytes "
            "(perdure.limits.body_size_bytes_max)"
        )


class BodyStalled(UsageError, TimeoutError):
    """The client's body does not come on; answered with 408.

    Attributes:
        idle_timeout_s: How long was waited.
    """

    def __init__(self, idle_timeout_s: float) -> None:
        self.idle_timeout_s = idle_timeout_s
        super().__init__(idle_timeout_s)

    def __str__(self) -> str:
        return (
            f"nothing more of the request's body came for {self.idle_timeout_s:g} seconds "
            "(perdure.limits.body_idle_timeout_s)"
        )


class BodyMalformed(UsageError, OSError):
    """The client sends a body that cannot be read; answered with 400.

    Attributes:
        why: What is wrong with it.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)

    def __str__(self) -> str:
        return f"the request's body cannot be read: {self.why}"


class ClientGone(ConnectionError):
    """The client went away before it had sent its whole body."""


class RequestBody:
    """The body of one incoming request. Is a ``StreamSource``.

    Attributes:
        is_too_large: More came than is allowed.
        has_stalled: Nothing came for too long.
        is_awaited: The client waits to be told that its body is wanted.
    """

    __slots__ = (
        "_idle_timeout_s",
        "_is_closed",
        "_kept",
        "_left",
        "_loop",
        "_request",
        "_size_bytes_max",
        "_stream",
        "_waiting",
        "has_stalled",
        "is_awaited",
        "is_too_large",
    )

    def __init__(
        self, request: web.BaseRequest, limits: EdgeLimits, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._request = request
        self._stream: StreamReader = request.content
        self._size_bytes_max = self._left = limits.body_size_bytes_max
        self._idle_timeout_s = limits.body_idle_timeout_s
        self._loop = loop
        self._waiting: asyncio.Task[bytes] | None = None
        self._kept = b""
        self._is_closed = False
        self.is_too_large = False
        self.has_stalled = False
        # RFC 9110, section 10.1.1: an older client does not understand a 100.
        self.is_awaited = (
            request.headers.get("Expect", "").lower() == "100-continue"
            and request.version >= HttpVersion11
        )

    async def read_chunk(self) -> bytes:
        if self.is_too_large:
            raise BodyTooLarge(self._size_bytes_max)
        if self.has_stalled:
            raise BodyStalled(self._idle_timeout_s)
        if self._is_closed and not self._stream.at_eof():
            raise BodyTooLate("request")
        self.invite()
        try:
            chunk, self._kept = self._kept or self._stream.read_nowait(), b""
            if not chunk and not self._stream.at_eof():
                chunk = await self._wait_for_chunk()
        except (BodyMalformed, BodyStalled, BodyTooLate):
            raise
        except Exception as error:
            raise ClientGone(f"the client went away while sending its body: {error}") from error
        self._left -= len(chunk)
        if self._left < 0:
            self.is_too_large = True
            raise BodyTooLarge(self._size_bytes_max)
        return chunk

    def invite(self) -> None:
        """Tell a client that waits for it to send its body; before the answer, or never."""
        if self.is_awaited:
            self.is_awaited = False
            transport = self._request.transport
            if transport is not None:
                transport.write(CONTINUE)

    async def _wait_for_chunk(self) -> bytes:
        """Wait in a task of our own, which ``close`` can end without touching the reader's."""
        context = contextvars.Context()
        task = asyncio.Task(self._stream.readany(), loop=self._loop, context=context)
        self._waiting = task
        timer = self._loop.call_later(self._idle_timeout_s, self._stall, task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._is_closed:
                raise BodyTooLate("request") from None
            if self.has_stalled:
                raise BodyStalled(self._idle_timeout_s) from None
            if task.done() and not task.cancelled() and task.exception() is None:
                self._kept = task.result()  # it had come already
            raise
        finally:
            timer.cancel()
            self._waiting = None
            task.cancel()  # of a reader that was thrown away

    def _stall(self, task: "asyncio.Task[bytes]") -> None:
        if not task.done():
            self.has_stalled = True
            task.cancel()

    async def close(self) -> None:
        """The request is answered: nobody reads on, and the connection may drop the rest."""
        self._is_closed = True
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait({self._waiting})
        if isinstance(self._stream.exception(), BodyMalformed):
            self._stream.feed_eof()  # there is nothing to drop

    def cancel(self, reason: BaseException | None = None) -> None:
        """What is left is read and dropped by the connection, or the connection closed."""
        del reason
