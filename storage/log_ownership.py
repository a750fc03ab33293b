"""Whose a log is: how a writer learns that another one has opened its log.

The lock of a log keeps a second writer away. If it was taken away by force, its file removed while
a writer lived, this is what keeps the older one from telling of what the younger does not have.

*Promise*: from the moment ``take`` has returned, whoever took the same log before finds ``is_own``
False. So if a writer looks after each sync and before it tells anybody, whatever it tells of was
in the log when its successor began to read it.
*Assumes*: both are on one machine, and OWNER is neither removed nor replaced; ``check_there`` finds
that out, later. What OWNER holds need not be durable: no writer outlives the machine.
*Rules for editing*: a log is taken before the first byte of it is read.
*Considered and refused*: the epoch in CHECKPOINT: it is raised after the log was read, too late for
what is written in between, and a look at a file lets the interpreter go, which a busy loop gives
back milliseconds later. A look at memory that two processes share takes 0.3 us.
"""

import mmap
import os
from contextlib import suppress
from pathlib import Path

from .errors import OwnershipLost

_NAME = "OWNER"
_SIZE_BYTES = 16


class LogOwnership:
    """One process's hold on a log, until another takes it."""

    __slots__ = ("_path", "_seen", "_token")

    def __init__(self, path: Path, token: bytes, seen: mmap.mmap) -> None:
        self._path = path
        self._token = token
        self._seen: mmap.mmap | bytes = seen

    @classmethod
    def take(cls, directory: Path) -> "LogOwnership":
        """Take the log in ``directory`` from whoever had it.

        Raises:
            OSError: The file that says so cannot be made or written.
        """
        path, token = directory / _NAME, os.urandom(_SIZE_BYTES)
        # Written in place, and never cut: those before look at this very file.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, token, 0)
            return cls(path, token, mmap.mmap(descriptor, _SIZE_BYTES, access=mmap.ACCESS_READ))
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the log, which is not this one's any more; closing twice does nothing."""
        seen, self._seen = self._seen, b""
        if isinstance(seen, mmap.mmap):
            seen.close()

    @property
    def is_own(self) -> bool:
        """Nobody has taken the log since."""
        return self._seen[:] == self._token

    def check(self) -> None:
        """Raise if the log was taken; without a system call.

        Raises:
            OwnershipLost: It was.
        """
        if self._seen[:] != self._token:
            raise self._lost("another process has opened this log, whose lock it should not get")

    def check_there(self) -> None:
        """Likewise, and if the file that would say so is gone.

        Raises:
            OwnershipLost: It is.
        """
        self.check()
        found = b""
        with suppress(OSError):
            found = self._path.read_bytes()
        if found[:_SIZE_BYTES] != self._token:
            raise self._lost("the file was removed or replaced, so that this log may be another's")

    def _lost(self, problem: str) -> OwnershipLost:
        hint = "Stop one of the two, and let nobody remove what is in log/; see docs/durability.md"
        return OwnershipLost(self._path, problem, hint)
