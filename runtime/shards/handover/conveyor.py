"""The connection between a router and its successor: frames, and a descriptor with some of them.

*Promise*: frames arrive whole and in order, each with its descriptor. The end is told once, and
what had arrived before it first. A descriptor that nobody has taken is closed.
*Assumes*: one thread, and a socketpair of type SOCK_STREAM. The two processes are of one version
(the supervisor has seen to that), so what comes is what was sent.
*Considered and refused*: as in supervisor/control.py, which says why an epoll of our own.
"""

import array
import asyncio
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from msgpack import packb, unpackb

READ_SIZE_BYTES = 256 * 1024
_LENGTH = struct.Struct(">Q?")
_DESCRIPTORS_MAX = 16
_ANCILLARY_SIZE_BYTES = socket.CMSG_LEN(_DESCRIPTORS_MAX * array.array("i").itemsize)

OnFrame = Callable[[list[Any], socket.socket | None], None]


class Conveyor:
    """One end.

    Args:
        end: The socket; this closes it.
        loop: Where it runs.
        on_frame: Told of each frame, with its descriptor if it has one.
        on_end: Told when nothing comes or goes any more, unless ``close`` was called before.

    Attributes:
        has_ended: Nothing comes or goes any more.
    """

    def __init__(
        self,
        end: socket.socket,
        loop: asyncio.AbstractEventLoop,
        on_frame: OnFrame,
        on_end: Callable[[], None],
    ) -> None:
        end.setblocking(False)  # noqa: FBT003  # the method's only argument
        self.has_ended = False
        self._socket = end
        self._loop = loop
        self._on_frame = on_frame
        self._on_end = on_end
        self._inbound = bytearray()
        self._arrived: deque[int] = deque()
        self._outbound: deque[tuple[memoryview, socket.socket | None]] = deque()
        self._epoll = select.epoll()
        self._epoll.register(end, select.EPOLLIN)
        loop.add_reader(self._epoll.fileno(), self._polled)

    def send(self, frame: Sequence[Any], carried: socket.socket | None = None) -> None:
        """Send a frame; ``carried`` travels with it, and is closed here when it has left."""
        if self.has_ended:
            if carried is not None:
                carried.close()
            return
        body = packb(frame, unicode_errors="surrogatepass")
        data = _LENGTH.pack(len(body), carried is not None) + body
        self._outbound.append((memoryview(data), carried))
        if len(self._outbound) == 1 and not self._flush():
            self._epoll.modify(self._socket, select.EPOLLIN | select.EPOLLOUT)

    def close(self) -> None:
        """End it without a word. Closing twice does nothing."""
        if self.has_ended:
            return
        self.has_ended = True
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._socket.close()
        for descriptor in self._arrived:
            os.close(descriptor)
        self._arrived.clear()
        for _, carried in self._outbound:
            if carried is not None:
                carried.close()
        self._outbound.clear()

    def _end(self) -> None:
        if not self.has_ended:
            self.close()
            self._on_end()

    def _polled(self) -> None:
        for _, events in self._epoll.poll(0):
            if events & select.EPOLLOUT and self._flush() and not self.has_ended:
                self._epoll.modify(self._socket, select.EPOLLIN)
            if events & ~select.EPOLLOUT and not self.has_ended:
                self._read()

    def _flush(self) -> bool:
        """Send what waits; say whether nothing does any more."""
        while self._outbound:
            data, carried = self._outbound[0]
            rights = [] if carried is None else [_rights_of(carried)]
            try:
                sent = self._socket.sendmsg([data], rights)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:  # the reader finds what the other side has said before it went
                return True
            if carried is not None:  # it has left with the first byte
                carried.close()
            if sent < len(data):
                self._outbound[0] = (data[sent:], None)
            else:
                self._outbound.popleft()
        return True

    def _read(self) -> None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(
                READ_SIZE_BYTES, _ANCILLARY_SIZE_BYTES, socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, ancillary = b"", []
        for level, kind, rights in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._arrived.extend(array.array("i", rights))
        if not data:
            self._end()
            return
        self._inbound += data
        while not self.has_ended and self._take():
            pass

    def _take(self) -> bool:
        """Tell of the next frame, if it is whole."""
        inbound = self._inbound
        if len(inbound) < _LENGTH.size:
            return False
        size, has_descriptor = _LENGTH.unpack_from(inbound)
        end = _LENGTH.size + size
        if len(inbound) < end:
            return False
        with memoryview(inbound)[_LENGTH.size : end] as body:
            frame = unpackb(body, unicode_errors="surrogatepass", strict_map_key=False)
        del inbound[:end]
        carried = socket.socket(fileno=self._arrived.popleft()) if has_descriptor else None
        self._on_frame(frame, carried)
        return True


def _rights_of(carried: socket.socket) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [carried.fileno()]).tobytes()
