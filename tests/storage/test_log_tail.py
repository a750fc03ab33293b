"""What the segments of a log hold, read while it is written."""

from pathlib import Path

import pytest

from perdure.storage import log_tail
from perdure.storage.errors import InternalError
from perdure.storage.log_tail import LAST, read_tail, read_tails
from perdure.storage.logformat import Change, RecordKind, decode_record
from perdure.storage.segments import find_segments
from tests.storage.segmented import write_segment

KEY = "key"
A, B = b"a" * 32, b"b" * 32


def commits(*actors: bytes) -> list[Change]:
    return [Change(RecordKind.COMMIT, KEY, actor, images=b"x" * 40) for actor in actors]


@pytest.fixture
def two_segments(tmp_path: Path) -> Path:
    """Records 1 to 3, and 4 to 6."""
    write_segment(tmp_path / "1.seg", commits(A, B, A))
    write_segment(tmp_path / "2.seg", commits(A, B, A), number=2, first_lsn=4)
    return tmp_path


def test_finds_an_actors_records_and_nobody_elses(two_segments: Path) -> None:
    tail = read_tail(two_segments, (KEY, A))
    assert [record.lsn for record in tail.records] == [1, 3, 4, 6]
    assert (tail.first_lsn, tail.first_order, tail.first_ms, tail.gaps) == (1, (1, 1), 1000, [])
    assert read_tail(two_segments, ("other", A)).records == []


def test_reads_a_log_once_for_many_actors(
    two_segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [(KEY, A), (KEY, B), ("other", A)]
    apart = {actor: read_tail(two_segments, actor) for actor in wanted}
    read: list[Path] = []
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        read.append(path)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    monkeypatch.setattr(log_tail, "_RECORDS_AT_A_TIME", 2)
    pauses: list[int] = []
    assert read_tails(two_segments, wanted, pause=lambda: pauses.append(1)) == apart
    assert len(read) == 2
    assert len(pauses) == 3


def test_reads_neither_what_is_archived_nor_what_does_not_count_yet(two_segments: Path) -> None:
    tail = read_tail(two_segments, (KEY, A), after_lsn=3, last_lsn=5)
    assert ([record.lsn for record in tail.records], tail.first_lsn) == ([4], 4)
    assert read_tail(two_segments, (KEY, A), after_lsn=6, last_lsn=6).first_lsn == 0


def test_what_is_behind_the_end_of_a_segments_records_is_not_read(two_segments: Path) -> None:
    """A torn tail, cut off by a recovery: the next segment begins with the same number."""
    write_segment(two_segments / "2.seg", commits(A), number=2, first_lsn=3, salt=9)
    assert [record.size for record in read_tail(two_segments, (KEY, A)).records] != []
    assert [record.lsn for record in read_tail(two_segments, (KEY, A)).records] == [1, 3]


@pytest.mark.parametrize(
    ("name", "gap"), [("1.seg", ((1, 1), (1, 4), 1000)), ("2.seg", ((1, 4), LAST, 4000))]
)
def test_a_damaged_record_is_told_as_a_gap(
    two_segments: Path, name: str, gap: tuple[tuple[int, int], tuple[int, int], int]
) -> None:
    path = two_segments / name
    data = bytearray(path.read_bytes())
    size = read_tail(two_segments, (KEY, A)).records[0].size
    data[8192 + size + 50] ^= 1
    path.write_bytes(data)
    assert read_tail(two_segments, (KEY, A), last_lsn=6).gaps == [gap]


def test_a_segment_that_is_begun_anew_meanwhile_is_read_again(
    two_segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rounds = find_segments, list[int]()

    def find(directory: Path) -> list[object]:
        found = real(directory)
        if not rounds:
            write_segment(directory / "1.seg", commits(A), number=3, first_lsn=7, salt=9)
        rounds.append(1)
        return list(found)

    monkeypatch.setattr(log_tail, "find_segments", find)
    assert [record.lsn for record in read_tail(two_segments, (KEY, A)).records] == [4, 6, 7]
    assert len(rounds) == 2


def test_a_log_that_is_never_the_same_twice_is_no_log(
    two_segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "_read_segment", lambda *_: False)
    with pytest.raises(InternalError, match="never the same"):
        read_tail(two_segments, (KEY, A))


def test_a_segment_that_is_begun_while_it_is_read_does_not_count(
    two_segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, done = decode_record, list[int]()

    def decode(data: memoryview, start: int, salt: int) -> object:
        if not done:
            done.append(1)
            write_segment(two_segments / "1.seg", commits(A), number=3, first_lsn=7, salt=9)
        return real(data, start, salt)

    monkeypatch.setattr(log_tail, "decode_record", decode)
    assert [record.lsn for record in read_tail(two_segments, (KEY, A)).records] == [4, 6, 7]
