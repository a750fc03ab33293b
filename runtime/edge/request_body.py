"""Bodies of incoming requests, as ``actors.body`` reads them."""

import asyncio
import contextvars

from aiohttp import HttpVersion11, web
from aiohttp.streams import StreamReader

from ...storage.errors import UsageError

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


class BodyTooLate(UsageError, OSError):
    """The body was read after the request had been answered; what was left of it is gone."""

    def __str__(self) -> str:
        return "Can't read from request stream after response has been sent."


class ClientGone(ConnectionError):
    """The client went away before it had sent its whole body."""


class RequestBody:
    """The body of one incoming request. Is a ``StreamSource``.

    Attributes:
        is_too_large: More came than is allowed.
        is_awaited: The client waits to be told that its body is wanted.
    """

    __slots__ = (
        "_is_closed",
        "_left",
        "_loop",
        "_request",
        "_size_bytes_max",
        "_stream",
        "_waiting",
        "is_awaited",
        "is_too_large",
    )

    def __init__(
        self, request: web.BaseRequest, size_bytes_max: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._request = request
        self._stream: StreamReader = request.content
        self._size_bytes_max = size_bytes_max
        self._left = size_bytes_max
        self._loop = loop
        self._waiting: asyncio.Task[bytes] | None = None
        self._is_closed = False
        self.is_too_large = False
        # RFC 9110, section 10.1.1: an older client does not understand a 100.
        self.is_awaited = (
            request.headers.get("Expect", "").lower() == "100-continue"
            and request.version >= HttpVersion11
        )

    async def read_chunk(self) -> bytes:
        if self.is_too_large:
            raise BodyTooLarge(self._size_bytes_max)
        self.invite()
        if self._is_closed and not self._stream.at_eof():
            raise BodyTooLate
        try:
            chunk = self._stream.read_nowait()
            if not chunk and not self._stream.at_eof():
                chunk = await self._wait_for_chunk()
        except BodyTooLate:
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
        self._waiting = asyncio.Task(self._stream.readany(), loop=self._loop, context=context)
        try:
            return await self._waiting
        except asyncio.CancelledError:
            if self._is_closed:
                raise BodyTooLate from None
            raise
        finally:
            self._waiting = None

    async def close(self) -> None:
        """The request is answered: nobody reads on, and the connection may drop the rest."""
        self._is_closed = True
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait({self._waiting})

    def cancel(self, reason: BaseException | None = None) -> None:
        """What is left is read and dropped by the connection, or the connection closed."""
        del reason
