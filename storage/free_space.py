"""How much room the data directory's file system has left, and what is refused when it is little.

*Promise*: below the watermark no new actor gets a file, while those that have one write on: what is
left is theirs. Crossing the watermark is logged once, and so is the way back.
*Assumes*: one thread, the loop's.
*Rules for editing*: the file system is asked (about 1 us) when a file is to be made, when a
checkpoint begins and when an operator asks; never at a turn or a commit.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from .errors import SpaceLow

log = logging.getLogger("perdure.storage")

# Unless a setting says otherwise: room for some log segments and some thousand actors, but no
# more than 2 % of a small file system.
SIZE_BYTES_MIN = 256 * 2**20
_PARTS_OF_A_SMALL_ONE = 50
# Enough again from a quarter above the watermark on: no message at each file around it.
_PARTS_ABOVE = 4


@dataclass(frozen=True, slots=True)
class Space:
    """What a file system has left.

    Attributes:
        free_size_bytes: Free, for a process without privileges.
        size_bytes_min: The watermark.
    """

    free_size_bytes: int
    size_bytes_min: int

    @property
    def is_low(self) -> bool:
        """No new actor may be begun."""
        return self.free_size_bytes < self.size_bytes_min


class FreeSpace:
    """Looks after the free space of one file system."""

    __slots__ = ("_root", "_size_min", "_was_low")

    def __init__(self, root: Path, size_bytes_min: int | None = None) -> None:
        """Prepare.

        Args:
            root: A directory of the file system.
            size_bytes_min: The watermark; 0 for none, None for the smaller one of 256 MiB and
                2 % of the file system.
        """
        self._root = root
        self._size_min = size_bytes_min
        self._was_low = False

    def look(self) -> Space:
        """Return what there is, and log it when that has become low, or enough again.

        Raises:
            OSError: The file system does not tell.
        """
        found = os.statvfs(self._root)
        size_min = self._size_min
        if size_min is None:
            size_min = min(SIZE_BYTES_MIN, found.f_blocks * found.f_frsize // _PARTS_OF_A_SMALL_ONE)
        space = Space(found.f_bavail * found.f_frsize, size_min)
        self._tell(space)
        return space

    def check(self) -> None:
        """Refuse a new actor when there is little left.

        Raises:
            SpaceLow: There is.
            OSError: The file system does not tell.
        """
        space = self.look()
        if space.is_low:
            raise SpaceLow.of(self._root, space.free_size_bytes, space.size_bytes_min)

    def _tell(self, space: Space) -> None:
        facts = {
            "directory": str(self._root),
            "free_size_bytes": space.free_size_bytes,
            "size_bytes_min": space.size_bytes_min,
        }
        if space.is_low and not self._was_low:
            self._was_low = True
            log.error(
                "space.low: no new actor is begun until there is room again; make some", extra=facts
            )
        elif self._was_low:
            enough = space.size_bytes_min + space.size_bytes_min // _PARTS_ABOVE
            if space.free_size_bytes >= enough:
                self._was_low = False
                log.warning("space.enough: new actors are begun again", extra=facts)
