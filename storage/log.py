"""The commit log of a process: what all its actors commit, made durable in batches.

*Promise*: what ``append`` took is durable once ``durable_lsn`` has reached its number, in the
order of the numbers. After an error of the disk, or when another process has opened the log,
nothing is ever durable again, nothing is appended, and ``on_failure`` is told once.
*Assumes*: everything but the flusher's own methods runs in one thread, the loop's; ``notify``
has its argument called there soon. The directory is locked by this process.
*Rules for editing*: ``durable_lsn`` moves in ``_publish`` and nowhere else, and only to what a
``sync`` has returned for, with a look afterwards whether the log is still this process's. The
flusher never tries a failed file again. Nothing here sleeps: a batch is what has come in while the
batch before it was on its way.
*Considered and refused*: handing each record over at once: the flusher would wake in the middle of
an iteration of the loop, and fight it for the interpreter over batches of a few records.
Encoding in the flusher's thread: it would take the interpreter for as long as the loop has saved.
"""

import contextlib
import os
import struct
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from queue import Empty, SimpleQueue

from .errors import CommitTooLarge, InternalError, StorageBroken, StorageError
from .health import LogStatistics
from .log_hold import nobody_holds
from .log_ownership import LogOwnership
from .log_start import LogStart
from .logformat import (
    RECORD_SIZE_MAX,
    RECORDS_START,
    Change,
    SegmentHeader,
    encode_record,
    record_size,
)
from .segments import SegmentFile, make_spare, new_segment_path

SEGMENT_SIZE_BYTES = 64 * 2**20
# A log that has so much in one segment will need all of it, and the next one.
RESERVED_FROM_SIZE_BYTES = 2**20


@dataclass(slots=True)
class _Segment:
    """A segment as the loop sees it: where the next record goes, before anything is written."""

    header: SegmentHeader
    position: int = RECORDS_START
    last_lsn: int = 0
    path: Path | None = None
    actors: int = 0  # whose first record in here is one of these


_Encoded = tuple[_Segment, bytes, int]  # where it goes, the record, its LSN
_Item = list[_Encoded] | threading.Event | None  # an event is set when all before it is durable
_LSN = itemgetter(0)
_Current = tuple[_Segment, SegmentFile] | None


def _nobody_else() -> None:
    """Look whether a log is still one's own that nobody else can open."""


