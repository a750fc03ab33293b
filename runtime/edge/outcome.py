"""What becomes of one request: what the Worker answers, or why there is no answer to write."""

import asyncio

from ...actors.http import Response


class Outcome:
    """What the Worker answers: often at once, so a future is made only when it is needed.

    Attributes:
        value: The answer, or why there is none; None before either is known.
    """

    __slots__ = ("_future", "_loop", "value")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self.value: tuple[Response | None, BaseException | None] | None = None

    def set(self, response: Response | None, error: BaseException | None) -> None:
        """Have one of them, and wake who waits."""
        self.value = (response, error)
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> tuple[Response | None, BaseException | None]:
        """Return the value when it is there."""
        self._future = self._loop.create_future()
        await self._future
        assert self.value is not None, "set wakes after it has set"
        return self.value


class Upgraded(Exception):
    """The connection speaks WebSocket now."""


class Unfinished(ConnectionResetError):
    """The client has not got the whole answer, and will not.

    Attributes:
        status: What the log says.
    """

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)
