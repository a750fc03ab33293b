"""What is missing of the history, told from the numbers of what is there."""

from dataclasses import replace

from perdure.storage.archive.index import ArchiveFile, End, Gap, SpanPlace
from perdure.storage.archive.known import FIRST, Known, missing
from perdure.storage.log_tail import LAST, Tail


def file(first: int, last: int, slot: str = "0") -> ArchiveFile:
    """The log's record n has commit n, and the time 10 * n."""
    return ArchiveFile(
        f"{slot}/{first}", slot, first, last, 1, first, last, 10 * first, 10 * last, 1
    )


def span(slot: str) -> SpanPlace:
    return SpanPlace("f", 0, 1, 1, 2, 0, 0, 10, 20, 1, slot)


def end(lsn: int) -> End:
    return End(lsn, (1, lsn), 10 * lsn)


def test_nothing_is_missing_where_each_file_goes_on_from_the_one_before() -> None:
    tail = Tail([], 8, (1, 8), 80)
    known = missing([file(1, 4), file(5, 8)], {"0": end(8)}, {"0": tail})
    assert known == Known()
    assert known.is_empty


def test_a_file_that_is_missing_is_a_gap() -> None:
    known = missing([file(9, 12), file(1, 4)], {"0": end(12)}, {})
    assert known.gaps == [Gap((1, 4), (1, 9), 40)]
    assert known.is_doubtful((1, 3), 41)
    assert not known.is_doubtful((1, 3), 40)
    assert not known.is_doubtful((1, 9), 200)


def test_a_log_that_begins_after_what_is_archived_is_a_gap() -> None:
    known = missing([file(1, 4)], {"0": end(4)}, {"0": Tail([], 6, (1, 6), 60)})
    assert known.gaps == [Gap((1, 4), (1, 6), 40)]


def test_damage_in_the_log_is_a_gap() -> None:
    tail = Tail([], 5, (1, 5), 50, [((1, 5), (1, 7), 50)])
    assert missing([file(1, 4)], {"0": end(4)}, {"0": tail}).gaps == [Gap((1, 5), (1, 7), 50)]
    unreadable = Tail(gaps=[(FIRST, LAST, 0)])
    assert missing([file(1, 4)], {"0": end(4)}, {"0": unreadable}).gaps == [Gap((1, 4), LAST, 40)]
    assert missing([], {}, {"0": unreadable}).gaps == [Gap(FIRST, LAST, 0)]


def test_what_has_been_let_go_is_before_since() -> None:
    assert missing([file(5, 8)], {"0": end(8)}, {}).since == (1, 4)
    assert missing([file(5, 8)], {"0": end(8)}, {}).since_ms == 50
    assert missing([], {"0": end(8)}, {}).since == (1, 8)
    assert missing([], {"0": end(8)}, {"0": Tail([], 7, (1, 7), 70)}).since == (1, 6)
    assert missing([], {}, {"0": Tail([], 1, (1, 1), 10)}).since == FIRST


def test_only_logs_that_an_actor_has_been_in_say_since_when_it_is_known() -> None:
    files = [file(5, 8), replace(file(1, 2), slot="1", name="1/1")]
    ends = {"0": end(8), "1": end(2)}
    assert missing(files, ends, {}, [span("1")]).since == FIRST
    assert missing(files, ends, {}, [span("0")]).since == (1, 4)
    assert missing(files, ends, {}).since == (1, 4)
