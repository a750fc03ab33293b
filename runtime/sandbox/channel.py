"""A socket between two processes: frames, and descriptors that travel with them.

*Promise*: frames arrive in order. A descriptor that was sent with a frame is there when the frame
is (the kernel hands it over with the first byte). Garbage, and descriptors that nobody asked for,
end the channel, and whoever has it is told why; what arrived and was not taken is closed.
*Rules for editing*: callbacks may close the channel; look at ``is_open`` after each. The agent
runs this file, too: nothing but the standard library.
"""

import array
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from .wire import FrameReader, Garbled, frame

READ_BYTES: Final = 256 * 1024
_BUFFERS_MAX = 64  # that are sent with one call
_INT_BYTES = array.array("i").itemsize

Callback = Callable[[], object]
OnFrame = Callable[[int, int, bytes], None]
# Why the channel is no more; None when the other side closed it in good order.
OnLost = Callable[[str | None], None]


class Poller(Protocol):
    """Who waits for descriptors: a ``Reactor``, or asyncio's loop behind a few lines."""

    def watch(
        self, descriptor: int, reads: Callback | None = None, writes: Callback | None = None
    ) -> None:
        """Say who is called when a descriptor can be read and written."""
        ...

    def unwatch(self, descriptor: int) -> None:
        """Call nobody any more."""
        ...


class Channel:
    """One end.

    Args:
        connection: The socket; this closes it.
        poller: Who waits for it.
        on_frame: Told of each frame; what it raises as ``Garbled`` ends the channel.
        on_lost: Told once, unless ``close`` was called before.
        descriptors_max: So many may arrive without having been taken.
        unsent_bytes_max: While more than that waits to be sent, nothing is read: who does not
            read answers cannot ask more. Only one side of a channel may do that.
    """

    def __init__(
        self,
        connection: socket.socket,
        poller: Poller,
        *,
        on_frame: OnFrame,
        on_lost: OnLost,
        descriptors_max: int = 0,
        unsent_bytes_max: int | None = None,
    ) -> None:
        connection.setblocking(False)  # noqa: FBT003  # the method's only argument
        self.is_open = True
        self.unsent_bytes = 0
        self._socket = connection
        self._poller = poller
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._reader = FrameReader()
        self._descriptors: deque[int] = deque()
        self._descriptors_max = descriptors_max
        self._unsent: deque[tuple[memoryview, int]] = deque()  # and a descriptor, or -1
        self._unsent_bytes_max = unsent_bytes_max
        self._is_full = False
        self._watch()

    def send(self, kind: int, stream: int, payload: bytes = b"", descriptor: int = -1) -> None:
        """Send a frame; on a channel that is lost nothing happens.

        Args:
            kind: One of wire.py.
            stream: Whose.
            payload: Its bytes.
            descriptor: Travels with it, and is closed here when it has left, or cannot.
        """
        if not self.is_open:
            if descriptor >= 0:
                os.close(descriptor)
            return
        data = frame(kind, stream, payload)
        self._unsent.append((memoryview(data), descriptor))
        self.unsent_bytes += len(data)
        if len(self._unsent) == 1:
            self._flush()
        elif not self._is_full and self._has_too_much:
            self._watch()

    def take_descriptor(self) -> int:
        """Return the descriptor that came with the frame that is told of, which is the caller's.

        Raises:
            Garbled: None came.
        """
        if not self._descriptors:
            raise Garbled("it speaks of a descriptor, and sent none")
        return self._descriptors.popleft()

    def finish(self, timeout_s: float) -> None:
        """Send what is waiting, the other side willing, and close."""
        if self.is_open:
            self._socket.settimeout(timeout_s)
            with contextlib.suppress(OSError):
                for data, _ in self._unsent:
                    self._socket.sendall(data)
        self.close()

    def close(self) -> None:
        """End it without a word to ``on_lost``. Closing twice does nothing."""
        if not self.is_open:
            return
        self.is_open = False
        self._poller.unwatch(self._socket.fileno())
        self._socket.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        for _, descriptor in self._unsent:
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptors.clear()
        self._unsent.clear()

    def lose(self, why: str | None) -> None:
        """End it, and say why."""
        if self.is_open:
            self.close()
            self._on_lost(why)

    @property
    def _has_too_much(self) -> bool:
        limit = self._unsent_bytes_max
        return limit is not None and self.unsent_bytes > limit

    def _watch(self) -> None:
        self._is_full = self._has_too_much
        reads = None if self._is_full else self._read
        self._poller.watch(self._socket.fileno(), reads, self._flush if self._unsent else None)

    def _read(self) -> None:
        try:
            data, ancillary, flags, _ = self._socket.recvmsg(
                READ_BYTES, socket.CMSG_SPACE(8 * _INT_BYTES), socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.lose(None if isinstance(error, ConnectionResetError) else str(error))
            return
        try:
            self._keep(ancillary, flags)
            if not data:
                self.lose("it ended within a frame" if self._reader.kept_bytes else None)
                return
            for kind, stream, payload in self._reader.feed(data):
                self._on_frame(kind, stream, payload)
                if not self.is_open:
                    return
            if len(self._descriptors) > self._descriptors_max:
                self.lose("descriptors came that nobody asked for")
        except Garbled as error:
            self.lose(error.why)

    def _keep(self, ancillary: list[tuple[int, int, bytes]], flags: int) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(data[: len(data) - len(data) % _INT_BYTES])
                self._descriptors.extend(numbers)
        if flags & socket.MSG_CTRUNC:
            raise Garbled("more descriptors came than are read at once")

    def _flush(self) -> None:
        try:
            while self._unsent:
                self._send_some()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            # Not from within ``send``: whoever sends is in the middle of something.
            gone = isinstance(error, BrokenPipeError | ConnectionResetError)
            self._give_up(None if gone else str(error))
            return
        self._watch()

    def _send_some(self) -> None:
        first, descriptor = self._unsent[0]
        if descriptor >= 0:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
            sent = self._socket.sendmsg([first], [rights])
            os.close(descriptor)
            self._unsent[0] = first, -1
        else:
            buffers: list[memoryview] = []
            for data, following in self._unsent:
                if following >= 0 or len(buffers) == _BUFFERS_MAX:
                    break
                buffers.append(data)
            sent = self._socket.sendmsg(buffers)
        self.unsent_bytes -= sent
        while sent:
            first, _ = self._unsent.popleft()
            if sent < len(first):
                self._unsent.appendleft((first[sent:], -1))
                break
            sent -= len(first)

    def _give_up(self, why: str | None) -> None:
        """Send nothing more; the reader finds the end, after what the other side said before."""
        for _, descriptor in self._unsent:
            if descriptor >= 0:
                os.close(descriptor)
        self._unsent.clear()
        self.unsent_bytes = 0
        if why is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._watch()
