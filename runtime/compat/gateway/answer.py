"""What an application answers, piece by piece, as a Response."""

import asyncio
from collections.abc import Sequence

from ....actors.http import Response
from ....actors.pipe import Pipe
from .errors import ClientDisconnected, ProtocolMisused

_WITHOUT_BODY = frozenset({204, 205, 304})


class Answer:
    """One answer, while it is made.

    A body that is there with its head becomes a Response of bytes, which is written in one go;
    every other one streams, held up by who reads it.

    Attributes:
        response: The Response, as soon as it can leave.
        ended: Done when nothing more is to be sent: all is, or the client has gone.
        is_complete: The application has said everything.
    """

    def __init__(self, interface: str, loop: asyncio.AbstractEventLoop) -> None:
        self._interface = interface
        self._loop = loop
        self.response: asyncio.Future[Response] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.is_complete = False
        self._head: tuple[int, str, Sequence[tuple[str, str]]] | None = None
        self._pipe: Pipe | None = None
        self._is_gone = False

    @property
    def is_started(self) -> bool:
        """The status is known."""
        return self._head is not None

    def start(self, status: int, headers: Sequence[tuple[str, str]], status_text: str = "") -> None:
        """Say the head; it leaves with the first piece of the body, or soon without one."""
        if self._head is not None:
            raise ProtocolMisused(self._interface, "has begun its answer twice")
        if not 200 <= status <= 599:
            raise ProtocolMisused(self._interface, f"answers with the status {status}")
        self._head = (int(status), status_text, headers)
        # Whoever sends what is there at once does it within this turn.
        self._loop.call_soon(self._leave_without_body)

    def _leave_without_body(self) -> None:
        if not self.response.done():
            try:
                self._stream()
            except Exception as error:
                self.fail(error)

    async def write(self, chunk: bytes, *, more: bool) -> None:
        """Send a piece of the body, and wait until more would not pile up.

        Raises:
            ClientDisconnected: Nobody reads it.
            ProtocolMisused: It comes too early or too late.
        """
        if self._head is None:
            raise ProtocolMisused(self._interface, "sends a body before it has begun its answer")
        if self.is_complete:
            raise ProtocolMisused(self._interface, "sends more after the end of its answer")
        if self._is_gone:
            raise ClientDisconnected
        if not more:
            self.is_complete = True
            if not self.response.done():
                self._respond(chunk)
                self._end()
                return
        pipe = self._pipe or self._stream()
        if chunk and self._head[0] not in _WITHOUT_BODY:
            pipe.push(chunk)
        if not more:
            pipe.end()
            self._end()
            return
        await pipe.wait_for_room()
        if self._is_gone:
            raise ClientDisconnected

    def fail(self, error: BaseException) -> None:
        """The application has ended like this."""
        if not self.response.done():
            self.response.set_exception(error)
        elif self._pipe is not None:
            self._pipe.end(error)
        self._end()

    def _respond(self, body: bytes | Pipe) -> None:
        assert self._head is not None, "it was looked at"
        status, status_text, headers = self._head
        content = None if status in _WITHOUT_BODY else body
        self.response.set_result(
            Response(content, status, status_text=status_text, headers=list(headers))
        )

    def _stream(self) -> Pipe:
        pipe = self._pipe = Pipe(self._loop)
        pipe.on_cancel = self._reader_gone
        self._respond(pipe)
        return pipe

    def _reader_gone(self) -> None:
        self._is_gone = True
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
