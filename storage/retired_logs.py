"""Logs of slots that serve no more: what they hold goes into the archive, then their files go.

A server with fewer workers than before leaves a log behind for each slot that it does not need. All
that such a log holds is in the actors' files since the last recovery (storage/opening.py); what is
left in it is the past, which is to be kept for as long as any other, and no longer.

*Promise*: a segment goes when its records are in the archive, or where there is to be no archive.
CHECKPOINT stays: should the slot serve again, its numbers go on. It may be killed anywhere and run
again.
*Assumes*: one process of a server does this, in the archive's thread and alone with the archive
(storage/archive/alone.py). It has ended before a slot serves again.
*Rules for editing*: what fails here must not hold up the archive of the log that is in use: it is
told, and tried again another time.
*Considered and refused*: the supervisor, which has the directory's lock. It would need the
archive's thread and memory a second time, and a server of one process has the same to do.
"""

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .archive.archive import Archive, Retention
from .archive.past import PENDING, Past
from .durable_files import sync_directory
from .errors import LogCorrupt, PerdureError
from .layout import Layout
from .log_directory import Checkpoint, LogDirectory
from .log_hold import nobody_holds
from .segments import FoundSegment, find_segments

log = logging.getLogger("perdure.storage")


class RetiredLogs:
    """The logs of a directory that no slot of its server needs.

    Args:
        layout: The directory.
        serving: The slots that serve.
        past: Reads the archive, and the logs.
        retention: How long the past is kept.

    Attributes:
        is_held: Somebody reads the logs whole, so that files stay that could go; look again.
    """

    def __init__(
        self, layout: Layout, serving: frozenset[str], past: Past, retention: Retention
    ) -> None:
        self.is_held = False
        self._layout = layout
        self._serving = serving
        self._past = past
        self._retention = retention

    def look(self, pause: Callable[[], None]) -> None:
        """Do what there is to do; alone with the archive.

        Args:
            pause: Called again and again; may let others run, or raise.
        """
        self.is_held = False
        for directory in sorted(self._layout.logs_dir.glob("*")):
            if directory.name in self._serving or not any(directory.glob("*.seg")):
                continue
            try:
                self._let_go(directory, pause)
            except (PerdureError, OSError) as error:
                extra = {"slot": directory.name, "cause": str(error)}
                log.error("log.not_retired: it takes room, and is tried again later", extra=extra)  # noqa: TRY400  # the message says it all

    def _let_go(self, directory: Path, pause: Callable[[], None]) -> None:
        with closing(LogDirectory.open(directory)) as locked:
            checkpoint = locked.read_checkpoint()
            segments = find_segments(directory)
            if not checkpoint.is_clean or any(_is_needed(one, checkpoint) for one in segments):
                return  # it was not recovered; who starts the server the next time does that
            if self._retention.days > 0:
                self._take_in(directory.name, segments, checkpoint.lsn, pause)
            with nobody_holds(directory) as is_free:
                if is_free:
                    for segment in segments:
                        segment.path.unlink()
                    sync_directory(directory)
                else:
                    self.is_held = True

    def _take_in(
        self, slot: str, segments: list[FoundSegment], lsn: int, pause: Callable[[], None]
    ) -> None:
        """Have all in the archive that the segments of a log hold; ``lsn`` is its last record."""
        layout = self._layout
        begun = [(one.path, one.header) for one in segments if one.header is not None]
        ends = [header.first_lsn - 1 for _, header in begun[1:]] + [lsn]
        pending = [path.name for path in (layout.archive_dir / PENDING / slot).glob("*")]
        with closing(
            Archive(layout.archive_dir, slot, self._past, layout.actor_file, self._retention)
        ) as archive:
            for (path, header), last_lsn in zip(begun, ends, strict=False):  # there may be none
                try:
                    archive.take(path, header, last_lsn, pause)
                except LogCorrupt as error:  # it will not get better
                    extra = {"slot": slot, "last_lsn": last_lsn, "cause": str(error)}
                    log.critical("archive.gap: this part of the past is lost", extra=extra)
            archive.forget_pending(pending)


def _is_needed(segment: FoundSegment, checkpoint: Checkpoint) -> bool:
    return segment.header is not None and segment.header.number >= checkpoint.segment
