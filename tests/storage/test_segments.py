"""Segment files: headers first, zeros ahead, used again."""

import errno
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


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_room_for_a_whole_segment_can_be_kept_and_its_size_still_tells_how_far_it_goes(
    tmp_path: Path,
) -> None:
    size = 4 * 2**20
    segment = SegmentFile.begin(tmp_path / "a.seg", SegmentHeader(1, 1, 7, size))
    before = (tmp_path / "a.seg").stat().st_size
    assert allocated(tmp_path / "a.seg") < size
    segment.reserve()
    segment.close()
    assert allocated(tmp_path / "a.seg") >= size
    assert (tmp_path / "a.seg").stat().st_size == before


def test_a_spare_file_is_made_durable_and_a_segment_can_be_begun_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(segments, "sync_directory", synced.append)
    assert segments.make_spare(tmp_path / "a.seg", HEADER.size)
    assert synced == [tmp_path]
    assert allocated(tmp_path / "a.seg") >= HEADER.size
    assert [(s.path.name, s.header) for s in find_segments(tmp_path)] == [("a.seg", None)]
    SegmentFile.begin(tmp_path / "a.seg", HEADER).close()
    assert synced == [tmp_path]  # its name was durable before
    assert find_segments(tmp_path)[0].header == HEADER


def test_no_room_is_kept_on_a_disk_without_plenty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = segments.PLENTY * HEADER.size // 4096 - 1
    monkeypatch.setattr(
        os, "fstatvfs", lambda _: os.statvfs_result((4096, 4096, 99, free, free, 0, 0, 0, 0, 255))
    )
    assert not segments.make_spare(tmp_path / "a.seg", HEADER.size)
    assert not (tmp_path / "a.seg").exists()


def test_where_no_room_can_be_kept_there_is_no_spare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_fallocate", lambda *_: -1)
    assert not segments.make_spare(tmp_path / "a.seg", HEADER.size)
    monkeypatch.setattr(segments, "_fallocate", None)
    assert not segments.make_spare(tmp_path / "a.seg", HEADER.size)
    assert list(tmp_path.iterdir()) == []


def test_zeros_for_which_there_is_no_room_are_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "GROWTH_SIZE_BYTES", 100)
    segment = SegmentFile.begin(tmp_path / "a.seg", HEADER)
    whole, refused = os.pwrite, []

    def pwrite(descriptor: int, data: bytes, at: int) -> int:
        if not any(data):
            refused.append(at)
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    segment.append(b"x" * 100)
    segment.append(b"y" * 100)
    segment.close()
    assert len(refused) == 1  # and not asked for again
    assert (tmp_path / "a.seg").read_bytes()[RECORDS_START:] == b"x" * 100 + b"y" * 100


def test_an_error_that_is_not_of_room_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "GROWTH_SIZE_BYTES", 100)
    segment = SegmentFile.begin(tmp_path / "a.seg", HEADER)
    whole = os.pwrite

    def pwrite(descriptor: int, data: bytes, at: int) -> int:
        if not any(data):
            raise OSError(errno.EIO, "Input/output error")
        return whole(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(OSError, match="Input/output error"):
        segment.append(b"x" * 100)
    segment.close()


def test_a_file_that_a_large_record_has_made_longer_is_cut_when_it_is_used_again(
    tmp_path: Path,
) -> None:
    large = SegmentFile.begin(tmp_path / "a.seg", SegmentHeader(1, 1, 7, RECORDS_START + 100_000))
    large.append(b"x" * 100_000)
    large.close()
    SegmentFile.begin(tmp_path / "a.seg", HEADER).close()
    assert (tmp_path / "a.seg").stat().st_size == HEADER.size
