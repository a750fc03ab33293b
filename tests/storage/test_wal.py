"""The reader of -wal files agrees with SQLite itself."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from perdure.storage.wal import (
    FRAME_HEADER_SIZE_BYTES,
    WalHeader,
    WalUnreadable,
    checksum,
    committed_pages,
    read_header,
    verify_frames,
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.execute("PRAGMA page_size = 1024; PRAGMA locking_mode = EXCLUSIVE").fetchall()
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").fetchall()
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    yield connection
    connection.close()


def wal_of(connection: apsw.Connection) -> bytes:
    return Path(connection.filename_wal).read_bytes()


def write(connection: apsw.Connection) -> None:
    connection.execute("BEGIN; CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(5000)); COMMIT")
    connection.execute("INSERT INTO t VALUES (x'0102')")


def test_the_pages_are_those_that_a_checkpoint_puts_into_the_file(
    connection: apsw.Connection,
) -> None:
    write(connection)
    data = wal_of(connection)
    header = read_header(data)
    assert header.page_size == 1024
    committed = committed_pages(header, data[header.offset(0) :])
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    file = Path(connection.filename).read_bytes()
    assert committed.database_pages == len(file) // 1024
    for number, page in committed.pages.items():
        assert file[(number - 1) * 1024 : number * 1024] == page


def test_checksums_follow_the_published_rule(connection: apsw.Connection) -> None:
    write(connection)
    data = wal_of(connection)
    header = read_header(data)
    assert checksum(data[:24], (0, 0), is_big_endian=header.is_big_endian) == header.checksums
    frames = list(verify_frames(header, data))
    assert len(frames) == (len(data) - 32) // header.frame_size
    assert [size for _, size, _ in frames if size]
    damaged = bytearray(data)
    damaged[header.offset(2) + 500] ^= 1
    assert list(verify_frames(header, bytes(damaged))) == frames[:2]


def test_a_restarted_file_has_other_salts_and_old_frames_behind(
    connection: apsw.Connection,
) -> None:
    write(connection)
    before = read_header(wal_of(connection))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    connection.execute("INSERT INTO t VALUES (1)")
    data = wal_of(connection)
    header = read_header(data)
    assert header.salts != before.salts
    assert len(list(verify_frames(header, data))) == 1
    with pytest.raises(WalUnreadable, match="another life"):
        committed_pages(header, data[header.offset(0) :])
    with pytest.raises(WalUnreadable, match="another life"):
        committed_pages(before, data[header.offset(0) : header.offset(1)])


def test_what_is_no_wal_is_refused() -> None:
    with pytest.raises(WalUnreadable, match="no header"):
        read_header(b"")
    with pytest.raises(WalUnreadable, match="00000000"):
        read_header(bytes(32))


def test_half_a_transaction_is_refused() -> None:
    header = WalHeader(512, (0, 0), (0, 0), is_big_endian=False)
    frame = (1).to_bytes(4, "big") + bytes(FRAME_HEADER_SIZE_BYTES - 4 + 512)
    with pytest.raises(WalUnreadable, match="not complete"):
        committed_pages(header, frame)
    with pytest.raises(WalUnreadable, match="whole number"):
        committed_pages(header, frame[:-1])
    with pytest.raises(WalUnreadable, match="whole number"):
        committed_pages(header, b"")
