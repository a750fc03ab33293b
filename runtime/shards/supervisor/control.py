"""The control connection between a supervisor and one child: messages, and descriptors with them.

*Promise*: what arrives is told in order, each message with the descriptors that were sent with
it. The first is the Hello of the same version of perdure. Garbage, a message that the other side
may not send, one that is too large, or descriptors too many or too few end the connection, and
whoever has it is told why. A descriptor that arrived and was not handed on is closed.
*Assumes*: a socketpair of type SOCK_STREAM. The kernel hands descriptors over with the first
byte of the frame that they were sent with, and ends a read behind those bytes.
*Rules for editing*: callbacks may close the connection; look at ``_is_lost`` after each.
*Considered and refused*: ``asyncio.Protocol`` (no event loop's transport knows descriptors);
SOCK_SEQPACKET (needs no lengths, but limits a message to the socket's buffer); giving the socket
itself to the event loop: a peer that dies with something unread leaves an error on it, and uvloop
takes that for an error of its own, calls no reader, and logs EBADF. An epoll of ours in between
has no such state, on no loop. ``socket.recv_fds``: it takes no heed of its flags (Python 3.11).
"""

import array
import asyncio
import contextlib
import os
import select
import socket
from collections import deque
from collections.abc import Callable, Sequence

from ..version import VERSION
from .errors import ControlBroken
from .messages import (
    CHILDS,
    DESCRIPTORS_MAX,
    LENGTH_SIZE_BYTES,
    SIZE_BYTES_MAX,
    SUPERVISORS,
    Hello,
    Message,
    decode,
    descriptors_of,
    encode,
)

READ_SIZE_BYTES = 64 * 1024
# A child that does not read is noticed by its silence; it may not fill our memory until then.
UNSENT_SIZE_BYTES_MAX = 4 * SIZE_BYTES_MAX

_ANCILLARY_SIZE_BYTES = socket.CMSG_LEN(DESCRIPTORS_MAX * array.array("i").itemsize)

# A message and the descriptors that came with it, which are the callback's from then on.
OnMessage = Callable[[Message, Sequence[socket.socket]], None]
# The connection is no more: why, or None when the other side closed it in good order.
OnLost = Callable[[str | None], None]


