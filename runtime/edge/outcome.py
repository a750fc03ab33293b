"""What the Worker answers to one request, for who waits for it."""

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
