"""A line between a supervisor and one of its processes: as many connections as are needed.

A socketpair over which the one side sends ends of other socketpairs (SCM_RIGHTS), each of them a
connection as if it had been made to a listening socket. So nothing lies in the file system, each
question has a stream of its own, and all of them end when the process does.

*Assumes*: nobody but the two processes has an end of it. The supervisor lets go of the other
end when the process has it (``handed_over``): else connections that a process has not taken when
it dies would never end.
"""

import array
import asyncio
import socket
from collections.abc import Callable

from ...storage.errors import PerdureError

_DESCRIPTORS_MAX = 16
_ANCILLARY_SIZE_BYTES = socket.CMSG_LEN(_DESCRIPTORS_MAX * array.array("i").itemsize)


class LineEnded(PerdureError):
    """The process at the other end takes no connection: it has gone, or hangs.

    Attributes:
        reason: As the system has it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"The process takes no connection: {self.reason}"


class Line:
    """The side that asks.

    Attributes:
        other_end: For the process; it is given a copy.
    """

    def __init__(self) -> None:
        """Make one.

        Raises:
            OSError: There are no descriptors left.
        """
        self._end, self.other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._end.settimeout(0)

    def connect(self) -> socket.socket:
        """Return a connection, which the process takes when it serves; it does not block.

        Raises:
            LineEnded: It never will.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._end, [b"c"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise LineEnded(error.strerror or str(error)) from error
        ours.settimeout(0)
        return ours

    def handed_over(self) -> None:
        """The process has its end."""
        self.other_end.close()

    def close(self) -> None:
        """Connect no more; closing twice does nothing."""
        self.other_end.close()
        self._end.close()


class LineEnd:
    """The side that answers: tells ``on_connection`` of each connection until it is closed.

    Args:
        end: It is this object's from now on.
        loop: Where it is heard.
        on_connection: Given a connected socket, which does not block.
    """

    def __init__(
        self,
        end: socket.socket,
        loop: asyncio.AbstractEventLoop,
        on_connection: Callable[[socket.socket], None],
    ) -> None:
        self._end = end
        self._loop = loop
        self._on_connection = on_connection
        end.settimeout(0)
        loop.add_reader(end.fileno(), self._readable)

    def close(self) -> None:
        """Take no more; closing twice does nothing."""
        if self._end.fileno() >= 0:
            self._loop.remove_reader(self._end.fileno())
            self._end.close()

    def _readable(self) -> None:
        try:
            # Not socket.recv_fds: it takes no heed of its flags (Python 3.11).
            data, ancillary, _, _ = self._end.recvmsg(
                1, _ANCILLARY_SIZE_BYTES, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        if not data:  # the supervisor has gone, and this process goes with it
            self.close()
            return
        descriptors = array.array("i")
        for _, _, content in ancillary:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            connection.settimeout(0)
            self._on_connection(connection)
