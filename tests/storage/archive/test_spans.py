"""The archive's files: what one segment held, by actor."""

import os
import stat
from pathlib import Path

import pytest

from perdure.storage.archive import spans
from perdure.storage.archive.spans import (
    Span,
    last_intact,
    read_records,
    read_spans,
    write_archive_file,
)
from perdure.storage.durable_files import sync_directory
from perdure.storage.errors import ArchiveDamaged, LogCorrupt
from perdure.storage.log_tail import map_file
from perdure.storage.logformat import Change, Record, RecordKind
from tests.storage.segmented import write_segment

KEY = "key"
A, B = b"a" * 32, b"b" * 32


def change(actor: bytes, kind: RecordKind = RecordKind.COMMIT) -> Change:
    return Change(kind, KEY, actor, images=b"x" * 32)


CHANGES = [
    change(B, RecordKind.CREATE),
    change(A),
    change(B),
    change(A, RecordKind.REPLACED),
    change(A),
]


def archive(
    path: Path, changes: list[Change], lsns: tuple[int, int], replaced: list[Record] | None = None
) -> list[Span]:
    segment = path.with_suffix(".seg")
    header = write_segment(segment, changes)
    told = [] if replaced is None else replaced
    return write_archive_file(path, map_file(segment), header, lsns, lambda: None, told.append)


def test_records_are_sorted_by_actor_and_are_what_they_were(tmp_path: Path) -> None:
    path = tmp_path / "0" / "x.arc"
    replaced: list[Record] = []
    written = archive(path, CHANGES, (1, 5), replaced)
    assert list(read_spans(path)) == written
    assert [(span.actor, span.records) for span in written] == [((KEY, A), 3), ((KEY, B), 2)]
    found = [read_records(path, span.position) for span in written]
    assert [[record.lsn for record in each] for each in found] == [[2, 4, 5], [1, 3]]
    assert [bytes(record.change.images[:32]) for record in found[0]] == [b"x" * 32] * 3
    assert [record.lsn for record in replaced] == [4]
    first = written[0]
    assert (first.base_commit, first.base_kind) == (4, RecordKind.REPLACED)
    assert (first.first_ms, first.last_ms, first.first_commit, first.last_commit) == (
        2000,
        5000,
        2,
        5,
    )
    assert sum(span.stored_size_bytes for span in written) + 16 == path.stat().st_size


def test_only_the_records_that_are_asked_for_are_taken(tmp_path: Path) -> None:
    written = archive(tmp_path / "x.arc", CHANGES, (2, 3))
    assert [(span.actor_id, span.first_commit) for span in written] == [(A, 2), (B, 3)]


def test_much_of_one_actor_becomes_several_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "_SPAN_SIZE_BYTES_MAX", 200)
    written = archive(tmp_path / "x.arc", [change(A)] * 7, (1, 7))
    assert [(span.first_commit, span.last_commit) for span in written] == [
        (1, 2),
        (3, 4),
        (5, 6),
        (7, 7),
    ]


def test_a_clock_that_was_set_back_makes_no_record_unfindable(tmp_path: Path) -> None:
    segment = tmp_path / "x.seg"
    header = write_segment(segment, [change(A)] * 3)
    span = write_archive_file(tmp_path / "x.arc", map_file(segment), header, (1, 3), lambda: None)[
        0
    ]
    assert (span.first_ms, span.last_ms) == (1000, 3000)


def test_any_byte_that_is_damaged_is_noticed_and_costs_its_span_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.arc"
    written = archive(path, CHANGES, (1, 5))
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        data = bytearray(good)
        data[at] ^= 0x10
        path.write_bytes(data)
        damaged = 0
        for span in written:
            try:
                read_records(path, span.position)
            except ArchiveDamaged:
                damaged += 1
        assert damaged == (at >= 16)
        if not 12 <= at < 16:  # nothing is kept there
            with pytest.raises(ArchiveDamaged):
                list(read_spans(path))


def test_a_file_is_durable_before_it_has_its_name_and_that_on_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "0" / "x.arc"
    steps: list[str] = []
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        size = os.fstat(descriptor).st_size
        steps.append(f"content, has its name: {path.exists()}")
        fsync(descriptor)
        assert size == path.with_name("x.arc.new").stat().st_size, "nothing is written afterwards"

    def sync_name(directory: Path) -> None:
        steps.append(f"name, is there: {path.exists()}")
        sync_directory(directory)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(spans, "sync_directory", sync_name)
    archive(path, CHANGES, (1, 5))
    assert steps == ["content, has its name: False", "name, is there: True"]


def test_a_file_that_ends_too_early_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.arc"
    written = archive(path, CHANGES, (1, 5))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArchiveDamaged):
        list(read_spans(path))
    path.write_bytes(path.read_bytes()[: written[1].position])
    with pytest.raises(ArchiveDamaged, match="should begin"):
        read_records(path, written[1].position)


def test_a_damaged_segment_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    segment = tmp_path / "x.seg"
    header = write_segment(segment, CHANGES)
    data = bytearray(segment.read_bytes())
    size = (len(data) - 4096 - 8192) // 5
    data[8192 + 3 * size + 60] ^= 1
    segment.write_bytes(data)
    with pytest.raises(LogCorrupt, match="record 4"):
        write_archive_file(tmp_path / "x.arc", map_file(segment), header, (1, 5), lambda: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.seg"]
    assert last_intact(map_file(segment), header, 5) == 3
    assert last_intact(map_file(segment), header, 2) == 2


def test_who_pauses_may_stop_it(tmp_path: Path) -> None:
    segment = tmp_path / "x.seg"
    header = write_segment(segment, CHANGES)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_archive_file(tmp_path / "x.arc", map_file(segment), header, (1, 5), stop)
    assert not (tmp_path / "x.arc").exists()
