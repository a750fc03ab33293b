"""A worker's connection to the keeper of one sandbox.

*Promise*: opening starts the sandbox if it does not run, and finds it if it does. Whatever is
awaited here has an end: the answer, ``SandboxRefused`` with the code that programs look at, or
``SandboxLost``. What is not read is not held: whoever does not read a stream stops that stream.
*Assumes*: used on one event loop's thread.
"""

import asyncio
import contextlib
import os
import select
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from ...storage.errors import PerdureError
from .addresses import socket_address
from .channel import Channel
from .streams import AskSide, Json, Question, Refused, error_of
from .wire import DATA, STDERR, STDOUT, Garbled, cost

LAUNCHER_SOCKET_NAME: Final = "launcher.sock"
KEEPER_SOCKET_NAME: Final = "keeper.sock"
OPEN_WITHIN_S: Final = 15.0
_RETRY_S = 0.01
# Of what a list sends, all in all.
LINES_BYTES_MAX: Final = 64 * 1024 * 1024

_NAMES = {DATA: "data", STDOUT: "stdout", STDERR: "stderr"}


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


class LoopPoller:
    """asyncio's loop as a ``Poller``: an epoll in between, as a peer's death makes uvloop stumble."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epolls: dict[int, select.epoll] = {}

    def watch(
        self,
        descriptor: int,
        reads: Callable[[], None] | None = None,
        writes: Callable[[], None] | None = None,
    ) -> None:
        """Say who is called when a descriptor can be read and written."""
        events = (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if writes else 0)
        epoll = self._epolls.get(descriptor)
        if epoll is None:
            epoll = self._epolls[descriptor] = select.epoll()
            epoll.register(descriptor, events)
        else:
            epoll.modify(descriptor, events)
        self._loop.add_reader(epoll.fileno(), self._polled, epoll, reads, writes)

    def unwatch(self, descriptor: int) -> None:
        """Call nobody any more."""
        epoll = self._epolls.pop(descriptor, None)
        if epoll is not None:
            self._loop.remove_reader(epoll.fileno())
            epoll.close()

    def _polled(
        self,
        epoll: select.epoll,
        reads: Callable[[], None] | None,
        writes: Callable[[], None] | None,
    ) -> None:
        bits = epoll.poll(0)
        events = bits[0][1] if bits else 0
        if writes is not None and events & (select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR):
            writes()
        if reads is not None and events & ~select.EPOLLOUT and not epoll.closed:
            reads()


class SandboxStream:
    """One request and what belongs to it: output to be read, input to be written, its answer.

    Iterating gives ``Output`` and, for what is told in between, tables. Used as a context, it is
    cancelled when the context is left before the answer.
    """

    def __init__(self, asking: "_Asking", request: Json) -> None:
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
        """Return the descriptor that came with the answer, which is the caller's."""
        await self.answer()
        number = self._answer.result()[1]
        if number < 0:
            raise SandboxLost("the keeper sent no socket")
        return number

    async def _iterate(self) -> AsyncIterator[Output | Json]:
        while True:
            for item in self._taken():
                yield item
            if self._answer.done() and not self._items:
                self._result()
                return
            await self._wait()

    def _taken(self) -> Any:
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


