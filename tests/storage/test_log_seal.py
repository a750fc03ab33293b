"""A log is ended at what is durable in it, and what its dead writer left does not come back."""

import os
from pathlib import Path

import pytest

from perdure.storage.archive.archive import DAY_MS, Retention
from perdure.storage.errors import DirectoryInUse, LogCorrupt
from perdure.storage.log_directory import Checkpoint, LogDirectory
from perdure.storage.log_scan import scan
from perdure.storage.log_seal import seal_log
from perdure.storage.log_tail import read_tail
from perdure.storage.logformat import (
    RECORDS_START,
    Change,
    RecordKind,
    SegmentHeader,
    encode_record,
)
from perdure.storage.segments import SegmentFile
from tests.storage.logged import KEY, A, Bench, content, put

SALT = 77


def record(lsn: int, *, epoch: int = 1, images: bytes = b"", durable_lsn: int = 0) -> bytes:
    return encode_record(
        Change(RecordKind.COMMIT, "", bytes(32), images=images),
        lsn=lsn,
        durable_lsn=durable_lsn,
        epoch=epoch,
        incarnation=1,
        commit=lsn,
        time_ms=0,
        salt=SALT,
    )


def write_log(directory: Path, *records: bytes, number: int = 1, first_lsn: int = 1) -> Path:
    """Write a segment by hand, with zeros behind; return its file."""
    header = SegmentHeader(number, first_lsn, SALT, 100_000)
    path = directory / f"{number}.seg"
    segment = SegmentFile.begin(path, header)
    segment.append(b"".join(records))
    segment.sync()
    segment.close()
    return path


def kinds(directory: Path) -> list[RecordKind]:
    return [each.change.kind for each in scan(directory, Checkpoint()).records]


def test_what_was_durable_is_there_and_the_log_goes_on(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    put(database, b=2)
    store.log.wait()
    bench.root = bench.copy()
    assert seal_log(bench.root / "log" / "0", 0) == 3
    again = bench.open()
    assert again.recovered.records == 2 + bench.records_elsewhere
    assert again.log.epoch == 2
    assert content(again) == {"a": 1, "b": 2}
    put(again.database(KEY, A), a=3)
    again.log.wait()
    assert again.log.appended_lsn == 4
    assert content(bench.after_crash()) == {"a": 3, "b": 2}


def test_the_log_of_one_who_lives_is_not_sealed(bench: Bench) -> None:
    bench.open()
    with pytest.raises(DirectoryInUse):
        seal_log(bench.root / "log" / "0", 0)


def test_sealing_again_changes_nothing(tmp_path: Path) -> None:
    path = write_log(tmp_path, record(1), record(2))
    assert seal_log(tmp_path, 0) == 3
    data = path.read_bytes()
    assert seal_log(tmp_path, 0) == 3
    assert path.read_bytes() == data


def test_what_was_read_is_durable_before_its_seal_and_that_on_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead writer may have left records in the kernel's memory that it never synced."""
    path = write_log(tmp_path, record(1))
    steps: list[str] = []
    fsync, pwrite = os.fsync, os.pwrite

    def sync(descriptor: int) -> None:
        assert os.path.samestat(os.fstat(descriptor), path.stat())
        steps.append("sync")
        fsync(descriptor)

    def write(descriptor: int, data: bytes, at: int) -> int:
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            steps.append("write")
        return pwrite(descriptor, data, at)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "pwrite", write)
    seal_log(tmp_path, 0)
    assert steps == ["sync", "write", "sync"]
    seal_log(tmp_path, 0)
    assert steps[3:] == ["sync"], "who sealed it may have died before its sync"


def test_a_torn_end_is_sealed_over(tmp_path: Path) -> None:
    torn = bytearray(record(3, images=b"x" * 200))
    torn[150] ^= 1
    write_log(tmp_path, record(1), record(2), bytes(torn))
    assert seal_log(tmp_path, 0) == 3
    assert kinds(tmp_path) == [RecordKind.COMMIT, RecordKind.COMMIT, RecordKind.SEAL]


def test_what_lies_behind_the_seal_does_not_count(tmp_path: Path) -> None:
    """It was on its way together with what was torn, and would fit, number and all."""
    torn = bytearray(record(2))
    torn[50] ^= 1
    path = write_log(tmp_path, record(1), bytes(torn), record(3), record(4, durable_lsn=1))
    assert seal_log(tmp_path, 0) == 2
    assert kinds(tmp_path) == [RecordKind.COMMIT, RecordKind.SEAL]
    tail = read_tail(tmp_path, ("", bytes(32)))
    assert [each.lsn for each in tail.records] == [1, 2]
    with path.open("r+b") as file:  # nor what the dead one had on its way elsewhere
        file.seek(RECORDS_START + 2 * len(record(1)))
        file.write(record(3, durable_lsn=2) + record(4, durable_lsn=3))
    assert kinds(tmp_path) == [RecordKind.COMMIT, RecordKind.SEAL]


def test_a_new_epoch_begins_behind_it_in_another_segment(tmp_path: Path) -> None:
    write_log(tmp_path, record(1))
    seal_log(tmp_path, 0)
    write_log(tmp_path, record(3, epoch=2), record(4, epoch=2), number=2, first_lsn=3)
    assert kinds(tmp_path) == [
        RecordKind.COMMIT,
        RecordKind.SEAL,
        RecordKind.COMMIT,
        RecordKind.COMMIT,
    ]
    write_log(tmp_path, record(3, epoch=1), number=2, first_lsn=3)
    with pytest.raises(LogCorrupt, match="epoch 1, which had ended"):
        scan(tmp_path, Checkpoint())


def test_a_segment_that_was_only_begun_is_sealed(tmp_path: Path) -> None:
    write_log(tmp_path)
    assert seal_log(tmp_path, 0) == 1
    assert kinds(tmp_path) == [RecordKind.SEAL]


def test_a_log_without_segments_ends_its_epoch(tmp_path: Path) -> None:
    assert seal_log(tmp_path, 0) == 0
    log = LogDirectory.open(tmp_path)
    known = log.read_checkpoint()
    log.close()
    write_log(tmp_path, record(1, epoch=0))
    with pytest.raises(LogCorrupt, match="epoch 0, which had ended"):
        scan(tmp_path, known)


def test_a_damaged_log_is_left_as_it_is(tmp_path: Path) -> None:
    torn = bytearray(record(2))
    torn[50] ^= 1
    path = write_log(tmp_path, record(1), bytes(torn), record(3, durable_lsn=2))
    data = path.read_bytes()
    with pytest.raises(LogCorrupt, match="proves"):
        seal_log(tmp_path, 0)
    assert path.read_bytes() == data


def test_a_seal_goes_into_the_archive_and_out_of_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    store = bench.open()
    put(store.database(KEY, A), a=1)
    store.log.wait()
    bench.root = bench.copy()
    seal_log(bench.root / "log" / "0", 1000)
    again = bench.open(retention=Retention(days=1))
    database = again.database(KEY, A)
    put(database, a=2)

    def archived() -> bool:
        return any((bench.root / "archive" / "0").glob("*.arc"))

    bench.run_until(archived)
    again.close()
    bench.time_ms += 3 * DAY_MS
    last = bench.open(retention=Retention(days=1))
    assert last._archiver is not None
    last._archiver.do(lambda _: bench.calls.put(lambda: None))  # afterwards
    bench.run_until(lambda: not archived())
    put(last.database(KEY, A), a=3)
    last.close()
    assert content(bench.open()) == {"a": 3}
    assert caplog.records == []
