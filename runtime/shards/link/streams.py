"""Bodies across a link: chunks one way, credit the other.

The sender of a body gives it a number of its own count, which it says in the frame that announces
the body; CHUNK, END and BROKEN from it, CREDIT and CANCEL to it name that number. The reader may
leave ``WINDOW_SIZE_BYTES`` unread; each byte it reads is given back as credit, in lumps. So a slow
reader holds up the source of its body, and nobody else on the link. A first CREDIT, of nothing,
says that somebody reads at all: what a client sends is not read before, as within one process (a
client may wait to be asked for it); what a ``Pipe`` holds has been read already, and is sent at
once.

*Promise*: a body that was cut off never looks complete: its reader gets what broke it, be it the
source's own error (as ``rpc.decode_error`` rebuilds it), or ``BodyLost`` when the link ends. A
source that nobody reads any more is cancelled, whichever side knows it first.

*Assumes*: a source holds to the contract of ``actors.body.StreamSource``.

*Rules for editing*: every pump's task is in ``_tasks`` until it is done; ``close`` awaits those.
"""

import asyncio
import contextvars
from collections.abc import Callable

from ....actors.body import IteratorSource, StreamSource
from ....actors.pipe import Pipe
from ....actors.rpc import decode_error, encode_error
from .errors import BodyLost, LinkBroken, LinkEnded
from .framing import Frame
from .kinds import BROKEN, CANCEL, CHUNK, CREDIT, END
from .link import Link

WINDOW_SIZE_BYTES = 256 * 1024
CHUNK_SIZE_BYTES_MAX = 64 * 1024
# Credit is given back in lumps: a frame for each small chunk would cost more than the chunk. Less
# than a lump is owed at any time, so that there is always credit for a chunk in the end.
_LUMP_SIZE_BYTES = WINDOW_SIZE_BYTES // 4


