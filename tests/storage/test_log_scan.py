"""The end of a log, told from a loss: the failure table of design/STORAGE.md, bit by bit."""

from pathlib import Path

import pytest

from perdure.storage.errors import LogCorrupt
from perdure.storage.log_directory import Checkpoint
from perdure.storage.log_scan import scan
from perdure.storage.logformat import (
    HEADER_COPY_START,
    RECORDS_START,
    Change,
    RecordKind,
    SegmentHeader,
    encode_record,
)
from perdure.storage.segments import SegmentFile

BEGINNING = Checkpoint()
SIZE = RECORDS_START + 8192


def write_segment(
    directory: Path,
    number: int,
    first_lsn: int,
    count: int,
    *,
    lag: int | None = 1,
    epoch: int = 1,
    kinds: dict[int, RecordKind] | None = None,
) -> list[tuple[int, int]]:
    """Write a segment; give (start, end) of each record. ``lag`` 1: each was acknowledged."""
    header = SegmentHeader(number, first_lsn, salt=number * 77, size=SIZE)
    segment = SegmentFile.begin(directory / f"{number}.seg", header)
    places = []
    for lsn in range(first_lsn, first_lsn + count):
        kind = (kinds or {}).get(lsn, RecordKind.COMMIT)
        record = encode_record(
            Change(kind, "k", bytes(32), images=bytes([lsn % 256]) * (lsn % 50)),
            lsn=lsn,
            durable_lsn=0 if lag is None else lsn - lag,
            epoch=epoch,
            incarnation=1,
            commit=1,
            time_ms=0,
            salt=header.salt,
        )
        places.append((segment.position, segment.position + len(record)))
        segment.append(record)
    segment.close()
    return places


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def lsns(directory: Path, checkpoint: Checkpoint = BEGINNING) -> list[int]:
    return [record.lsn for record in scan(directory, checkpoint).records]


def test_an_empty_log(tmp_path: Path) -> None:
    found = scan(tmp_path, Checkpoint(lsn=8, segment=4, epoch=2))
    assert (found.lsn, found.segment, found.epoch) == (8, 3, 2)
    assert found.records == []


def test_all_segments_are_read_in_order(tmp_path: Path) -> None:
    write_segment(tmp_path, 1, 1, 5)
    write_segment(tmp_path, 2, 6, 5)
    write_segment(tmp_path, 3, 11, 0)
    found = scan(tmp_path, BEGINNING)
    assert [record.lsn for record in found.records] == list(range(1, 11))
    assert (found.lsn, found.segment) == (10, 3)
    assert len(found.files) == 3
    assert lsns(tmp_path, Checkpoint(lsn=7, segment=2)) == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("place", [0, 2, 4])
