"""What a sandbox sends for as long as somebody reads it."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator

from ....actors.body import BodyStream, IteratorSource
from ..asking import SandboxStream


class HeldStream(IteratorSource):
    """Bytes made of one request's answers; the request is cancelled when nobody reads on.

    Args:
        stream: The request.
        chunks: What is made of it.
    """

    __slots__ = ("_loop", "_stream")

    def __init__(self, stream: SandboxStream, chunks: AsyncIterator[bytes]) -> None:
        super().__init__(chunks)
        self._stream = stream
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        self._stream.cancel()
        await super().close()

    def cancel(self, reason: BaseException | None = None) -> None:
        super().cancel(reason)
        self._stream.cancel()

    def __del__(self) -> None:
        # Whoever leaves an ``async for`` says nothing, and neither does who never began one.
        # What is let go of in a circle is found in whichever thread is at work then.
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stream.cancel, context=contextvars.Context())


def held(stream: SandboxStream, chunks: AsyncIterator[bytes]) -> BodyStream:
    """What a call returns that gives a stream."""
    return BodyStream(HeldStream(stream, chunks), "sandbox")
