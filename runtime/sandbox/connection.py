"""A worker's connection to the keeper of one sandbox.

*Promise*: opening starts the sandbox if it does not run, and finds it if it does. Whatever is
awaited here has an end: the answer, ``SandboxRefused`` with the code that programs look at, or
``SandboxLost``. What is not read is not held: whoever does not read a stream stops that stream.
*Assumes*: used on one event loop's thread.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..host.socket_address import socket_address
from .addresses import KEEPER_SOCKET_NAME, LAUNCHER_SOCKET_NAME
from .asking import Asking, Output, SandboxLost, SandboxRefused, SandboxStream
from .streams import Json, Refused, error_of, nothing
from .wire import Garbled

OPEN_WITHIN_S: Final = 15.0
_RETRY_S = 0.01
# Of what a list sends, all in all.
LINES_BYTES_MAX: Final = 64 * 1024 * 1024


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
        self._met = asyncio.Event()  # greeted, refused, or lost
        self._is_greeted = False
        self._failure: SandboxRefused | None = None
        self._asking = Asking(connection, self._noticed, self._met.set)

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
    async def find(cls, folder: Path, sandbox_id: str) -> "SandboxConnection | None":
        """Connect to a sandbox that runs; None if it does not.

        Raises:
            SandboxRefused: It could not be started, a moment ago; the message says why.
        """
        return await cls._try(folder / sandbox_id)

    @classmethod
    async def _try(cls, folder: Path) -> "SandboxConnection | None":
        connection = await _connect(folder, KEEPER_SOCKET_NAME)
        if connection is None:
            return None
        found = cls(connection)
        try:
            await found._met.wait()
        except BaseException:  # also greeted at the moment at which nobody waits any more
            found.close()
            raise
        if found._is_greeted:
            return found
        found.close()
        if found._failure is not None:
            raise found._failure
        return None

    async def is_lost(self) -> str:
        """Wait until the connection has ended, and return why."""
        await self._asking.is_lost.wait()
        return self.ending.message if self.ending is not None else self._asking.why

    @property
    def is_open(self) -> bool:
        """Whether something can be asked."""
        return self._asking.channel.is_open and self.ending is None

    @property
    def is_busy(self) -> bool:
        """Whether something that was asked has not been answered."""
        return bool(self._asking.side.questions)

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
        return bytes(whole).splitlines()

    async def socket(self, port: int) -> socket.socket:
        """Return a socket that is connected to a port inside; it does not block.

        Raises:
            SandboxRefused: Nothing listens there.
            SandboxLost: The connection has ended.
        """
        async with self.stream("port", port=port) as stream:
            connection = socket.socket(fileno=await stream.descriptor())
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
        if self._is_greeted:
            self.notices.append(notice)
            return
        refused = error_of(notice)
        if refused is None:
            self.boot = str(notice.get("boot"))
            self.is_walled = bool(notice.get("is_walled"))
            self._is_greeted = True
        else:
            self._failure = SandboxRefused(refused)
        self._met.set()


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
    asking = Asking(connection, nothing, nothing)
    try:
        stream = SandboxStream(asking, {**request, "op": "open"})
        await stream.answer()
    finally:
        asking.close()
