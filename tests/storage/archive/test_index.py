"""Where in the archive which actor's records are."""

import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from perdure.storage.archive.copies import Snapshot
from perdure.storage.archive.index import ArchiveFile, ArchiveIndex, End
from perdure.storage.archive.spans import Span
from perdure.storage.errors import DatabaseFailed

A, B = ("key", b"a" * 32), ("key", b"b" * 32)


def file(number: int, slot: str = "0") -> ArchiveFile:
    lsns = (10 * number + 1, 10 * number + 10)
    return ArchiveFile(f"{slot}/{number}.arc", slot, *lsns, 1, *lsns, 5, 1000 * number, 100)


def span(actor: tuple[str, bytes], first: int, *, base: int = 0) -> Span:
    return Span(*actor, 16, 90, 200, 3, 7, 1, first, first + 2, base, 2 if base else 0, 5, 8)


def test_says_where_an_actors_records_are_in_their_order(tmp_path: Path) -> None:
    with closing(ArchiveIndex(tmp_path / "index.db")) as index:
        index.add_file(file(1), [span(A, 14, base=15), span(B, 11)])
        index.add_file(file(0), [span(A, 4)])
        places = index.spans(A)
        assert [(place.file, place.first, place.last) for place in places] == [
            ("0/0.arc", (1, 4), (1, 6)),
            ("0/1.arc", (1, 14), (1, 16)),
        ]
        assert [(place.base, place.base_kind, place.slot) for place in places] == [
            (None, 0, "0"),
            ((1, 15), 2, "0"),
        ]
        assert [place.size_bytes for place in places] == [90, 90]
        assert index.actors_in("0/1.arc") == [A, B]
        assert index.namespaces() == ["key"]
        assert [each.name for each in index.files()] == ["0/1.arc", "0/0.arc"]


def test_remembers_what_was_last_there_when_the_file_is_gone(tmp_path: Path) -> None:
    with closing(ArchiveIndex(tmp_path / "index.db")) as index:
        index.add_file(file(3), [span(A, 31)])
        index.remove_file("0/3.arc", {})
        assert (index.files(), index.spans(A)) == ([], [])
        assert index.ends() == {"0": End(40, (1, 40), 3000)}


def test_a_file_takes_the_copies_from_before_its_records_with_it_in_one_step(
    tmp_path: Path,
) -> None:
    with closing(ArchiveIndex(tmp_path / "index.db")) as index:
        index.add_file(file(1), [span(A, 11), span(B, 14)])
        for actor, commit in ((A, 5), (A, 13), (B, 7)):
            index.add_snapshot(actor, Snapshot((1, commit), 10, f"{actor[1][:1].hex()}{commit}"))
        assert index.remove_file("0/1.arc", {A: (1, 13)}) == ["615"]
        assert [each.order for _, each in index.all_snapshots()] == [(1, 13), (1, 7)]


def test_copies_are_known_until_they_are_not(tmp_path: Path) -> None:
    with closing(ArchiveIndex(tmp_path / "index.db")) as index:
        index.add_file(file(1), [span(A, 11)])
        first, second = Snapshot((1, 5), 10, "x"), Snapshot((1, 3), 20, "y")
        index.add_snapshot(A, first)
        index.add_snapshot(A, second)
        assert index.snapshots(A) == [second, first]
        assert index.size_bytes() == 130
        index.remove_snapshot(A, (1, 3))
        assert index.all_snapshots() == [(A, first)]


def test_what_is_read_as_one_is_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "index.db"

    def add() -> None:  # in a thread: it waits for the reader
        with closing(ArchiveIndex(path)) as writer:
            begins.set()
            writer.add_file(file(1), [span(A, 11)])

    begins = threading.Event()
    ArchiveIndex(path).close()
    writing = threading.Thread(target=add)
    with closing(ArchiveIndex(path, read_only=True)) as reader:
        with reader.as_one():
            assert reader.files() == []
            writing.start()
            assert begins.wait(30)
            assert reader.files() == []
            assert reader.spans(A) == []
        writing.join()
        assert reader.files() == [file(1)]


def test_no_file_beside_it_is_mapped_into_memory(tmp_path: Path) -> None:
    with closing(ArchiveIndex(tmp_path / "index.db")) as index:
        index.add_file(file(1), [span(A, 11)])
        assert "-shm" not in Path("/proc/self/maps").read_text()


def test_a_reader_puts_back_what_a_killed_writer_had_begun(tmp_path: Path) -> None:
    path, killed = tmp_path / "index.db", tmp_path / "killed.db"
    with closing(ArchiveIndex(path)) as index:
        index.add_file(file(1), [span(A, 11)])
        with index._transaction():
            index._execute("UPDATE files SET slot = 'torn'")
            index._connection.cache_flush()
            for name in ("index.db", "index.db-journal"):
                (tmp_path / name.replace("index", "killed")).write_bytes(
                    (tmp_path / name).read_bytes()
                )
    assert b"torn" in killed.read_bytes()
    with closing(ArchiveIndex(killed, read_only=True)) as reader:
        assert reader.files() == [file(1)]


def test_a_file_is_known_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with closing(ArchiveIndex(tmp_path / "index.db")) as index:
        with pytest.raises(DatabaseFailed):  # the same span twice
            index.add_file(file(1), [span(A, 11), span(A, 11)])
        assert (index.files(), index.ends()) == ([], {})
        index.add_file(file(1), [span(A, 11)])  # and nothing of it is in the way


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(DatabaseFailed, match="index of the archive"):
        ArchiveIndex(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    ArchiveIndex(path).close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(DatabaseFailed, match="version 99"):
        ArchiveIndex(path)


def test_damage_inside_is_found_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with closing(ArchiveIndex(path)) as index:
        for number in range(50):
            index.add_file(file(number), [span(A, 10 * number + 1), span(B, 10 * number + 4)])
    data = bytearray(path.read_bytes())
    data[8192:12288] = b"\x77" * 4096
    path.write_bytes(data)
    with pytest.raises(DatabaseFailed, match=r"damaged|failed"):
        ArchiveIndex(path)


def test_who_only_reads_makes_no_index(tmp_path: Path) -> None:
    with pytest.raises(DatabaseFailed):
        ArchiveIndex(tmp_path / "index.db", read_only=True)
    assert list(tmp_path.iterdir()) == []
