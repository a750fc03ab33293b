"""What the log does in which order: syncs, words to the loop, and what it never does again."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from perdure.storage.errors import StorageBroken
from perdure.storage.log import CommitLog
from perdure.storage.log_directory import Checkpoint
from perdure.storage.log_scan import scan
from perdure.storage.log_start import LogStart
from perdure.storage.logformat import RECORD_MAGIC, Record
from tests.storage.flushed import CHANGE, Loop, MakeLog
from tests.wire import PATIENCE_S


class HeldSync:
    """Each fdatasync begins when a test has looked, and ends as it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered: SimpleQueue[None] = SimpleQueue()
        self.words: SimpleQueue[str] = SimpleQueue()
        real = os.fdatasync

        def held(descriptor: int) -> None:
            self.entered.put(None)
            if self.words.get(timeout=PATIENCE_S) == "fail":
                raise OSError(errno.EIO, "Input/output error")
            real(descriptor)

        monkeypatch.setattr(os, "fdatasync", held)


def records(directory: Path, segment: int = 1) -> list[Record]:
    return scan(directory, Checkpoint(segment=segment)).records


@contextmanager
def second_sync_held(
    log: CommitLog, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HeldSync]:
    """One record is durable, and another one on its way as long as nothing is said of it."""
    log.append(CHANGE)
    loop.run_until(lambda: log.durable_lsn == 1)
    with monkeypatch.context() as patch:
        sync = HeldSync(patch)
        log.append(CHANGE)
        log._hand_over()
        sync.entered.get(timeout=PATIENCE_S)
        yield sync


def test_each_batch_is_synced_before_it_is_told(
    make_log: MakeLog, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log()
    log.append(CHANGE)
    loop.run_until(lambda: log.durable_lsn == 1)
    loop.events.clear()
    real = os.fdatasync

    def noted(descriptor: int) -> None:
        loop.events.append("synced")
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", noted)
    for lsn in (2, 3):
        log.append(CHANGE)
        loop.run_until(lambda lsn=lsn: log.durable_lsn == lsn)  # type: ignore[misc]  # mypy has no type for a default
    log.close()
    assert loop.events[:4] == ["synced", "told", "synced", "told"]


def test_what_came_in_before_an_error_is_never_written_after_it(
    make_log: MakeLog, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that failed says what was lost once; the next one would succeed without it."""
    log = make_log()
    with second_sync_held(log, loop, monkeypatch) as sync:
        log.append(CHANGE)  # waits for the batch that is on its way
        sync.words.put("fail")
        loop.run_until(lambda: log.failure is not None)
        sync.words.put("go")  # for a sync that must not come
    with pytest.raises(StorageBroken):
        log.wait()
    assert log.durable_lsn == 1
    assert len(records(tmp_path)) <= 2


def test_a_record_that_was_lost_does_not_come_back_behind_its_successor(
    make_log: MakeLog, tmp_path: Path
) -> None:
    """Of a batch that was torn, the second record is whole; the segment's next life begins anew."""
    first = make_log()
    first.append(CHANGE)
    first.append(CHANGE)
    first.close()
    files = tuple(tmp_path.glob("*.seg"))
    second = make_log(LogStart(lsn=0, segment=1, epoch=2, files=files))
    second.append(CHANGE)
    second.wait()
    assert [(record.lsn, record.epoch) for record in records(tmp_path, segment=2)] == [(1, 2)]


def test_records_say_no_more_than_what_was_durable(
    make_log: MakeLog, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a batch that was torn would be taken for a loss, and nothing would start again."""
    log = make_log()
    with second_sync_held(log, loop, monkeypatch) as sync:
        log.append(CHANGE)
        log.append(CHANGE)
        sync.words.put("go")
        sync.words.put("go")
        log.wait()
    assert [record.durable_lsn for record in records(tmp_path)] == [0, 1, 1, 1]


def test_the_name_of_a_new_segment_is_synced_before_its_first_record(
    make_log: MakeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, pwrite = os.fsync, os.pwrite

    def noted_fsync(descriptor: int) -> None:
        events.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def noted_pwrite(descriptor: int, data: memoryview, at: int) -> int:
        if bytes(data[:4]) == RECORD_MAGIC:
            events.append("record")
        return pwrite(descriptor, data, at)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "pwrite", noted_pwrite)
    log = make_log()
    log.append(CHANGE)
    log.wait()
    assert events == [str(tmp_path), "record"]
