"""The Python stack of another process that hangs: asked for by a signal, read from a pipe.

*Promise*: the stack is that of the moment, whatever the process does in Python or C, as long as
the kernel lets it run. A process is never held up by it: what it writes is read all the time.
*Assumes*: the signal is ours. It is a real-time signal, which programs hardly use; a process that
has not called ``register_stack_dump`` would be ended by it.
faulthandler writes in many pieces and says nowhere that it is done. So the signal is sent twice,
which real-time signals allow: the second dump begins when the first is whole.
*Considered and refused*: ``dump_traceback_later`` (the child would have to push it back all the
time); a Python signal handler (runs between bytecodes only, so not while C code blocks).
"""

import asyncio
import faulthandler
import os
import re
import signal
from collections.abc import Callable

STACK_SIGNAL = signal.SIGRTMIN + 7
TEXT_SIZE_BYTES_MAX = 32 * 1024
_READ_SIZE_BYTES = 64 * 1024
_THREAD = re.compile(rb"^(?:Current thread|Thread) (0x[0-9a-f]+)", re.MULTILINE)


def register_stack_dump(descriptor: int) -> None:
    """Let this process write the stacks of its threads to ``descriptor`` when it is asked."""
    faulthandler.register(STACK_SIGNAL, file=descriptor, all_threads=True, chain=False)


class StackReader:
    """The supervisor's end.

    Attributes:
        writer: What the child inherits; ``launched`` closes it here.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC)
        # Only this end: the child may wait until there is room, which there soon is.
        os.set_blocking(self._reader, False)  # the function's second argument
        self._text = bytearray()
        self._whole: asyncio.Future[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        loop.add_reader(self._reader, self._readable)

    def launched(self) -> None:
        """The child has its end: let go of it here."""
        os.close(self.writer)
        self.writer = -1

    async def read(self, send_signal: Callable[[int], None], timeout_s: float) -> str:
        """Ask for the stacks; return them, the main thread's first.

        Args:
            send_signal: Sends a signal to the child.
            timeout_s: What is not there by then is left out; it may be nothing at all.
        """
        async with self._one_at_a_time:
            self._text.clear()
            self._whole = self._loop.create_future()
            try:
                for _ in range(2):
                    send_signal(STACK_SIGNAL)
                await asyncio.wait({self._whole}, timeout=timeout_s)
            finally:
                self._whole = None
        return for_people(bytes(self._text))

    def close(self) -> None:
        """Stop reading. Closing twice does nothing."""
        if self._reader >= 0:
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1
        if self.writer >= 0:
            self.launched()
        self._done()

    def _readable(self) -> None:
        try:
            data = os.read(self._reader, _READ_SIZE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.close()
        elif self._whole is not None and len(self._text) < TEXT_SIZE_BYTES_MAX:
            self._text += data
            if first_dump(bytes(self._text)) is not None:
                self._done()

    def _done(self) -> None:
        if self._whole is not None and not self._whole.done():
            self._whole.set_result(None)


def first_dump(text: bytes) -> bytes | None:
    """Return the first of two dumps; None as long as the second has not begun."""
    threads = list(_THREAD.finditer(text))
    for later in threads[1:]:
        if later[1] == threads[0][1]:
            return text[: later.start()]
    return None


def for_people(text: bytes) -> str:
    """Return one dump with the thread that was interrupted, as a rule the main one, first."""
    whole = first_dump(text) or text
    parts = whole.decode(errors="replace").strip().split("\n\n")
    parts.sort(key=lambda part: not part.startswith("Current thread"))
    return "\n\n".join(parts)[:TEXT_SIZE_BYTES_MAX].rstrip()
