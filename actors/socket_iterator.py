"""``async for message in socket``: messages as a stream instead of events."""

import asyncio
from collections import deque
from collections.abc import Callable

from .errors import SocketStateError
from .session import Receipted


class Listening(asyncio.Future[None]):
    """What a task awaits while there is no message: it has nothing to do until somebody speaks."""


class SocketIterator:
    """Yields each message (str or bytes); ends when the connection has ended.

    Only one task can iterate at a time.

    Attributes:
        messages: Those that nobody has taken.
        in_hand: What was taken last, if its sender wants to know when it has been handled: when
            the next is asked for.
    """

    __slots__ = ("_emit", "_ended", "_loop", "_on_taken", "_waiter", "in_hand", "messages")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_taken: Callable[[], None],
        emit: Callable[..., None],
    ) -> None:
        """Prepare.

        Args:
            loop: Of who iterates.
            on_taken: Called for each message taken out.
            emit: Calls its argument when what was written and sent until then has left.
        """
        self._loop = loop
        self._on_taken = on_taken
        self._emit = emit
        self.messages: deque[str | bytes | Receipted] = deque()
        self.in_hand: Receipted | None = None
        self._waiter: Listening | None = None
        self._ended = False

    def push(self, message: str | bytes | Receipted) -> None:
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
        handled, self.in_hand = self.in_hand, None
        if handled is not None:
            self._emit(handled.acknowledge)
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
        if isinstance(message, Receipted):
            self.in_hand = message
            return message.message
        return message
