"""Damage is found, and told exactly."""

from pathlib import Path

from perdure.storage.verification import check_database, check_log
from tests.storage.logged import KEY, A, B, Bench, put


def test_a_good_file_has_nothing_wrong(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a="x" * 20_000)
    store.close()
    assert check_database(database.path) is None


def test_a_damaged_page_is_named(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.close()
    data = bytearray(database.path.read_bytes())
    data[4096 : 4096 + 16] = b"x" * 16
    database.path.write_bytes(data)
    problem = check_database(database.path)
    assert problem is not None
    assert "malformed" in problem or "page 2" in problem


def test_what_is_no_database_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("no database" * 1000)
    assert check_database(tmp_path / "a.db") == "file is not a database"
    assert check_database(tmp_path / "none") == "unable to open database file"


def test_a_log_in_use_is_read(bench: Bench) -> None:
    store = bench.open()
    put(store.database(KEY, A), a=1)
    put(store.database(KEY, B), a=1)
    store.log.wait()
    assert check_log(bench.root / "log" / "0") == (2, None)


def test_a_flipped_bit_in_the_log_is_found(bench: Bench) -> None:
    store = bench.open()
    for actor in (A, B):
        put(store.database(KEY, actor), a=1)
        store.log.wait()
    (segment,) = (bench.root / "log" / "0").glob("*.seg")
    good = segment.read_bytes()
    data = bytearray(good)
    data[8200] ^= 1
    segment.write_bytes(data)
    records, failure = check_log(bench.root / "log" / "0")
    assert records == 0
    assert failure is not None
    assert "proves that it was durable" in failure.problem
    segment.write_bytes(good)
