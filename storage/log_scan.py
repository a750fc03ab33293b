"""Reads a commit log from its checkpoint to its end, and tells an end from a loss.

*Promise*: what ``scan`` returns is all that was ever acknowledged after the checkpoint, in
order, and maybe some that was not. If something that was durable once is missing or damaged,
it raises instead.
*Assumes*: the log's directory is locked.
*Rules for editing*: the three cases below are the failure table of design/STORAGE.md section 5;
each has a test with a flipped bit.

A record that cannot be read is the torn end of the log, and legal, only in the newest segment,
and only if nothing behind it says that it was durable. A readable record behind it does not
say so by itself: the sectors of one batch may reach the disk in any order. One whose
``durable_lsn`` covers the damaged one does: it was written after a sync had returned for that.
"""

import mmap
from dataclasses import dataclass, field
from pathlib import Path

from .errors import LogCorrupt
from .log_directory import Checkpoint
from .logformat import (
    RECORDS_START,
    Record,
    RecordKind,
    SegmentHeader,
    decode_record,
    find_record_after,
)
from .segments import FoundSegment, find_segments

_HINT = "Restore the directory from a backup; nothing in it was changed"


@dataclass(slots=True)
class LogScan:
    """What a log holds.

    Attributes:
        records: Those after the checkpoint, in order.
        lsn: The last record's number, or the checkpoint's.
        segment: The newest segment's number, or the one before the checkpoint's.
        epoch: The last one that wrote.
        commit: The highest commit number.
        incarnation: The last history that was written.
        size_bytes: Of the records read.
        segments: All segment files that were begun, by their numbers.
        files: All segment files.
        end: Where, in the newest segment, what was read ends.
    """

    lsn: int
    segment: int
    epoch: int
    commit: int = 0
    incarnation: int = 1
    records: list[Record] = field(default_factory=list)
    size_bytes: int = 0
    segments: tuple[tuple[Path, SegmentHeader], ...] = ()
    files: tuple[Path, ...] = ()
    end: int = RECORDS_START

    @property
    def is_sealed(self) -> bool:
        """Its last record says that its writer is dead (storage/log_seal.py)."""
        return bool(self.records) and self.records[-1].change.kind is RecordKind.SEAL


def scan(directory: Path, checkpoint: Checkpoint) -> LogScan:
    """Read the log in ``directory``.

    The records hold views of the mapped files, which stay mapped while they are in use.

    Raises:
        LogCorrupt: Something is missing that was durable.
        OSError: It cannot be read.
    """
    found = find_segments(directory)
    result = LogScan(checkpoint.lsn, checkpoint.segment - 1, checkpoint.epoch)
    result.incarnation = checkpoint.incarnation
    result.files = tuple(segment.path for segment in found)
    result.segments = tuple((each.path, each.header) for each in found if each.header is not None)
    wanted = _wanted(found, checkpoint, directory)
    for place, (path, header) in enumerate(wanted):
        _check_first(path, header, result, checkpoint, is_first=place == 0)
        _read(path, header, result, is_newest=place == len(wanted) - 1)
    # Before logs had a count of their own, commits had the numbers of their records.
    commit = result.records[-1].commit if result.records else 0
    result.commit = max(commit, checkpoint.commit, result.lsn)
    if result.lsn < checkpoint.lsn:
        problem = f"ends with record {result.lsn}, and {checkpoint.lsn} was durable"
        raise LogCorrupt(directory, problem, _HINT)
    return result


def _wanted(
    found: list[FoundSegment], checkpoint: Checkpoint, directory: Path
) -> list[tuple[Path, SegmentHeader]]:
    wanted = [
        (segment.path, segment.header)
        for segment in found
        if segment.header is not None and segment.header.number >= checkpoint.segment
    ]
    numbers = [header.number for _, header in wanted]
    expected = list(range(checkpoint.segment, checkpoint.segment + len(wanted)))
    if numbers != expected:
        problem = f"holds segments {numbers}, and {expected} are needed"
        raise LogCorrupt(directory, problem, _HINT)
    return wanted


def _check_first(
    path: Path, header: SegmentHeader, so_far: LogScan, checkpoint: Checkpoint, *, is_first: bool
) -> None:
    """Each segment goes on where the one before it ended, so that no tail is lost unseen."""
    if is_first:
        if header.first_lsn > checkpoint.lsn + 1:
            problem = f"begins with record {header.first_lsn}; {checkpoint.lsn + 1} is needed"
            raise LogCorrupt(path, problem, _HINT)
        so_far.lsn = header.first_lsn - 1
    elif header.first_lsn != so_far.lsn + 1:
        problem = (
            f"begins with record {header.first_lsn}, and the one before ends with {so_far.lsn}"
        )
        raise LogCorrupt(path, problem, _HINT)


def _read(path: Path, header: SegmentHeader, result: LogScan, *, is_newest: bool) -> None:
    data = _map(path)
    at = _read_records(path, data, header.salt, result)
    result.segment, result.end = header.number, at
    if not is_newest or result.is_sealed:
        return  # the next header says whether this was all, or nothing counts behind this
    proof = find_record_after(data, at, header.salt, result.lsn, durable_from=result.lsn + 1)
    if proof is not None:
        problem = (
            f"record {result.lsn + 1}, at byte {at}, is damaged; record {proof.lsn} behind it "
            "proves that it was durable"
        )
        raise LogCorrupt(path, problem, _HINT)


def _read_records(path: Path, data: memoryview, salt: int, result: LogScan) -> int:
    """Take the records of a segment in; return where the last of them ends.

    This is half of a recovery's time: nothing is looked up or called that need not be.
    """
    at, lsn, epoch = RECORDS_START, result.lsn, result.epoch
    take, seal = result.records.append, RecordKind.SEAL
    is_sealed = result.is_sealed
    while (record := decode_record(data, at, salt)) is not None and record.lsn == lsn + 1:
        if record.epoch != epoch or is_sealed:  # it ends with its seal, or when the next begins
            if record.epoch < epoch or (is_sealed and record.epoch == epoch):
                problem = f"record {record.lsn} is of epoch {record.epoch}, which had ended"
                raise LogCorrupt(path, problem, _HINT)
            epoch = record.epoch
        is_sealed = record.change.kind is seal
        lsn = record.lsn
        take(record)
        at += record.size
        if is_sealed:
            break
    result.lsn, result.epoch = lsn, epoch
    result.size_bytes += at - RECORDS_START
    return at


def _map(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
