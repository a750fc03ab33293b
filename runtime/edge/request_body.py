"""Bodies of incoming requests, as ``actors.body`` reads them."""

import asyncio

from aiohttp import web
from aiohttp.streams import StreamReader

from ...storage.errors import UsageError


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


class ClientGone(ConnectionError):
    """The client went away before it had sent its whole body."""


class RequestBody:
    """The body of one incoming request. Is a ``StreamSource``.

    Attributes:
        is_too_large: More came than is allowed.
    """

    __slots__ = (
        "_expects_continue",
        "_left",
        "_request",
        "_size_bytes_max",
        "_stream",
        "is_too_large",
    )

    def __init__(self, request: web.BaseRequest, size_bytes_max: int) -> None:
        self._request = request
        self._stream: StreamReader = request.content
        self._size_bytes_max = size_bytes_max
        self._left = size_bytes_max
        self.is_too_large = False
        expect = request.headers.get("Expect", "")
        self._expects_continue = expect.lower() == "100-continue"

    async def read_chunk(self) -> bytes:
        if self.is_too_large:
            raise BodyTooLarge(self._size_bytes_max)
        if self._expects_continue:
            self._expects_continue = False
            transport = self._request.transport
            if transport is not None:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            chunk = await self._stream.readany()
        except (asyncio.CancelledError, BodyTooLarge):
            raise
        except Exception as error:
            raise ClientGone(f"the client went away while sending its body: {error}") from error
        self._left -= len(chunk)
        if self._left < 0:
            self.is_too_large = True
            raise BodyTooLarge(self._size_bytes_max)
        return chunk

    def cancel(self, reason: BaseException | None = None) -> None:
        """What is left is read and dropped by the connection, or the connection closed."""
        del reason