class CommitLog:
    """The log of one slot.

    Attributes:
        slot: Its name.
        appended_lsn: The number given last.
        durable_lsn: Everything up to this number is durable.
        failure: Why nothing works any more; None while all is well.
        epoch: Which opening of the log this is.
        incarnation: Which history of the directory its records belong to.
        last_commit: The highest commit number that is known. Set it higher before an actor is
            taken over from another log: an actor's numbers never go back.
        on_published: Called in the loop's thread when ``durable_lsn`` has moved.
        on_recycled: Given each segment that is not needed any more: file, header, last record.
            ``release`` is to be called when it may be used again; without one it is at once.
        on_broken: Called in the loop's thread, each with the failure, when the log has failed.
    """

    def __init__(
        self,
        directory: Path,
        start: LogStart,
        *,
        notify: Callable[[Callable[[], None]], object],
        time_ms: Callable[[], int],
        on_failure: Callable[[StorageBroken], None],
        segment_size_bytes: int = SEGMENT_SIZE_BYTES,
        kept: frozenset[Path] = frozenset(),
        ownership: LogOwnership | None = None,
    ) -> None:
        """Go on with the log in ``directory``.

        Args:
            directory: Where the segments are.
            start: What is there already.
            notify: Calls its argument in the loop's thread, soon; may be called from any.
            time_ms: Now, in Unix milliseconds.
            on_failure: Called in the loop's thread when the log has failed.
            segment_size_bytes: How large a segment is to be.
            kept: Files of ``start`` that are not to be used before they are released.
            ownership: Of the log; None if nobody else can have it.
        """
        self.slot = directory.name
        self.appended_lsn = self.durable_lsn = start.lsn
        self.epoch = start.epoch
        self.incarnation = start.incarnation
        self.last_commit = start.commit
        self.failure: StorageBroken | None = None
        self.on_published: Callable[[], None] | None = None
        self.on_recycled: Callable[[Path, SegmentHeader, int], None] | None = None
        self.on_broken: set[Callable[[StorageBroken], None]] = set()
        self._directory = directory
        self._notify = notify
        self._time_ms = time_ms
        self._on_failure = on_failure
        self._segment_size = segment_size_bytes
        self._ownership = ownership
        self._check_owner = _nobody_else if ownership is None else ownership.check
        self._segments: deque[_Segment] = deque()
        self._next_segment = start.segment + 1
        self._suspect = start.suspect
        self._free = deque(path for path in start.files if path not in kept | {start.suspect})
        self._files = set(start.files)
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()  # by LSN
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._synced_lsn = start.lsn  # the flusher's; published as durable_lsn
        self._error: Exception | None = None  # likewise, as failure
        self._has_room = False  # for the rest of this segment, and the next one
        self._is_closed = False
        self._pending: list[_Encoded] = []
        self._is_busy = False  # the flusher has something, or will have it in the next iteration
        self._records = self._batches = self._written = 0
        self._sync_s = 0.0
        self._roll(0)
        self._thread = threading.Thread(target=self._run, name=f"perdure-log-{self.slot}")
        self._thread.daemon = True  # a program that forgets to close must still be able to end
        self._thread.start()

    # --- the loop's side ---------------------------------------------------------------------

    def append(self, change: Change) -> int:
        """Take ``change`` in, and return the number at which it will be durable.

        Raises:
            StorageBroken: The log has failed.
            CommitTooLarge: No record can hold it; nothing has happened.
            StorageError: Likewise, because of something else than its size.
        """
        if self._error is not None:
            self._publish()
        if self.failure is not None:
            raise copy(self.failure)
        if self._is_closed:
            raise InternalError("a record was appended to a log that is closed")
        size = record_size(change)
        if size > RECORD_SIZE_MAX:
            raise CommitTooLarge.of(self._directory, "bytes of a record", size, RECORD_SIZE_MAX)
        segment = self._segments[-1]
        if segment.position + size > segment.header.size:
            segment = self._roll(size)
        lsn = self.appended_lsn + 1
        try:
            data = encode_record(
                change,
                lsn=lsn,
                durable_lsn=self._synced_lsn,
                epoch=self.epoch,
                incarnation=self.incarnation,
                commit=self.last_commit + 1,
                time_ms=self._time_ms(),
                salt=segment.header.salt,
            )
        except struct.error as error:
            problem = f"no record holds this change of {change.unique_key[:100]!r}: {error}"
            raise StorageError(self._directory, problem) from error
        self.last_commit += 1
        self.appended_lsn = segment.last_lsn = lsn
        segment.position += size
        if change.previous_lsn < segment.header.first_lsn:
            segment.actors += 1
        self._pending.append((segment, data, lsn))
        if not self._is_busy:
            self._is_busy = True
            with contextlib.suppress(RuntimeError):  # of a closed loop: see _tell
                self._notify(self._hand_over)
        return lsn

    def _hand_over(self) -> None:
        """Give the flusher what has come in, as one batch."""
        if self._pending:
            self._is_busy = True
            batch, self._pending = self._pending, []
            self._queue.put(batch)

    def when_durable(self, lsn: int, action: Callable[[], None]) -> None:
        """Call ``action`` in the loop's thread once ``lsn`` is durable; never, if that fails."""
        waiting = self._waiting
        if waiting and waiting[-1][0] > lsn:  # it waits for what was committed some time ago
            insort(waiting, (lsn, action), key=_LSN)
        else:
            waiting.append((lsn, action))

    def give_up(self, error: Exception) -> None:
        """Fail as if the disk had: what the log says could not be done."""
        if self._error is None:
            self._error = error
        self._publish()

    def wait(self) -> None:
        """Hold the calling thread until all that was appended is durable.

        Raises:
            StorageBroken: It never will be.
        """
        self.settle()
        self._publish()
        if self.failure is not None:
            raise copy(self.failure)

    @property
    def is_own(self) -> bool:
        """No other process has opened the log, as far as a look at memory tells."""
        return self._ownership is None or self._ownership.is_own

    @property
    def synced_lsn(self) -> int:
        """What is on the disk; ``durable_lsn`` follows as soon as the loop is told."""
        return self._synced_lsn

    def settle(self) -> None:
        """Hold the calling thread until all that was appended is synced, or the log has failed.

        Nobody who waits is told meanwhile, so that this may be called in the middle of a turn.
        """
        if self._is_closed:  # which has settled everything
            return
        self._hand_over()
        done = threading.Event()
        self._queue.put(done)
        done.wait()

    def first_segment_after(self, lsn: int) -> int:
        """Return the number of the segment that holds, or will hold, what comes after ``lsn``."""
        for segment in self._segments:
            if segment.last_lsn > lsn:
                return segment.header.number
        return self._segments[-1].header.number

    def roll(self) -> int:
        """Let what comes next stand in another segment, so that all before it can be let go.

        Returns:
            The last number before that.
        """
        if self._segments[-1].position > RECORDS_START:
            self._roll(0)
        return self.appended_lsn

    def recycle(self, lsn: int) -> None:
        """Use the files again that hold nothing after ``lsn``; a CHECKPOINT says so durably.

        While somebody holds the log (storage/log_hold.py), nothing; then the next call does more.
        """
        with nobody_holds(self._directory) as is_free:
            while is_free and len(self._segments) > 1 and self._segments[0].last_lsn <= lsn:
                segment = self._segments[0]
                if segment.path is None or segment.last_lsn > self.durable_lsn:
                    return
                self._segments.popleft()
                if self.on_recycled is None:
                    self.release(segment.path)
                else:
                    self.on_recycled(segment.path, segment.header, segment.last_lsn)

    def release(self, path: Path) -> None:
        """Use a file again whose records are not needed any more."""
        if path != self._suspect:
            self._free.append(path)

    @property
    def live_records(self) -> int:
        """How many records a recovery would have to read."""
        return self.appended_lsn - self._segments[0].header.first_lsn + 1

    @property
    def live_actors(self) -> int:
        """How many files a recovery would have to bring up to date, or some more."""
        return sum(segment.actors for segment in self._segments)

    @property
    def live_size_bytes(self) -> int:
        """Bytes of records that a recovery would have to read."""
        return sum(segment.position - RECORDS_START for segment in self._segments)

    def statistics(self) -> LogStatistics:
        """What the log has done since it was opened."""
        return LogStatistics(
            self._records,
            self._batches,
            self._written,
            self._sync_s,
            self.live_size_bytes,
            len(self._files),
        )

    def close(self) -> None:
        """Make durable what was appended, and end the thread; closing twice does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._hand_over()
            self._queue.put(None)
            self._thread.join()
            self._publish()

    def _roll(self, size: int) -> _Segment:
        if self._segments and self._segments[-1].position == RECORDS_START:
            # It would stay without a record, so never be written, and be missed by who reads.
            self._segments.pop()
            self._next_segment -= 1
        header = SegmentHeader(
            self._next_segment,
            self.appended_lsn + 1,
            int.from_bytes(os.urandom(4), "little"),
            max(self._segment_size, RECORDS_START + size),
        )
        self._next_segment += 1
        self._segments.append(_Segment(header, last_lsn=self.appended_lsn))
        return self._segments[-1]

    def _publish(self) -> None:
        """Say in the loop's thread what the flusher has done."""
        self.durable_lsn = self._synced_lsn
        waiting = self._waiting
        while waiting and waiting[0][0] <= self.durable_lsn:
            waiting.popleft()[1]()
        self._is_busy = False
        self._hand_over()
        # What the flusher told comes after the close too, when nothing may be begun any more.
        if self.on_published is not None and self._error is None and not self._is_closed:
            self.on_published()
        if self._error is not None and self.failure is None:
            self.failure = StorageBroken.of(self._directory, self._error)
            waiting.clear()
            self._on_failure(self.failure)
            for action in list(self.on_broken):
                action(copy(self.failure))

    # --- the flusher's side ------------------------------------------------------------------

    def _run(self) -> None:
        current: _Current = None
        is_open = True
        while is_open:
            batch = self._take()
            events = [item for item in batch if isinstance(item, threading.Event)]
            if self._error is None:
                try:
                    records = [r for item in batch if isinstance(item, list) for r in item]
                    current = self._write(records, current)
                except Exception as error:  # whatever it is, the log ends here; told in _publish
                    self._error = error
                self._tell()
                if current is not None and self._error is None:
                    self._keep_room(current[1])
            for event in events:
                event.set()
            is_open = None not in batch
        if current is not None:
            with contextlib.suppress(OSError):  # everything in it is durable already, or lost
                current[1].close()

    def _take(self) -> list[_Item]:
        batch = [self._queue.get()]
        with contextlib.suppress(Empty):
            while True:
                batch.append(self._queue.get_nowait())
        return batch

    def _write(
        self,
        records: list[tuple[_Segment, bytes, int]],
        current: tuple[_Segment, SegmentFile] | None,
    ) -> tuple[_Segment, SegmentFile] | None:
        at = 0
        while at < len(records):
            self._check_owner()  # the other may use this file for something else
            segment = records[at][0]
            parts = []
            while at < len(records) and records[at][0] is segment:
                parts.append(records[at][1])
                at += 1
            if current is None or current[0] is not segment:
                if current is not None:
                    current[1].close()
                current = (segment, self._begin(segment))
            data = b"".join(parts)
            current[1].append(data)
            started = time.perf_counter()
            current[1].sync()
            self._sync_s += time.perf_counter() - started
            self._check_owner()
            self._batches += 1
            self._records += len(parts)
            self._written += len(data)
            self._synced_lsn = records[at - 1][2]
        return current

    def _keep_room(self, current: SegmentFile) -> None:
        """Once the log has come into use: the disk may be full when this segment is."""
        if current.position < RESERVED_FROM_SIZE_BYTES or self._has_room:
            return
        self._has_room = True  # or cannot have it; looked at again with the next segment
        try:
            current.reserve()
            path = new_segment_path(self._directory, self._files)
            if not self._free and make_spare(path, self._segment_size):
                self._files.add(path)
                self._free.append(path)
        except OSError as error:
            self._error = error
            self._tell()

    def _begin(self, segment: _Segment) -> SegmentFile:
        try:
            path = self._free.popleft()
        except IndexError:
            path = new_segment_path(self._directory, self._files)
            self._files.add(path)
        self._has_room = False
        file = SegmentFile.begin(path, segment.header)
        segment.path = path
        return file

    def _tell(self) -> None:
        # A loop that is closed refuses; then close() or wait() publishes.
        with contextlib.suppress(RuntimeError):
            self._notify(self._publish)