class Streams:
    """All bodies that cross one link, in both directions."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._incoming: dict[int, IncomingBody] = {}
        self._outgoing: dict[int, _Pump] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # also of pumps that were stopped
        self._sent_count = 0
        self._announced = 0  # the highest number of a stream of the other end's
        link.handle(CHUNK, self._on_chunk)
        link.handle(END, self._on_end)
        link.handle(BROKEN, self._on_broken)
        link.handle(CREDIT, self._on_credit)
        link.handle(CANCEL, self._on_cancel)
        link.when_paused(self._on_pause)
        link.when_ended(self._on_link_end)

    def __len__(self) -> int:
        """How many bodies are under way."""
        return len(self._incoming) + len(self._outgoing)

    # What the frames that announce bodies need.

    def send(self, source: StreamSource) -> int:
        """Send what ``source`` gives, from the next turn of the loop on; return the number."""
        self._sent_count += 1
        number = self._sent_count
        pump = _Pump(self, self._link, self._loop, number, source)
        self._outgoing[number] = pump
        self._tasks.add(pump.task)
        pump.task.add_done_callback(self._tasks.discard)
        return number

    def receive(self, number: int) -> "IncomingBody":
        """The body that the other end has announced by this number.

        Raises:
            LinkBroken: It was announced before.
        """
        if number <= self._announced:
            raise LinkBroken(f"stream {number} is announced after stream {self._announced}")
        self._announced = number
        body = IncomingBody(self, self._link, self._loop, number)
        self._incoming[number] = body
        return body

    def stop(self, number: int, reason: Exception) -> None:
        """Send no more of a body of ours; its reader gets ``reason``. Harmless after its end."""
        pump = self._outgoing.get(number)
        if pump is not None:
            self._link.send([BROKEN, number, encode_error(reason)])
            pump.stop(reason)

    async def close(self) -> None:
        """Cancel what is still being sent, and return when nothing of it runs any more."""
        for number in list(self._outgoing):
            self.stop(number, BodyLost("the link is being closed"))
        if self._tasks:
            await asyncio.wait(self._tasks)

    # For the two classes below.

    def forget_incoming(self, number: int) -> None:
        self._incoming.pop(number, None)

    def forget_outgoing(self, number: int) -> None:
        self._outgoing.pop(number, None)

    # What the link tells.

    def _on_chunk(self, frame: Frame) -> None:
        _, number, data = frame
        if not 0 < len(data) <= CHUNK_SIZE_BYTES_MAX:
            raise LinkBroken(f"a chunk of {len(data):,} bytes")
        body = self._find_incoming(number)
        if body is not None:
            body.take(data)

    def _on_end(self, frame: Frame) -> None:
        body = self._find_incoming(frame[1])
        if body is not None:
            body.end()

    def _on_broken(self, frame: Frame) -> None:
        body = self._find_incoming(frame[1])
        if body is not None:
            body.end(rebuilt(frame[2]))

    def _find_incoming(self, number: int) -> "IncomingBody | None":
        """The body of this number; None when its reader wants no more."""
        if number > self._announced:
            raise LinkBroken(f"a piece of stream {number}, which was not announced")
        return self._incoming.get(number)

    def _on_credit(self, frame: Frame) -> None:
        pump = self._find_outgoing(frame[1])
        if pump is not None:
            pump.give(frame[2])

    def _on_cancel(self, frame: Frame) -> None:
        _, number, failure = frame
        pump = self._find_outgoing(number)
        if pump is not None:
            pump.stop(None if failure is None else rebuilt(failure))

    def _find_outgoing(self, number: int) -> "_Pump | None":
        if number > self._sent_count:
            raise LinkBroken(f"an answer to stream {number}, which there never was")
        return self._outgoing.get(number)

    def _on_pause(self, is_paused: bool) -> None:  # noqa: FBT001  # what when_paused calls
        if not is_paused:
            for pump in list(self._outgoing.values()):
                pump.wake()

    def _on_link_end(self, end: LinkEnded) -> None:
        for body in list(self._incoming.values()):
            body.end(BodyLost(end.reason))
        for pump in list(self._outgoing.values()):
            pump.stop(BodyLost(end.reason))


class IncomingBody(Pipe):
    """The reader's side of a body: a ``StreamSource`` that gives credit for what is read.

    A ``Pipe``, so that whoever waits for the end of a streaming answer
    (``response_stream.after_answer``) can.

    Attributes:
        on_over: Called once when nothing follows any more, for the runtime; ``on_end`` is for
            whoever has the body.
    """

    __slots__ = (
        "_is_wanted",
        "_link",
        "_number",
        "_owed_size_bytes",
        "_streams",
        "_unread_size_bytes",
        "on_over",
    )

    def __init__(
        self, streams: Streams, link: Link, loop: asyncio.AbstractEventLoop, number: int
    ) -> None:
        super().__init__(loop)
        self._streams = streams
        self._link = link
        self._number = number
        self._owed_size_bytes = 0
        self._unread_size_bytes = 0  # with what was read and not given back
        self._is_wanted = False
        self.on_over: Callable[[], None] | None = None

    def take(self, data: bytes) -> None:
        """A chunk has come."""
        self._unread_size_bytes += len(data)
        if self._unread_size_bytes > WINDOW_SIZE_BYTES:
            raise LinkBroken(f"more than {WINDOW_SIZE_BYTES:,} bytes unread of a stream")
        self.push(data)

    def end(self, error: BaseException | None = None) -> None:
        self._streams.forget_incoming(self._number)
        super().end(error)
        on_over, self.on_over = self.on_over, None
        if on_over is not None:
            on_over()

    async def read_chunk(self) -> bytes:
        if not self._is_wanted:
            self._is_wanted = True
            if self._unread_size_bytes == 0 and not self._is_ended:
                self._link.send([CREDIT, self._number, 0])
        chunk = await super().read_chunk()
        self._owed_size_bytes += len(chunk)
        if self._owed_size_bytes >= _LUMP_SIZE_BYTES and not self._is_ended:
            owed, self._owed_size_bytes = self._owed_size_bytes, 0
            self._unread_size_bytes -= owed
            self._link.send([CREDIT, self._number, owed])
        return chunk

    def cancel(self, reason: BaseException | None = None) -> None:
        if not self._is_ended:
            failure = None if reason is None else encode_error(reason)
            self._link.send([CANCEL, self._number, failure])
        super().cancel(reason)


class _Pump:
    """The sender's side of a body: a task that reads the source as far as the credit goes."""

    __slots__ = (
        "_credit_size_bytes",
        "_is_stopped",
        "_is_wanted",
        "_link",
        "_number",
        "_reason",
        "_source",
        "_streams",
        "_waiting",
        "task",
    )

    def __init__(
        self,
        streams: Streams,
        link: Link,
        loop: asyncio.AbstractEventLoop,
        number: int,
        source: StreamSource,
    ) -> None:
        self._streams = streams
        self._link = link
        self._number = number
        self._source = source
        self._credit_size_bytes = WINDOW_SIZE_BYTES
        self._waiting: asyncio.Future[None] | None = None
        self._is_wanted = isinstance(source, Pipe)
        self._is_stopped = False
        self._reason: BaseException | None = None
        # Not in the context of whoever happens to send: that may be an actor's turn.
        context = contextvars.Context()
        self.task = asyncio.Task(self._run(), loop=loop, context=context)
        self.task.add_done_callback(self._on_done)

    def give(self, size_bytes: int) -> None:
        """The reader has read so much, or wants to begin."""
        self._is_wanted = True
        self._credit_size_bytes += size_bytes
        if self._credit_size_bytes > WINDOW_SIZE_BYTES:
            raise LinkBroken("credit for more than was sent")
        self.wake()

    def wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def stop(self, reason: BaseException | None) -> None:
        """Nobody reads on: let go of the source, once nobody is reading it here."""
        self._is_stopped = True
        self._reason = reason
        self._streams.forget_outgoing(self._number)
        self.task.cancel()

    async def _run(self) -> None:
        source = self._source
        try:
            while not self._is_wanted:
                await self._wait()
            while (chunk := await source.read_chunk()) and not self._is_stopped:
                await self._send(chunk)
        except asyncio.CancelledError:
            if isinstance(source, IteratorSource):
                await source.close()
            raise
        except Exception as error:  # whatever the source of a body raises is the reader's
            if not self._is_stopped:
                self._link.send([BROKEN, self._number, encode_error(error)])
        else:
            if not self._is_stopped:
                self._link.send([END, self._number])

    async def _send(self, chunk: bytes) -> None:
        start = 0
        while start < len(chunk):
            # A chunk is not cut for want of credit: the reader gets it as it was given.
            size = min(len(chunk) - start, CHUNK_SIZE_BYTES_MAX)
            while self._credit_size_bytes < size or self._link.is_writing_paused:
                await self._wait()
            self._credit_size_bytes -= size
            piece = chunk if size == len(chunk) else chunk[start : start + size]
            self._link.send([CHUNK, self._number, piece])
            start += size

    async def _wait(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def _on_done(self, task: "asyncio.Task[None]") -> None:
        self._streams.forget_outgoing(self._number)
        if self._is_stopped:
            self._source.cancel(self._reason)
        if not task.cancelled():
            task.result()  # a bug of ours goes to the loop's exception handler


def rebuilt(failure: bytes) -> Exception:
    """The error that travelled as ``failure``, of a body that broke.

    Raises:
        LinkBroken: It is none.
    """
    try:
        return decode_error(failure, is_ours=True)
    except Exception as error:
        raise LinkBroken(f"a failure that is none: {type(error).__name__}") from None
