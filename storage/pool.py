"""Which actors' files are open: as many as are in use, and no more than there is room for.

An open file costs three descriptors and some 80 KiB; opening one again costs 64 to 370 us
(design/STORAGE.md section 2).

*Promise*: above the limit, files that were not used lately are closed, one at least for each
that is opened, unless all of them are in the middle of something.
*Considered and refused*: a list in the order of use: it would have to be kept at every read.
Each file has a flag instead, set by use and taken away when its turn to be closed comes
("second chance").
"""

import resource
from collections.abc import Iterator

from .engine import ActorDatabase

OPEN_MAX = 1000
_DESCRIPTORS_EACH = 3
# Sockets, the log, the libraries: what else needs descriptors.
_DESCRIPTORS_ELSEWHERE = 256
# So many are looked at for each file that is opened; all may be busy.
_LOOKS_MAX = 32


class ConnectionPool:
    """The open files of one process."""

    __slots__ = ("_databases", "_open_max")

    def __init__(self, open_max: int) -> None:
        self._databases: dict[ActorDatabase, None] = {}
        self._open_max = max(open_max, 1)

    def opened(self, database: ActorDatabase) -> None:
        """Keep account of ``database``, and close others if there are too many."""
        databases = self._databases
        databases.pop(database, None)
        databases[database] = None
        for _ in range(_LOOKS_MAX):
            if len(databases) <= self._open_max:
                return
            oldest = next(iter(databases))
            del databases[oldest]
            if oldest.is_open and (oldest is database or oldest.was_used or not oldest.park()):
                oldest.was_used = False
                databases[oldest] = None

    def open_databases(self) -> Iterator[ActorDatabase]:
        """Yield those that are open, and forget the others."""
        for database in list(self._databases):
            if database.is_open:
                yield database
            else:
                del self._databases[database]


def raise_descriptor_limit() -> int:
    """Let this process have as many descriptors as it may; return how many files may be open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return min(OPEN_MAX, max((soft - _DESCRIPTORS_ELSEWHERE) // _DESCRIPTORS_EACH, 1))
