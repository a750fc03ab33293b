"""Brings segments into the archive before they are used again, beside everything else.

*Promise*: a segment goes back to its log when its records are in the archive, in the order in which
they were written. What the archive cannot do is told loudly, and stops nobody: then segments
wait and are tried again; if there are too many, or one is damaged, they go back all the same,
and a part of the past is missing.
*Assumes*: ``take``, ``do`` and ``close`` are called in the loop's thread; everything else here
happens in a thread of its own, which is the archive's only one.
*Rules for editing*: one order, that of ``take``: the archive takes records for known that come
before its last.
*Considered and refused*: a process of its own: it would cost more memory than the archive saves.
The interpreter is let go every few records instead.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from .archive.archive import Archive
from .errors import DatabaseFailed, LogCorrupt
from .logformat import SegmentHeader
from .retired_logs import RetiredLogs

log = logging.getLogger("perdure.storage")

# So many segments wait for an archive that fails; at 64 MiB each it is half a gigabyte.
WAITING_MAX = 8
# What has failed is tried again so often even if nothing else comes.
RETRY_S = 10.0
# How often is looked whether another process has finished with the archive; a segment takes it
# some hundred milliseconds.
OTHERS_S = 0.02


class _ClosedMeanwhile(Exception):
    """The archiver was closed; what is under way is given up, and done by the next one."""


@dataclass(frozen=True, slots=True)
class _Segment:
    path: Path
    header: SegmentHeader
    last_lsn: int


_Job = Callable[[Archive], None]


class Archiver:
    """The archive's thread, for one log.

    Attributes:
        failure: Why the archive takes nothing in at the moment; None while all is well.
    """

    def __init__(
        self,
        slot: str,
        open_archive: Callable[[], Archive],
        *,
        notify: Callable[[Callable[[], None]], object],
        time_ms: Callable[[], int],
        release: Callable[[Path], None],
        alone: Callable[[Callable[[], None]], AbstractContextManager[None]],
        retired: RetiredLogs | None = None,
    ) -> None:
        """Begin.

        Args:
            slot: Which log's segments these are.
            open_archive: Opens the archive; called in the thread.
            notify: Calls its argument in the loop's thread, soon; may be called from any.
            time_ms: Now, in Unix milliseconds; called in the thread.
            release: Told, in the loop's thread, of each file that may be used again.
            alone: Keeps those of other logs from the archive meanwhile; used in the thread. Given
                what to call while one of them keeps this one from it.
            retired: Logs that nobody writes any more, if they are this one's to see to.
        """
        self.failure: Exception | None = None
        self._open_archive = open_archive
        self._notify = notify
        self._time_ms = time_ms
        self._release = release
        self._alone = alone
        self._retired = retired
        self._queue: SimpleQueue[_Segment | _Job | None] = SimpleQueue()
        self._waiting: deque[_Segment | _Job] = deque()
        self._asked = self._done = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=f"perdure-archive-{slot}")
        self._thread.daemon = True  # a program that forgets to close must still be able to end
        self._thread.start()

    def take(self, path: Path, header: SegmentHeader, last_lsn: int) -> None:
        """Take in a segment, up to its record ``last_lsn``; it is released afterwards."""
        self._asked += 1
        self._queue.put(_Segment(path, header, last_lsn))

    def do(self, job: _Job) -> None:
        """Call ``job`` with the archive, in its thread, after what was asked for before."""
        self._asked += 1
        self._queue.put(job)

    @property
    def is_idle(self) -> bool:
        """All that was asked for has been done; to be asked in the loop's thread."""
        return self._asked == self._done

    def close(self) -> None:
        """Give up what is under way, and end the thread; closing twice does nothing."""
        self._is_closed = True
        self._queue.put(None)
        self._thread.join()

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        archive: Archive | None = None
        while self._has_next():
            if self._is_closed:
                continue
            try:
                with self._alone(self._wait_for_others):
                    if archive is not None and not archive.is_current:
                        archive.close()  # one of another log has made the index anew
                        archive = None
                    if archive is None:
                        archive = self._open_archive()
                    self._work(archive)
                self.failure = None
            except _ClosedMeanwhile:
                continue
            except DatabaseFailed as error:
                if archive is not None:
                    archive.close()
                archive = None  # opened again, its index is made anew if need be
                self._fail(error)
            except Exception as error:  # whatever it is, it must not end the thread
                self._fail(error)
        if archive is not None:
            archive.close()

    def _has_next(self) -> bool:
        """Wait until there is something to do, or to do again; False if there never will be."""
        try:
            item = self._queue.get(timeout=RETRY_S if self._is_to_retry else None)
        except Empty:
            return True
        if item is not None:
            self._waiting.append(item)
        return item is not None

    @property
    def _is_to_retry(self) -> bool:
        return bool(self._waiting) or (self._retired is not None and self._retired.is_held)

    def _work(self, archive: Archive) -> None:
        done = 0
        try:
            while self._waiting:
                item = self._waiting[0]
                if isinstance(item, _Segment):
                    self._take(archive, item)
                else:
                    item(archive)
                self._waiting.popleft()
                done += 1
            if self._retired is not None:
                self._retired.look(self._pause)
            archive.expire(self._time_ms())
        finally:
            self._done += done

    def _take(self, archive: Archive, segment: _Segment) -> None:
        try:
            archive.take(segment.path, segment.header, segment.last_lsn, self._pause)
        except LogCorrupt as error:  # it will not get better
            self._tell_gap(segment, str(error))
        self._let_go(segment)

    def _wait_for_others(self) -> None:
        """One of them may stand still; that must not keep this process from ending."""
        if self._is_closed:
            raise _ClosedMeanwhile
        time.sleep(OTHERS_S)

    def _pause(self) -> None:
        if self._is_closed:
            raise _ClosedMeanwhile
        time.sleep(0)  # lets the loop have the interpreter

    def _fail(self, error: Exception) -> None:
        self.failure = error
        extra = {"cause": str(error) or repr(error), "waiting": len(self._waiting)}
        log.error("archive.failed: segments of the log wait for it", extra=extra, exc_info=error)
        segments = [item for item in self._waiting if isinstance(item, _Segment)]
        for segment in segments[: max(len(segments) - WAITING_MAX, 0)]:
            self._waiting.remove(segment)
            self._done += 1
            self._tell_gap(segment, str(error))
            self._let_go(segment)

    def _tell_gap(self, segment: _Segment, cause: str) -> None:
        extra = {
            "first_lsn": segment.header.first_lsn,
            "last_lsn": segment.last_lsn,
            "cause": cause,
        }
        log.critical("archive.gap: this part of the past is lost", extra=extra)

    def _let_go(self, segment: _Segment) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody writes any more
            self._notify(lambda: self._release(segment.path))
