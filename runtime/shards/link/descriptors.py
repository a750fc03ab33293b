"""Descriptors that one process gives to another, beside the frames of their link.

*Promise*: a descriptor that was sent can be taken as soon as a frame has come that was sent after
it. One that nobody takes is closed with the end it waits at.
*Assumes*: one thread. They are taken in the order in which they were sent, one for each frame that
speaks of one: the number that goes with each must be the frame's, or something has gone wrong.
*Considered and refused*: to send them over the link's own socket. uvloop's transports can neither
send nor receive one.
"""

import array
import os
import socket
import struct

from .errors import LinkBroken

_NUMBER = struct.Struct("<Q")
_SPACE_BYTES = socket.CMSG_SPACE(array.array("i").itemsize)


class Descriptors:
    """One end: where descriptors are given, and where they arrive.

    Attributes:
        other_end: Where those arrive that are given: the other process is to have it.
    """

    __slots__ = ("_arriving", "_given", "_other")

    def __init__(self) -> None:
        self._given, self._other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._given.setblocking(False)  # noqa: FBT003  # the method's only argument
        self._arriving: socket.socket | None = None

    @property
    def other_end(self) -> int:
        return self._other.fileno()

    def joined(self, descriptor: int) -> None:
        """The other process has its end, and this is ours of its."""
        self._other.close()
        self._arriving = socket.socket(fileno=descriptor)
        self._arriving.setblocking(False)  # noqa: FBT003  # the method's only argument

    def give(self, number: int, what: socket.socket) -> bool:
        """Give the other process a descriptor of ``what``; return False if that cannot be now.

        Args:
            number: Of the frame that will speak of it.
            what: The caller's own stays open.
        """
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [what.fileno()]))
        try:
            size = self._given.sendmsg([_NUMBER.pack(number)], [rights])
        except OSError:  # as many are under way as may be, or the other process has gone
            return False
        assert size == _NUMBER.size, "the kernel does not cut what is so short"
        return True

    def take(self, number: int) -> socket.socket:
        """Return what the other process has given with this number.

        Raises:
            LinkBroken: It has given nothing, or something else.
        """
        assert self._arriving is not None, "the link has begun"
        try:
            data, ancillary, _, _ = self._arriving.recvmsg(
                _NUMBER.size, _SPACE_BYTES, socket.MSG_CMSG_CLOEXEC
            )
        except OSError as error:
            raise LinkBroken(f"descriptor {number} has not come: {error}") from None
        found = array.array("i")
        for level, kind, rights in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found.frombytes(rights[: len(rights) - len(rights) % found.itemsize])
        if data == _NUMBER.pack(number) and len(found) == 1:
            return socket.socket(fileno=found[0])
        for descriptor in found:
            os.close(descriptor)
        raise LinkBroken(f"what has come as descriptor {number} is none")

    def close(self) -> None:
        """Nothing is given or taken any more."""
        for end in (self._given, self._other, self._arriving):
            if end is not None:
                end.close()
