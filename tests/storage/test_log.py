"""The commit log: numbers, batches, callbacks, segments used again, and its end after an error."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from perdure.storage import log as log_module
from perdure.storage import segments
from perdure.storage.errors import CommitTooLarge, InternalError, StorageBroken, StorageError
from perdure.storage.log import CommitLog
from perdure.storage.log_directory import Checkpoint
from perdure.storage.log_scan import scan
from perdure.storage.log_start import LogStart
from perdure.storage.logformat import RECORDS_START, Change, RecordKind
from tests.failing import fails_with
from tests.storage.flushed import CHANGE, TIME_MS, Loop, MakeLog
from tests.wire import PATIENCE_S

BEGINNING = Checkpoint()
ROOM_FOR_TWO = RECORDS_START + 2 * 240


def lsns(directory: Path, checkpoint: Checkpoint = BEGINNING) -> list[int]:
    return [record.lsn for record in scan(directory, checkpoint).records]


def test_what_is_published_as_durable_can_be_read_back(
    make_log: MakeLog, loop: Loop, tmp_path: Path
) -> None:
    log = make_log()
    assert [log.append(CHANGE) for _ in range(3)] == [1, 2, 3]
    assert log.durable_lsn == 0  # not before the loop was told
    loop.run_until(lambda: log.durable_lsn == 3)
    found = scan(tmp_path, Checkpoint())
    assert [record.lsn for record in found.records] == [1, 2, 3]
    assert found.records[0].time_ms == TIME_MS
    assert found.records[0].epoch == 1
    assert log.statistics().records == 3
    assert 1 <= log.statistics().batches <= 3
    assert log.statistics().written_size_bytes == log.live_size_bytes == found.size_bytes


def test_nothing_is_durable_before_its_sync(
    make_log: MakeLog, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log()
    log.append(CHANGE)
    log.wait()
    gate: SimpleQueue[None] = SimpleQueue()
    entered: SimpleQueue[None] = SimpleQueue()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        entered.put(None)
        gate.get(timeout=PATIENCE_S)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    seen: list[int] = []
    log.when_durable(log.append(CHANGE), lambda: seen.append(2))
    loop.run_until(lambda: log._is_busy and not log._pending)
    entered.get(timeout=PATIENCE_S)
    while not loop.calls.empty():
        loop.calls.get()()
    assert seen == []
    assert log.durable_lsn == 1
    batches = log.statistics().batches
    for _ in range(50):  # what comes in meanwhile is one batch
        log.append(CHANGE)
    gate.put(None)
    gate.put(None)
    loop.run_until(lambda: log.durable_lsn == 52)
    assert seen == [2]
    assert log.statistics().batches == batches + 2


def test_callbacks_come_in_the_order_of_their_numbers(make_log: MakeLog) -> None:
    log = make_log()
    seen: list[str] = []
    first, second = log.append(CHANGE), log.append(CHANGE)
    log.when_durable(second, lambda: seen.append("second"))
    log.when_durable(first, lambda: seen.append("first"))
    log.when_durable(first, lambda: seen.append("first again"))
    log.wait()
    assert seen == ["first", "first again", "second"]


def test_segments_follow_each_other_and_are_used_again(make_log: MakeLog, tmp_path: Path) -> None:
    log = make_log(segment_size_bytes=ROOM_FOR_TWO)
    for _ in range(7):
        log.append(CHANGE)
    log.wait()
    assert lsns(tmp_path) == [1, 2, 3, 4, 5, 6, 7]
    assert len(list(tmp_path.glob("*.seg"))) == 4
    assert log.first_segment_after(4) == 3
    assert log.first_segment_after(7) == 4
    log.recycle(5)  # the third segment holds 6 as well
    for _ in range(4):
        log.append(CHANGE)
    log.wait()
    assert len(list(tmp_path.glob("*.seg"))) == 4
    assert lsns(tmp_path, Checkpoint(lsn=5, segment=3))[-6:] == [6, 7, 8, 9, 10, 11]
    log.recycle(10**9)  # never the one that is being written
    assert log.append(CHANGE) == 12
    log.wait()


def test_a_record_larger_than_a_segment_has_one_of_its_own(
    make_log: MakeLog, tmp_path: Path
) -> None:
    log = make_log(segment_size_bytes=ROOM_FOR_TWO)
    log.append(CHANGE)
    log.append(Change(RecordKind.COMMIT, "k", bytes(32), images=bytes(20_000)))
    log.append(CHANGE)
    log.wait()
    found = scan(tmp_path, Checkpoint())
    assert [len(record.change.images) // 1000 for record in found.records] == [0, 20, 0]


def test_the_first_record_may_be_larger_than_a_segment(make_log: MakeLog, tmp_path: Path) -> None:
    log = make_log(segment_size_bytes=ROOM_FOR_TWO)
    log.append(Change(RecordKind.COMMIT, "k", bytes(32), images=bytes(20_000)))
    log.append(CHANGE)
    log.wait()
    assert lsns(tmp_path) == [1, 2]


def test_a_log_goes_on_where_the_last_one_ended(make_log: MakeLog, tmp_path: Path) -> None:
    first = make_log()
    first.append(CHANGE)
    first.close()
    files = tuple(tmp_path.glob("*.seg"))
    second = make_log(LogStart(lsn=1, segment=1, epoch=2, files=files))
    assert second.append(CHANGE) == 2
    second.wait()
    assert tuple(tmp_path.glob("*.seg")) == files  # the old file, begun anew
    (record,) = scan(tmp_path, Checkpoint(lsn=1, segment=2)).records
    assert (record.lsn, record.epoch) == (2, 2)


@pytest.mark.parametrize("call", ["fdatasync", "pwrite"])
def test_an_error_of_the_disk_is_final(
    make_log: MakeLog, loop: Loop, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    log = make_log()
    log.append(CHANGE)
    log.wait()
    tries: list[int] = []

    def fail(descriptor: int, *_: object) -> None:
        tries.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, fail)
    seen: list[int] = []
    log.when_durable(log.append(CHANGE), lambda: seen.append(1))
    loop.run_until(lambda: log.failure is not None)
    monkeypatch.undo()
    assert len(loop.failures) == 1
    assert "Input/output error" in str(loop.failures[0])
    assert log.durable_lsn == 1
    with pytest.raises(StorageBroken, match="all storage of this process"):
        log.append(CHANGE)
    with pytest.raises(StorageBroken):
        log.wait()
    assert len(tries) == 1  # a failed file is not tried again
    assert seen == []
    assert len(loop.failures) == 1


def test_a_failure_is_known_to_append_before_the_loop_is_told(
    make_log: MakeLog, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log()

    monkeypatch.setattr(os, "fdatasync", fails_with(errno.EIO))
    log.append(CHANGE)
    loop.calls.get()()
    told = loop.calls.get(timeout=PATIENCE_S)
    with pytest.raises(StorageBroken):
        log.append(CHANGE)
    told()
    assert len(loop.failures) == 1


def test_a_closed_loop_does_not_stop_the_flusher(tmp_path: Path) -> None:
    def closed(_: Callable[[], None]) -> None:
        raise RuntimeError("Event loop is closed")

    log = CommitLog(
        tmp_path, LogStart(), notify=closed, time_ms=lambda: 0, on_failure=lambda _: None
    )
    log.append(CHANGE)
    log.close()
    assert log.durable_lsn == 1
    assert lsns(tmp_path) == [1]
    log.close()
    log.wait()  # nothing is left to wait for
    with pytest.raises(InternalError, match="that is closed"):
        log.append(CHANGE)


def test_what_the_flusher_told_before_the_close_begins_nothing_after_it(tmp_path: Path) -> None:
    told: SimpleQueue[Callable[[], None]] = SimpleQueue()
    log = CommitLog(
        tmp_path, LogStart(), notify=told.put, time_ms=lambda: 0, on_failure=lambda _: None
    )
    begun: list[int] = []
    log.on_published = lambda: begun.append(log.durable_lsn)
    log.append(CHANGE)
    while not begun:
        told.get(timeout=PATIENCE_S)()
    log.append(CHANGE)
    log.close()
    assert not told.empty()
    while not told.empty():
        told.get()()
    assert (log.durable_lsn, begun) == (2, [1])


def test_what_no_record_can_hold_is_refused_and_the_log_goes_on(
    make_log: MakeLog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(log_module, "RECORD_SIZE_MAX", 100_000)
    log = make_log(segment_size_bytes=ROOM_FOR_TWO)
    log.append(CHANGE)
    before = (log.live_size_bytes, log.last_commit)
    with pytest.raises(CommitTooLarge) as caught:
        log.append(Change(RecordKind.COMMIT, "app-Room", bytes(32), images=bytes(200_000)))
    assert caught.value.allowed == 100_000
    assert caught.value.actual > 200_000
    with pytest.raises(StorageError, match="no record holds this change of 'kkkk"):
        log.append(Change(RecordKind.COMMIT, "k" * 70_000, bytes(32)))
    with pytest.raises(StorageError, match="no record holds this change"):
        log.append(Change(RecordKind.COMMIT, "k", bytes(32), database_pages=2**32))
    assert before == (log.live_size_bytes, log.last_commit)
    log.append(CHANGE)
    log.wait()
    assert log.failure is None
    assert lsns(tmp_path) == [1, 2]


def test_a_log_in_use_has_a_spare_file_before_it_needs_it(
    make_log: MakeLog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(log_module, "RESERVED_FROM_SIZE_BYTES", RECORDS_START + 100)
    log = make_log(segment_size_bytes=ROOM_FOR_TWO)
    directory_syncs: list[Path] = []
    monkeypatch.setattr(segments, "sync_directory", directory_syncs.append)
    log.append(CHANGE)
    log.wait()
    log.wait()  # what follows a batch is over when the next one is
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000001.seg", "00000002.seg"]
    assert (tmp_path / "00000002.seg").stat().st_size == 0
    assert log.statistics().segments == 2
    for _ in range(2):
        log.append(CHANGE)
    log.wait()
    log.wait()
    assert (tmp_path / "00000002.seg").stat().st_size > 0
    assert (tmp_path / "00000003.seg").stat().st_size == 0
    assert lsns(tmp_path) == [1, 2, 3]


def test_a_small_log_keeps_no_room(make_log: MakeLog, tmp_path: Path) -> None:
    log = make_log()
    log.append(CHANGE)
    log.wait()
    log.wait()
    (path,) = tmp_path.iterdir()
    assert path.stat().st_blocks * 512 <= 2 * 2**20


def test_a_spare_file_of_which_the_disk_says_it_has_failed_ends_the_log(
    make_log: MakeLog, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RESERVED_FROM_SIZE_BYTES", 0)
    log = make_log(segment_size_bytes=ROOM_FOR_TWO)

    monkeypatch.setattr(log_module, "make_spare", fails_with(errno.EIO))
    assert log.append(CHANGE) == 1
    loop.run_until(lambda: bool(loop.failures))
    assert log.durable_lsn == 1
    with pytest.raises(StorageBroken):
        log.append(CHANGE)
