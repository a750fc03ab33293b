"""Replay: a file becomes what records say, whatever part of it the file has already."""

import os
from pathlib import Path

import apsw
import pytest

from perdure.storage.errors import LogCorrupt
from perdure.storage.logformat import Change, RecordKind
from perdure.storage.page_images import encode_image
from perdure.storage.replay import replay, replay_wal
from perdure.storage.wal import WalUnreadable

SIZE = 512


def page(letters: str) -> bytes:
    return b"".join(letter.encode() * (SIZE // len(letters)) for letter in letters)


def change(count: int, **images: bytes) -> Change:
    parts = list(images.values())
    return Change(
        RecordKind.COMMIT,
        "k",
        bytes(32),
        page_size=SIZE,
        database_pages=count,
        image_count=len(parts),
        images=b"".join(parts),
    )


HISTORY = [
    change(2, a=encode_image(1, page("ab"), None), b=encode_image(2, page("cd"), None)),
    change(2, a=encode_image(1, page("xb"), page("ab"))),
    change(3, a=encode_image(1, page("xy"), page("xb")), b=encode_image(3, page("ee"), None)),
]
OUTCOME = page("xy") + page("cd") + page("ee")


def test_a_new_file_is_made_of_its_first_record(tmp_path: Path) -> None:
    path = tmp_path / "ab" / "file.db"
    replay(path, HISTORY, is_new=True)
    assert path.read_bytes() == OUTCOME


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_file_that_has_some_of_it_becomes_the_same(tmp_path: Path, done: int) -> None:
    path = tmp_path / "file.db"
    replay(path, HISTORY[: done + 1], is_new=True)
    replay(path, HISTORY[1:], is_new=False)
    assert path.read_bytes() == OUTCOME


def test_pages_of_which_old_and_new_blocks_are_mixed_become_the_same(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    path.write_bytes(page("ay") + page("cd"))  # a copy that was made while they were written
    replay(path, HISTORY[1:], is_new=False)
    assert path.read_bytes() == OUTCOME


def test_a_file_becomes_shorter_with_its_database(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    replay(path, [*HISTORY, change(1, a=encode_image(1, page("zz"), None))], is_new=True)
    assert path.read_bytes() == page("zz")


def test_a_file_that_is_gone_or_too_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    with pytest.raises(LogCorrupt, match="it is gone"):
        replay(path, HISTORY[1:], is_new=False)
    path.write_bytes(b"")
    with pytest.raises(LogCorrupt, match="page 1 is not there"):
        replay(path, HISTORY[1:], is_new=False)


@pytest.mark.parametrize("at_once", [512, 100])
def test_a_wal_of_a_file_that_sqlite_refuses_is_put_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    real = os.pwrite
    # A disk that is almost full takes a part of what it is given.
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: real(file, data[:at_once], at))
    path, wal = tmp_path / "a.db", tmp_path / "a.db-wal"
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.execute(
        "PRAGMA page_size = 512; PRAGMA journal_mode = WAL; CREATE TABLE t (text);"
        "PRAGMA wal_checkpoint(TRUNCATE)"
    ).fetchall()
    connection.execute("INSERT INTO t VALUES ('first')")
    frames = (wal.stat().st_size - 32) // (512 + 24)
    connection.execute("INSERT INTO t VALUES ('second')")
    data = wal.read_bytes()
    connection.close()
    wal.write_bytes(data)
    before = path.read_bytes()
    with pytest.raises(WalUnreadable):
        replay_wal(path, 10**6)
    assert path.read_bytes() == before
    replay_wal(path, frames)
    assert not wal.exists()
    again = apsw.Connection(str(path))
    assert again.execute("SELECT text FROM t").fetchall() == [("first",)]
    again.close()


def test_pages_that_lie_together_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[int, int]] = []
    real = os.pwritev

    def pwritev(descriptor: int, parts: list[bytearray], at: int) -> int:
        written.append((at // SIZE + 1, len(parts)))
        return real(descriptor, parts, at)

    monkeypatch.setattr(os, "pwritev", pwritev)
    monkeypatch.setattr("perdure.storage.replay._PAGES_AT_ONCE", 3)
    path = tmp_path / "file.db"
    images = {str(number): encode_image(number, page(str(number)), None) for number in range(1, 9)}
    replay(path, [change(8, **images)], is_new=True)
    assert path.read_bytes() == b"".join(page(str(number)) for number in range(1, 9))
    assert written == [(1, 3), (4, 3), (7, 2)]
    written.clear()
    del images["2"], images["7"]
    replay(path, [change(8, **images)], is_new=False)
    assert written == [(1, 1), (3, 3), (6, 1), (8, 1)]


def test_what_was_written_in_part_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda descriptor, parts, at: real(descriptor, [parts[0][:100]], at)
    )
    path = tmp_path / "file.db"
    replay(path, HISTORY, is_new=True)
    assert path.read_bytes() == OUTCOME
