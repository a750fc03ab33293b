"""Where a commit log goes on: what recovery tells the log that is opened after it."""

from dataclasses import dataclass
from pathlib import Path

from .logformat import SegmentHeader


@dataclass(frozen=True, slots=True)
class LogStart:
    """Where a log goes on; what storage/recovery.py found out.

    Attributes:
        lsn: The last number that was given.
        segment: The last segment's number.
        epoch: Of this opening.
        files: Segment files whose content is not needed any more.
        commit: The highest commit number given in any log of the directory.
        incarnation: Which history of the directory this goes on with.
        segments: Those of ``files`` that were begun, with their headers, in order.
        suspect: That of ``files`` in which whoever was killed wrote last. It is not used again by
            this opening: were that one alive after all, its last write would go there.
    """

    lsn: int = 0
    segment: int = 0
    epoch: int = 1
    files: tuple[Path, ...] = ()
    commit: int = 0
    incarnation: int = 1
    segments: tuple[tuple[Path, SegmentHeader], ...] = ()
    suspect: Path | None = None
