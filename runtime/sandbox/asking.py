"""What a worker asks of a sandbox, on asyncio's loop: a request, and all that belongs to it."""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from ...storage.errors import PerdureError
from .channel import Channel
from .loop_poller import LoopPoller
from .streams import AskSide, Json, Question, Refused, error_of
from .wire import DATA, STDERR, STDOUT, Garbled, cost

# Where nobody can say more: the keeper was killed, for instance. The next call finds a new one.
_UNKNOWN: Final = "; whether what was asked has been done is not known"
_NAMES: Final = {DATA: "data", STDOUT: "stdout", STDERR: "stderr"}


class SandboxRefused(PerdureError):
    """The sandbox cannot do what was asked.

    Attributes:
        code: What programs look at, such as FILE_NOT_FOUND.
        context: What it is about.
    """

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.code = refused.code
        self.context = refused.context


class SandboxLost(SandboxRefused):
    """The connection to the sandbox ended before the answer: what was asked may have been done."""

    def __init__(self, why: str) -> None:
        super().__init__(Refused("CONTAINER_UNAVAILABLE", why))


@dataclass(frozen=True, slots=True)
class Output:
    """Raw bytes of a stream.

    Attributes:
        name: stdout, stderr, or data for what is neither.
        data: The bytes.
    """

    name: str
    data: bytes


class SandboxStream:
    """One request and what belongs to it: output to be read, input to be written, its answer.

    Iterating gives ``Output`` and, for what is told in between, tables. Used as a context, it is
    cancelled when the context is left before the answer.
    """

    def __init__(self, asking: "Asking", request: Json) -> None:
        self._loop = asking.loop
        self._items: deque[Output | Json] = deque()
        self._pulse: asyncio.Event = asyncio.Event()
        self._room: asyncio.Event = asyncio.Event()
        self._answer: asyncio.Future[tuple[Json, int]] = self._loop.create_future()
        try:
            self._question: Question = asking.side.ask(request, self._answered)
        except Garbled as error:
            raise SandboxRefused(Refused("VALIDATION_FAILED", error.why)) from None
        self._question.on_data = self._came
        self._question.on_event = self._told
        self._question.on_room = self._room.set

    async def __aenter__(self) -> "SandboxStream":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def __aiter__(self) -> AsyncIterator[Output | Json]:
        return self._iterate()

    async def write(self, data: bytes) -> None:
        """Send bytes to it, as fast as it takes them; what has ended takes no more.

        Raises:
            SandboxLost: The connection has ended.
        """
        view = memoryview(data)
        while view and self._question.is_open:
            size = self._question.room
            if size:
                self._question.send(bytes(view[:size]))
                view = view[size:]
                # Others have a turn, and the socket time to take it.
                await asyncio.sleep(0)
            else:
                self._room.clear()
                await self._room.wait()

    def end(self) -> None:
        """Say that no more is sent."""
        self._question.end()

    def tell(self, event: Json) -> None:
        """Say something in between, such as {"cols": 80, "rows": 24}."""
        self._question.tell(event)

    def cancel(self) -> None:
        """Say that it is not needed any more; a command that runs is ended."""
        if self._question.is_open:
            self._question.cancel()
        elif self._answer.done() and not self._answer.cancelled():
            _close(self._answer.result()[1])

    async def answer(self) -> Json:
        """Return how it ended. What has not been read by then is lost.

        Raises:
            SandboxRefused: It went wrong.
            SandboxLost: The connection has ended.
        """
        while not self._answer.done():
            for item in self._taken():
                del item
            await self._wait()
        return self._result()

    async def descriptor(self) -> int:
        """Return a copy of the descriptor that came with the answer, which is the caller's.

        Raises:
            SandboxRefused: It went wrong.
            SandboxLost: The connection has ended.
        """
        await self.answer()
        number = self._answer.result()[1]
        if number < 0:
            raise SandboxLost("the keeper sent no socket")
        return os.dup(number)

    async def _iterate(self) -> AsyncIterator[Output | Json]:
        while True:
            for item in self._taken():
                yield item
            if self._answer.done() and not self._items:
                self._result()
                return
            await self._wait()

    def _taken(self) -> Iterator[Output | Json]:
        while self._items:
            item = self._items.popleft()
            if isinstance(item, Output):
                self._question.consumed(cost(len(item.data)))
            yield item

    async def _wait(self) -> None:
        if not self._items and not self._answer.done():
            self._pulse.clear()
            await self._pulse.wait()

    def _result(self) -> Json:
        answer, _ = self._answer.result()
        if answer.get("lost"):
            raise SandboxLost(str(answer["lost"]))
        try:
            refused = error_of(answer)
        except Garbled as error:
            raise SandboxLost(error.why) from None
        if refused is not None:
            raise SandboxRefused(refused)
        return answer

    def _came(self, kind: int, data: bytes) -> None:
        self._items.append(Output(_NAMES[kind], data))
        self._pulse.set()

    def _told(self, event: Json) -> None:
        self._items.append(event)
        self._pulse.set()

    def _answered(self, answer: Json, descriptor: int) -> None:
        if self._answer.cancelled():
            _close(descriptor)
            return
        self._answer.set_result((answer, descriptor))
        self._pulse.set()
        self._room.set()


class Asking:
    """A channel on asyncio's loop, and who asks through it."""

    def __init__(
        self,
        connection: socket.socket,
        on_notice: Callable[[Json], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.why = f"The connection to the sandbox has ended{_UNKNOWN}"
        self.is_lost = asyncio.Event()
        self._on_lost = on_lost
        self.channel = Channel(
            connection,
            LoopPoller(self.loop),
            on_frame=self._frame,
            on_lost=self._lost,
            descriptors_max=1,
        )
        self.side = AskSide(self.channel, on_notice)

    def close(self) -> None:
        """End it; whoever waits is told."""
        self.channel.close()
        self._lost(None)

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        self.side.frame(kind, number, payload)

    def _lost(self, why: str | None) -> None:
        if why is not None:
            self.why = f"The connection to the sandbox has ended: {why}{_UNKNOWN}"
        self.is_lost.set()
        self._on_lost()
        self.side.lost({"lost": self.why})


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
