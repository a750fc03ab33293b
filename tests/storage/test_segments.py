"""Segment files: headers first, zeros ahead, used again."""

import os
from pathlib import Path

import pytest

from perdure.storage import segments
from perdure.storage.logformat import RECORDS_START, SegmentHeader
from perdure.storage.segments import SegmentFile, find_segments, new_segment_path

HEADER = SegmentHeader(number=1, first_lsn=1, salt=7, size=RECORDS_START + 4096)


def test_a_segment_is_found_by_its_header(tmp_path: Path) -> None:
    later = SegmentFile.begin(tmp_path / "a.seg", SegmentHeader(2, 5, 1, 1 << 16))
    SegmentFile.begin(tmp_path / "b.seg", HEADER).close()
    later.append(b"x" * 100)
    later.sync()
    later.close()
    (tmp_path / "c.seg").write_bytes(bytes(10))
    assert [(s.path.name, s.header and s.header.number) for s in find_segments(tmp_path)] == [
        ("b.seg", 1),
        ("a.seg", 2),
        ("c.seg", None),
    ]
    assert (tmp_path / "a.seg").read_bytes()[RECORDS_START:][:101] == b"x" * 100 + b"\0"


def test_zeros_are_written_ahead_but_not_beyond_the_size(tmp_path: Path) -> None:
    segment = SegmentFile.begin(tmp_path / "a.seg", HEADER)
    assert (tmp_path / "a.seg").stat().st_size == HEADER.size
    segment.append(bytes(4096))
    segment.close()
    assert (tmp_path / "a.seg").stat().st_size == HEADER.size


def test_growth_goes_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "GROWTH_SIZE_BYTES", 100)
    segment = SegmentFile.begin(tmp_path / "a.seg", HEADER)
    assert (tmp_path / "a.seg").stat().st_size == RECORDS_START + 100
    segment.append(b"x" * 99)
    assert (tmp_path / "a.seg").stat().st_size == RECORDS_START + 100
    segment.append(b"x")
    assert (tmp_path / "a.seg").stat().st_size == RECORDS_START + 200
    segment.close()


def test_a_used_file_keeps_its_old_bytes_behind_the_new(tmp_path: Path) -> None:
    first = SegmentFile.begin(tmp_path / "a.seg", HEADER)
    first.append(b"old" * 100)
    first.close()
    again = SegmentFile.begin(tmp_path / "a.seg", SegmentHeader(9, 40, 8, HEADER.size))
    again.append(b"new")
    again.close()
    data = (tmp_path / "a.seg").read_bytes()
    assert data[RECORDS_START:][:9] == b"newoldold"
    (found,) = find_segments(tmp_path)
    assert found.header == SegmentHeader(9, 40, 8, HEADER.size)


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = SegmentFile.begin(tmp_path / "a.seg", HEADER)
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: whole(fd, data[:7], at))
    segment.append(b"0123456789abcdef")
    segment.close()
    assert (tmp_path / "a.seg").read_bytes()[RECORDS_START:][:16] == b"0123456789abcdef"


def test_a_header_that_cannot_be_synced_begins_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "no")

    monkeypatch.setattr(os, "fdatasync", fail)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="no"):
        SegmentFile.begin(tmp_path / "a.seg", HEADER)
    assert len(os.listdir("/proc/self/fd")) == before


def test_names_are_not_taken_twice(tmp_path: Path) -> None:
    taken = {tmp_path / "00000001.seg", tmp_path / "00000003.seg"}
    path = new_segment_path(tmp_path, taken)
    assert path not in taken
    assert path == tmp_path / "00000004.seg"