class ControlConnection:
    """One end.

    Args:
        connection: The socket; this closes it.
        loop: Where it runs.
        is_supervisor: Whether this end is the supervisor's.
        on_message: Told of all messages, the other side's Hello among them.
        on_lost: Told once, unless ``close`` was called before.
        version: Of perdure, as this side says it.
    """

    def __init__(
        self,
        connection: socket.socket,
        loop: asyncio.AbstractEventLoop,
        *,
        is_supervisor: bool,
        on_message: OnMessage,
        on_lost: OnLost,
        version: str = VERSION,
    ) -> None:
        connection.setblocking(False)  # noqa: FBT003  # the method's only argument
        self._socket = connection
        self._loop = loop
        self._allowed = CHILDS if is_supervisor else SUPERVISORS
        self._on_message = on_message
        self._on_lost = on_lost
        self._version = version
        self._inbound = bytearray()
        self._descriptors: deque[socket.socket] = deque()
        self._outbound: deque[tuple[bytes, tuple[socket.socket, ...]]] = deque()
        self._unsent_size_bytes = 0
        self._is_greeted = False
        self._is_lost = False
        self._epoll = select.epoll()
        self._epoll.register(connection, select.EPOLLIN)
        loop.add_reader(self._epoll.fileno(), self._polled)
        self.send(Hello(version, "supervisor" if is_supervisor else "spare", "", 0))

    def send(self, message: Message, sockets: Sequence[socket.socket] = ()) -> None:
        """Send a message; on a connection that is lost nothing happens.

        Args:
            message: The message.
            sockets: Travel with it; they are closed here when they have left, or cannot.

        Raises:
            ControlBroken: It is larger than a message may be.
        """
        assert len(sockets) == descriptors_of(message), "the frame says how many travel with it"
        try:
            frame = encode(message)
        except ControlBroken:
            _close_all(sockets)
            raise
        if self._is_lost:
            _close_all(sockets)
            return
        self._outbound.append((frame, tuple(sockets)))
        self._unsent_size_bytes += len(frame)
        if self._unsent_size_bytes > UNSENT_SIZE_BYTES_MAX:
            self._lose("the other side does not read")
        elif len(self._outbound) == 1 and not self._flush():
            self._epoll.modify(self._socket, select.EPOLLIN | select.EPOLLOUT)

    def read_out(self) -> None:
        """Take what has arrived already: the last words of a peer that is no more."""
        while not self._is_lost and self._read():
            pass

    def finish(self, timeout_s: float) -> None:
        """Send what is waiting, without the loop's help, and close.

        Args:
            timeout_s: What the other side has not taken by then is lost.
        """
        if not self._is_lost:
            self._socket.settimeout(timeout_s)
            with contextlib.suppress(OSError):
                for frame, _ in self._outbound:  # who finishes is a child: it sends no sockets
                    self._socket.sendall(frame)
        self.close()

    def close(self) -> None:
        """End it without a word to ``on_lost``. Closing twice does nothing."""
        if self._is_lost:
            return
        self._is_lost = True
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._socket.close()
        _close_all(self._descriptors)
        self._descriptors.clear()
        for _, sockets in self._outbound:
            _close_all(sockets)
        self._outbound.clear()
        self._unsent_size_bytes = 0
        self._inbound.clear()

    def _lose(self, why: str | None) -> None:
        self.close()
        self._on_lost(why)

    def _polled(self) -> None:
        for _, events in self._epoll.poll(0):
            if events & select.EPOLLOUT and self._flush() and not self._is_lost:
                self._epoll.modify(self._socket, select.EPOLLIN)
            if events & ~select.EPOLLOUT and not self._is_lost:
                self._read()

    def _flush(self) -> bool:
        """Send what is waiting; say whether nothing waits any more, on this connection."""
        while self._outbound:
            frame, sockets = self._outbound[0]
            try:
                sent = self._socket.sendmsg([frame], _ancillary(sockets))
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                # The reader finds what the other side has said before it went, and then its end.
                if not isinstance(error, BrokenPipeError | ConnectionResetError):
                    self._lose(str(error))
                else:
                    self._drop_outbound()
                return True
            _close_all(sockets)  # they have left with the first byte
            self._unsent_size_bytes -= sent
            if sent < len(frame):
                self._outbound[0] = (frame[sent:], ())
            else:
                self._outbound.popleft()
        return True

    def _drop_outbound(self) -> None:
        for _, sockets in self._outbound:
            _close_all(sockets)
        self._outbound.clear()
        self._unsent_size_bytes = 0

    def _read(self) -> bool:
        """Read once; say whether there may be more."""
        try:
            data, ancillary, flags, _ = self._socket.recvmsg(
                READ_SIZE_BYTES, _ANCILLARY_SIZE_BYTES, socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionResetError:  # it had not read everything when it went
            data, ancillary, flags = b"", [], 0
        except OSError as error:
            self._lose(str(error))
            return False
        if not self._adopt(_descriptors_in(ancillary)):
            self._lose("a descriptor that is no socket")
        elif flags & socket.MSG_CTRUNC or len(self._descriptors) > DESCRIPTORS_MAX:
            self._lose("too many descriptors, or more than this process may have open")
        elif not data:
            self._lose("it ended within a message" if self._inbound else None)
        else:
            self._inbound += data
            self._take_frames()
        return not self._is_lost

    def _adopt(self, descriptors: Sequence[int]) -> bool:
        """Keep what arrived for the message it came with; say whether all of it are sockets."""
        are_sockets = True
        for descriptor in descriptors:
            try:
                self._descriptors.append(socket.socket(fileno=descriptor))
            except OSError:
                os.close(descriptor)
                are_sockets = False
        return are_sockets

    def _take_frames(self) -> None:
        try:
            while not self._is_lost and (payload := self._next_payload()) is not None:
                message = decode(payload, self._allowed, self._version)
                self._take(message)
            # Those of a frame whose rest has not come yet are waited for; no others are.
            if self._descriptors and not self._inbound:
                raise ControlBroken("descriptors without a message")  # noqa: TRY301  # as decode's
        except ControlBroken as error:
            self._lose(error.problem)

    def _next_payload(self) -> bytes | None:
        inbound = self._inbound
        if len(inbound) < LENGTH_SIZE_BYTES:
            return None
        size_bytes = int.from_bytes(inbound[:LENGTH_SIZE_BYTES])
        if size_bytes > SIZE_BYTES_MAX:
            raise ControlBroken(f"a message of {size_bytes} bytes")
        end = LENGTH_SIZE_BYTES + size_bytes
        if len(inbound) < end:
            return None
        payload = bytes(inbound[LENGTH_SIZE_BYTES:end])
        del inbound[:end]
        return payload

    def _take(self, message: Message) -> None:
        if isinstance(message, Hello) is self._is_greeted:
            raise ControlBroken("the first message, and no other, is a greeting")
        self._is_greeted = True
        wanted = descriptors_of(message)
        if wanted > len(self._descriptors):
            raise ControlBroken(f"{type(message).__name__} without its descriptors")
        self._on_message(message, [self._descriptors.popleft() for _ in range(wanted)])


def _ancillary(sockets: Sequence[socket.socket]) -> list[tuple[int, int, bytes]]:
    if not sockets:
        return []
    numbers = array.array("i", [one.fileno() for one in sockets]).tobytes()
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)]


def _descriptors_in(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    """Return the descriptors that arrived."""
    numbers = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    return numbers.tolist()


def _close_all(sockets: Sequence[socket.socket] | deque[socket.socket]) -> None:
    for one in sockets:
        one.close()
