"""How far a process had come with the calls it was sent, known even after its death.

A call that was still on its way when the process died can be made again; one that had begun
cannot, without doing things twice. So each end of a link notes the number of a call in memory that
the other end can read, right before it hands the call over: 8 bytes, little-endian, at the start
of an anonymous file, of which either end has a descriptor.

*Promise*: after the writer's process is dead or has closed its end of the link, ``highest`` of the
reader is the number of the last call that the writer has begun: calls are begun in their order.

*Assumes*: the writer notes a call before it begins it.

*Considered and refused*: saying so in a frame. It would have to be in the kernel's hands before
the call begins, so it would cost a write for each of them and wake the other process twice for
each call; and a frame that does not fit into a full socket would have to hold up the call.
"""

import fcntl
import mmap
import os
import struct
import tempfile

_NUMBER = struct.Struct("<Q")
_SIZE_BYTES = mmap.PAGESIZE


class Begun:
    """The writer's side: what this process has begun.

    Attributes:
        descriptor: Of the file, to be sent to the other end.
    """

    __slots__ = ("_memory", "descriptor")

    def __init__(self) -> None:
        self.descriptor = _anonymous_file()
        try:
            self._memory = mmap.mmap(self.descriptor, _SIZE_BYTES)
        except OSError:
            os.close(self.descriptor)
            raise

    def mark(self, number: int) -> None:
        """Call ``number`` begins now."""
        _NUMBER.pack_into(self._memory, 0, number)

    def close(self) -> None:
        """Let go of this end's copy; the other end can read on."""
        self._memory.close()
        os.close(self.descriptor)


class BegunElsewhere:
    """The reader's side: what the process at the other end has begun.

    It reads the file, where the writer has it mapped: a process that made its file shorter would
    end by a signal whoever had that in memory.

    Args:
        descriptor: Of the other end's file; this object closes it.
    """

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def highest(self) -> int | None:
        """The number of the last call that has begun; None when it cannot be known."""
        try:
            data = os.pread(self._descriptor, _NUMBER.size, 0)
        except OSError:  # no file at all: the other end has sent something else
            return None
        number: int = _NUMBER.unpack(data)[0] if len(data) == _NUMBER.size else -1
        return None if number < 0 else number

    def close(self) -> None:
        os.close(self._descriptor)


def _anonymous_file() -> int:
    """A file without a name, of one page; nobody can make it shorter where that can be had."""
    if not hasattr(os, "memfd_create"):  # macOS
        with tempfile.TemporaryFile() as file:
            file.truncate(_SIZE_BYTES)
            return os.dup(file.fileno())
    descriptor = os.memfd_create("perdure-begun", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, _SIZE_BYTES)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return descriptor
