"""A bounded pipe of chunks: from code that is stepped turn by turn to whoever reads."""

import asyncio
from collections import deque
from collections.abc import Callable

# So much may wait for a slow reader before the writer is held up: as asyncio's own default.
BUFFER_SIZE_BYTES_MAX = 64 * 1024


class Pipe:
    """One writer, one reader. The reading side is a ``StreamSource``.

    Attributes:
        on_cancel: Called when the reader wants no more.
        on_end: Called once when nothing follows any more, whatever the reason.
    """

    __slots__ = (
        "_chunks",
        "_error",
        "_is_ended",
        "_loop",
        "_reader",
        "_size_bytes",
        "_writer",
        "on_cancel",
        "on_end",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._chunks: deque[bytes] = deque()
        self._size_bytes = 0
        self._is_ended = False
        self._error: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self.on_cancel: Callable[[], None] | None = None
        self.on_end: Callable[[], None] | None = None

    # The writer's side.

    def push(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size_bytes += len(chunk)
        _wake(self._reader)

    def end(self, error: BaseException | None = None) -> None:
        """Nothing follows; with an error the reader gets it after what is there."""
        if not self._is_ended:
            self._is_ended = True
            self._error = error
            _wake(self._reader)
            on_end, self.on_end = self.on_end, None
            if on_end is not None:
                on_end()

    async def wait_for_room(self) -> None:
        """Return when the reader has taken enough of what waits."""
        while self._size_bytes >= BUFFER_SIZE_BYTES_MAX and not self._is_ended:
            self._writer = self._loop.create_future()
            await self._writer

    # The reader's side.

    async def read_chunk(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._is_ended:
                return b""
            self._reader = self._loop.create_future()
            await self._reader
        chunk = self._chunks.popleft()
        self._size_bytes -= len(chunk)
        if self._size_bytes < BUFFER_SIZE_BYTES_MAX:
            _wake(self._writer)
        return chunk

    def cancel(self, reason: BaseException | None = None) -> None:
        if self._chunks:  # what is dropped here must not look like the end
            self._error = reason
        self._chunks.clear()
        self._size_bytes = 0
        self.end(reason)
        _wake(self._writer)
        on_cancel, self.on_cancel = self.on_cancel, None
        if on_cancel is not None:
            on_cancel()


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
