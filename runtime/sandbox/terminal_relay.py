"""A terminal over a WebSocket: what is typed goes in, what is shown comes out.

Binary messages are raw bytes, both ways. Text messages are JSON: ``{"type": "resize", "cols",
"rows"}``, ``{"type": "taken", "bytes"}`` and ``{"type": "end"}`` from the client;
``{"type": "ready"}`` (with ``"again": true`` if the shell was there before, and what it has shown
last follows), ``{"type": "exit", "code", "signal"}`` and ``{"type": "error", "message", "code"}``
from here.

*Promise*: neither side is sent more than it takes. A client that does not read stops the program
that writes, and a program that does not read stops the client. A page cannot stop reading its
socket, so it says what it has taken: from then on, no more than ``WAITING_BYTES_MAX`` and one
message of what it has not taken are on their way. (To be told when to pause would not do: what
fills the buffers of two kernels by then is megabytes.) Who hangs up ends the shell, unless it
stays; a shell that ends is told, behind all that it has written, and the connection is closed with
1000.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from ...actors.socket_events import SocketEvent
from ...actors.websocket import WebSocket
from .asking import Output
from .terminal_request import is_size

# So much may be on its way to a client before the program that writes it has to wait.
WAITING_BYTES_MAX: Final = 256 * 1024
_LOOK_AGAIN_S: Final = 0.01
# What a shell has to end in when nobody looks at it any more; afterwards it is told to.
HANG_UP_S: Final = 2.0

NORMAL: Final = 1000
FAILED: Final = 1011


class TerminalStream(Protocol):
    """A terminal inside, as ``SandboxStream`` leads to it."""

    def __aiter__(self) -> Any: ...
    async def write(self, data: bytes) -> None: ...
    def tell(self, event: dict[str, Any]) -> None: ...
    def end(self) -> None: ...
    async def answer(self) -> Mapping[str, Any]: ...


class TerminalRelay:
    """One client and one shell, until either has gone.

    Args:
        socket: The accepted end that leads to the client.
        stream: Leads to the terminal.
        stays: Whether the shell goes on when the client has gone.
        is_resumed: Whether the client has had a relay before this one, in another process.
    """

    def __init__(
        self,
        socket: WebSocket,
        stream: TerminalStream,
        *,
        stays: bool = False,
        is_resumed: bool = False,
    ) -> None:
        self._socket = socket
        self._stream = stream
        self._stays = stays
        self._is_resumed = is_resumed
        self._is_gone = asyncio.Event()
        self._is_over = False  # by the client's wish
        self._shown = 0
        self._taken: int | None = None  # until the client says what it has
        self._may_show = asyncio.Event()
        self._may_show.set()
        socket.add_event_listener("close", self._closed)

    async def run(self) -> None:
        """Pass on what comes from either side.

        Raises:
            SandboxRefused: There is no such terminal, or the sandbox has ended.
        """
        showing = asyncio.create_task(self._show())
        typing = asyncio.create_task(self._type())
        leaving = asyncio.create_task(self._is_gone.wait())
        tasks = (showing, typing, leaving)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if showing in done:
                ending = showing.result()
            else:
                showing.cancel()
                if not self._stays:
                    await self._hang_up()
                if typing in done:
                    typing.result()
                return
        finally:
            for task in tasks:
                task.cancel()
        self._farewell(ending)

    async def _show(self) -> Mapping[str, Any]:
        async for item in self._stream:
            if isinstance(item, Output):
                if self._socket.ready_state == WebSocket.OPEN:
                    self._socket.send(item.data)
                    self._shown += len(item.data)
                await self._until_taken()
            elif "pid" in item:
                again = {"again": True} if item.get("is_new") is False else {}
                tell(self._socket, {"type": "ready", **again})
        return await self._stream.answer()

    async def _until_taken(self) -> None:
        delay_s = 0.0  # what was sent leaves behind this turn, and is counted then
        while delay_s == 0 or self._socket.buffered_amount > WAITING_BYTES_MAX:
            await asyncio.sleep(delay_s)  # a socket does not tell when it is taken
            delay_s = _LOOK_AGAIN_S
        self._look()
        await self._may_show.wait()

    def _look(self) -> None:
        if self._taken is not None and self._shown - self._taken >= WAITING_BYTES_MAX:
            self._may_show.clear()
        else:
            self._may_show.set()

    async def _type(self) -> None:
        async for message in self._socket:
            if not isinstance(message, bytes):
                self._obey(message)
            elif not self._is_over:
                await self._stream.write(message)

    def _obey(self, text: str) -> None:
        try:
            control = json.loads(text)
        except ValueError:
            control = None
        kind = control.get("type") if type(control) is dict else None
        if kind == "resize":
            self._resize(control.get("cols"), control.get("rows"))
        elif kind == "taken":
            self._take(control.get("bytes"))
        elif kind == "end":
            self._is_over = True
            self._stream.end()
        else:
            complain(self._socket, "A text message is JSON of type resize, taken or end")

    def _resize(self, cols: object, rows: object) -> None:
        if is_size(cols) and is_size(rows):
            self._stream.tell({"cols": cols, "rows": rows})
        else:
            complain(self._socket, f"There is no terminal of {cols!r} columns and {rows!r} lines")

    def _take(self, more: object) -> None:
        taken = self._taken or 0
        if self._is_resumed and type(more) is int:  # some of it was sent by the one before
            more = min(more, self._shown - taken)
        if type(more) is int and 0 <= more <= self._shown - taken:
            self._taken = taken + more
            self._look()
        else:
            waiting = self._shown - taken
            complain(
                self._socket, f"{more!r} bytes cannot be taken: {waiting:,} were sent and not taken"
            )

    async def _hang_up(self) -> None:
        self._stream.end()
        try:
            async with asyncio.timeout(HANG_UP_S):
                await self._stream.answer()
        except TimeoutError:
            """It does not listen, or does not read: whoever made the stream cancels it."""

    def _farewell(self, ending: Mapping[str, Any]) -> None:
        code, signal = ending.get("exit_code"), ending.get("signal")
        tell(self._socket, {"type": "exit", "code": code, **({"signal": signal} if signal else {})})
        self._socket.close(NORMAL, f"the shell has ended with {signal or code}")

    def _closed(self, event: SocketEvent) -> None:
        del event
        self._is_gone.set()


def tell(socket: WebSocket, message: Mapping[str, Any]) -> None:
    """Say something to a client that is still there."""
    if socket.ready_state == WebSocket.OPEN:
        socket.send(json.dumps(message))


def complain(socket: WebSocket, message: str, code: str = "VALIDATION_FAILED") -> None:
    """Say what is wrong."""
    tell(socket, {"type": "error", "message": message, "code": code})
