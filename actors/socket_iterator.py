"""``async for message in socket``: messages as a stream instead of events."""

import asyncio
from collections import deque
from collections.abc import Callable

from .errors import SocketStateError


class Listening(asyncio.Future[None]):
    """What a task awaits while there is no message: it has nothing to do until somebody speaks."""


class SocketIterator:
    """Yields each message (str or bytes); ends when the connection has ended.

    Only one task can iterate at a time. ``on_taken`` is called for each message taken out.
    """

    __slots__ = ("_ended", "_loop", "_on_taken", "_waiter", "messages")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_taken: Callable[[], None]) -> None:
        self._loop = loop
        self._on_taken = on_taken
        self.messages: deque[str | bytes] = deque()
        self._waiter: Listening | None = None
        self._ended = False

    def push(self, message: str | bytes) -> None:
        self.messages.append(message)
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> "SocketIterator":
        return self

    async def __anext__(self) -> str | bytes:
        while not self.messages:
            if self._ended:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise SocketStateError("another task is already iterating over this WebSocket")
            self._waiter = Listening(loop=self._loop)
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self.messages.popleft()
        self._on_taken()
        return message