class _Asking:
    """A channel on asyncio's loop, and who asks through it."""

    def __init__(self, connection: socket.socket, on_notice: Callable[[Json], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.why = "The connection to the sandbox has ended"
        self.is_lost = asyncio.Event()
        self.channel = Channel(
            connection,
            LoopPoller(self.loop),
            on_frame=lambda *frame: self.side.frame(*frame),
            on_lost=self._lost,
            descriptors_max=1,
        )
        self.side = AskSide(self.channel, on_notice)

    def close(self) -> None:
        """End it; whoever waits is told."""
        self.channel.close()
        self._lost(None)

    def _lost(self, why: str | None) -> None:
        if why is not None:
            self.why = f"The connection to the sandbox has ended: {why}"
        self.is_lost.set()
        self.side.lost({"lost": self.why})


class SandboxConnection:
    """One worker's connection to one sandbox.

    Attributes:
        boot: Differs from that of another connection if the sandbox was started anew meanwhile.
        is_walled: Whether there is a wall.
        ending: Why the keeper ends, if it does.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.boot = ""
        self.is_walled = True
        self.ending: Refused | None = None
        self.notices: deque[Json] = deque(maxlen=16)
        self._greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking = _Asking(connection, self._noticed)

    @classmethod
    async def open(
        cls, folder: Path, sandbox_id: str, settings: Mapping[str, Any]
    ) -> "SandboxConnection":
        """Connect to a sandbox, which is started if it does not run.

        Args:
            folder: Of all sandboxes: ``<data directory>/sandboxes``.
            sandbox_id: 64 hex digits.
            settings: What one that has to be started gets: isolation, network, limits, ...

        Raises:
            SandboxRefused: It cannot be started; the message says why, and what to do.
            SandboxLost: It could not be reached.
        """
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                while True:
                    found = await cls._try(folder / sandbox_id)
                    if found is not None:
                        return found
                    await _launch(folder, {"id": sandbox_id, "settings": dict(settings)})
                    found = await cls._try(folder / sandbox_id)
                    if found is not None:
                        return found
                    await asyncio.sleep(_RETRY_S)  # one ends that has not let go yet
        except TimeoutError:
            raise SandboxLost(f"The sandbox did not start within {OPEN_WITHIN_S:g} s") from None

    @classmethod
    async def _try(cls, folder: Path) -> "SandboxConnection | None":
        connection = await _connect(folder, KEEPER_SOCKET_NAME)
        if connection is None:
            return None
        found = cls(connection)
        lost = asyncio.ensure_future(found.is_lost())
        try:
            await asyncio.wait({lost, found._greeted}, return_when=asyncio.FIRST_COMPLETED)
            if found._greeted.done():
                found._greeted.result()
                return found
        except BaseException:
            found.close()
            raise
        finally:
            lost.cancel()
        found.close()
        return None

    async def is_lost(self) -> str:
        """Wait until the connection has ended, and return why."""
        await self._asking.is_lost.wait()
        return self.ending.message if self.ending is not None else self._asking.why

    @property
    def is_open(self) -> bool:
        """Whether something can be asked."""
        return self._asking.channel.is_open and self.ending is None

    async def ask(self, op: str, **fields: Any) -> Json:
        """Ask, and return the answer.

        Raises:
            SandboxRefused: It cannot be done.
            SandboxLost: The connection has ended.
        """
        async with self.stream(op, **fields) as stream:
            stream.end()
            return await stream.answer()

    def stream(self, op: str, **fields: Any) -> SandboxStream:
        """Ask for something that has output or input.

        Raises:
            SandboxRefused: The request is too large.
            SandboxLost: The connection has ended.
        """
        if not self._asking.channel.is_open:
            raise SandboxLost(self._asking.why)
        return SandboxStream(self._asking, {**fields, "op": op})

    async def lines(self, op: str, **fields: Any) -> list[bytes]:
        """Ask for something that is sent as lines, such as ``list``.

        Raises:
            SandboxRefused: It cannot be done, or it is too much.
            SandboxLost: The connection has ended.
        """
        whole = bytearray()
        async with self.stream(op, **fields) as stream:
            async for item in stream:
                if isinstance(item, Output):
                    whole += item.data
                if len(whole) > LINES_BYTES_MAX:
                    raise SandboxRefused(Refused("TOO_MANY_FILES", "It is too much to be listed"))
        return whole.splitlines()

    async def socket(self, port: int) -> socket.socket:
        """Return a socket that is connected to a port inside; it does not block.

        Raises:
            SandboxRefused: Nothing listens there.
            SandboxLost: The connection has ended.
        """
        async with self.stream("port", port=port) as stream:
            descriptor = await stream.descriptor()
            connection = socket.socket(fileno=os.dup(descriptor))
        connection.setblocking(False)  # noqa: FBT003  # the method's only argument
        return connection

    def close(self) -> None:
        """End the connection: what was asked is cancelled, what was started goes on."""
        self._asking.close()

    def _noticed(self, notice: Json) -> None:
        if "ending" in notice:
            with contextlib.suppress(Garbled):
                self.ending = error_of({"error": notice["ending"]})
            self._asking.why = self.ending.message if self.ending else self._asking.why
            return
        if self._greeted.done():
            self.notices.append(notice)
            return
        refused = error_of(notice)
        if refused is not None:
            self._greeted.set_exception(SandboxRefused(refused))
            return
        self.boot = str(notice.get("boot"))
        self.is_walled = bool(notice.get("is_walled"))
        self._greeted.set_result(None)


async def _connect(folder: Path, name: str) -> socket.socket | None:
    """Return a connection to a socket in a folder, if somebody listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)  # noqa: FBT003  # the method's only argument
    try:
        with socket_address(folder, name) as address:
            while True:
                try:
                    connection.connect(address)
                except BlockingIOError:  # many connect at once
                    await asyncio.sleep(_RETRY_S)
                else:
                    return connection
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise


async def _launch(folder: Path, request: Json) -> None:
    """Have the launcher see to it that there is a keeper."""
    connection = await _connect(folder, LAUNCHER_SOCKET_NAME)
    if connection is None:
        raise SandboxLost(f"Nobody starts sandboxes in {folder}: the server's launcher is gone")
    asking = _Asking(connection, lambda _: None)
    try:
        stream = SandboxStream(asking, {**request, "op": "open"})
        await stream.answer()
    finally:
        asking.close()


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