def test_damage_in_an_older_segment_is_refused(tmp_path: Path, number: int, place: int) -> None:
    places = {n: write_segment(tmp_path, n, 5 * n - 4, 5) for n in (1, 2, 3)}
    start, end = places[number][place]
    for position in (start, (start + end) // 2, end - 1):
        flip(tmp_path / f"{number}.seg", position)
        with pytest.raises(LogCorrupt, match="the one before ends with"):
            scan(tmp_path, BEGINNING)
        flip(tmp_path / f"{number}.seg", position)
    assert len(lsns(tmp_path)) == 15


def test_damage_before_an_acknowledged_record_of_the_newest_segment_is_refused(
    tmp_path: Path,
) -> None:
    places = write_segment(tmp_path, 1, 1, 10)
    for start, end in places[:-1]:
        for position in range(start, end, 13):
            flip(tmp_path / "1.seg", position)
            with pytest.raises(LogCorrupt, match="proves that it was durable"):
                scan(tmp_path, BEGINNING)
            flip(tmp_path / "1.seg", position)
    assert len(lsns(tmp_path)) == 10


def test_damage_in_the_last_record_is_a_torn_end(tmp_path: Path) -> None:
    places = write_segment(tmp_path, 1, 1, 10)
    flip(tmp_path / "1.seg", places[-1][0] + 30)
    assert lsns(tmp_path) == list(range(1, 10))


def test_a_batch_that_was_never_synced_may_be_torn_anywhere(tmp_path: Path) -> None:
    """Records 8 to 10 are one batch; its first did not reach the disk, the others did."""
    write_segment(tmp_path, 1, 1, 7)
    path = tmp_path / "1.seg"
    data = path.read_bytes()
    batch = write_segment(tmp_path, 1, 1, 10, lag=None)  # what they knew of is before them
    whole = path.read_bytes()
    first, rest = batch[7], batch[8]
    path.write_bytes(data[: first[0]] + bytes(first[1] - first[0]) + whole[rest[0] :])
    assert lsns(tmp_path) == list(range(1, 8))


def test_a_torn_end_of_an_older_segment_is_refused_even_if_the_newest_is_empty(
    tmp_path: Path,
) -> None:
    places = write_segment(tmp_path, 1, 1, 5)
    write_segment(tmp_path, 2, 6, 0)
    flip(tmp_path / "1.seg", places[-1][0] + 20)
    with pytest.raises(LogCorrupt, match="begins with record 6"):
        scan(tmp_path, BEGINNING)


def test_a_segment_that_is_gone_is_missed(tmp_path: Path) -> None:
    for segment in (1, 2, 3):
        write_segment(tmp_path, segment, 5 * segment - 4, 5)
    for number in (1, 2):
        (tmp_path / f"{number}.seg").rename(tmp_path / "away")
        with pytest.raises(LogCorrupt, match="are needed"):
            scan(tmp_path, BEGINNING)
        (tmp_path / "away").rename(tmp_path / f"{number}.seg")


def test_a_header_has_a_copy(tmp_path: Path) -> None:
    for segment in (1, 2, 3):
        write_segment(tmp_path, segment, 5 * segment - 4, 5)
    for number in (1, 2, 3):
        flip(tmp_path / f"{number}.seg", 12)
    assert len(lsns(tmp_path)) == 15
    flip(tmp_path / "2.seg", HEADER_COPY_START + 12)
    with pytest.raises(LogCorrupt, match=r"holds segments \[1, 3\]"):
        scan(tmp_path, BEGINNING)


def test_a_segment_that_begins_too_late_is_refused(tmp_path: Path) -> None:
    write_segment(tmp_path, 1, 3, 2)
    with pytest.raises(LogCorrupt, match="begins with record 3; 1 is needed"):
        scan(tmp_path, BEGINNING)


def test_a_log_that_ends_before_its_checkpoint_is_refused(tmp_path: Path) -> None:
    places = write_segment(tmp_path, 1, 1, 5, lag=None)
    flip(tmp_path / "1.seg", places[2][0])
    assert lsns(tmp_path) == [1, 2]
    with pytest.raises(LogCorrupt, match="ends with record 2, and 4 was durable"):
        scan(tmp_path, Checkpoint(lsn=4))


def test_bytes_of_an_earlier_life_are_not_read(tmp_path: Path) -> None:
    write_segment(tmp_path, 1, 1, 20)
    header = SegmentHeader(2, 21, salt=5, size=SIZE)
    segment = SegmentFile.begin(tmp_path / "1.seg", header)
    segment.append(
        encode_record(
            Change(RecordKind.COMMIT, "k", bytes(32), images=b"?"),
            lsn=21,
            durable_lsn=20,
            epoch=1,
            incarnation=1,
            commit=1,
            time_ms=0,
            salt=5,
        )
    )
    segment.close()
    assert lsns(tmp_path, Checkpoint(lsn=20, segment=2)) == [21]


def test_a_stale_writer_is_noticed(tmp_path: Path) -> None:
    write_segment(tmp_path, 1, 1, 2, epoch=3)
    write_segment(tmp_path, 2, 3, 2, epoch=2)
    with pytest.raises(LogCorrupt, match="epoch 2, which had ended"):
        scan(tmp_path, BEGINNING)


def test_nothing_follows_a_seal_in_its_epoch(tmp_path: Path) -> None:
    write_segment(tmp_path, 1, 1, 2, epoch=3, kinds={2: RecordKind.SEAL})
    assert lsns(tmp_path) == [1, 2]
    write_segment(tmp_path, 2, 3, 1, epoch=4)
    assert lsns(tmp_path) == [1, 2, 3]
    write_segment(tmp_path, 2, 3, 1, epoch=3)
    with pytest.raises(LogCorrupt, match="epoch 3, which had ended"):
        scan(tmp_path, BEGINNING)
