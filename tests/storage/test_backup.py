"""The steps of a backup, one by one; tests/runtime/host/operations has all of them together."""

from pathlib import Path

import pytest

from perdure.storage.backup import copy_catalog, copy_checkpoints, copy_file, copy_files, copy_log
from perdure.storage.errors import StorageError
from perdure.storage.layout import Layout
from perdure.storage.log_directory import LogDirectory
from tests.storage.logged import KEY, A, B, Bench, content, one_log, put


def back_up(bench: Bench, target: Path) -> int:
    source, copy = Layout(bench.root), Layout(target)
    copy_checkpoints(source, copy)
    list(copy_files(source, copy))
    last, replaced = copy_log(source.log_dir("0"), copy.log_dir("0"), 0)
    assert replaced == set()
    return last


def test_the_copy_of_a_store_in_use_has_what_was_durable(bench: Bench, tmp_path: Path) -> None:
    store = bench.open()
    first, second = store.database(KEY, A), store.database(KEY, B)
    put(first, a=1)
    put(second, b=1)
    store.log.wait()
    assert first.checkpoint()
    put(first, a=2)
    store.log.wait()
    assert back_up(bench, tmp_path / "copy") == store.log.durable_lsn
    copy = bench.open(tmp_path / "copy")
    assert content(copy) == {"a": 2}
    assert content(copy, B) == {"b": 1}


def test_the_copy_begins_another_history(bench: Bench, tmp_path: Path) -> None:
    store = bench.open()
    put(store.database(KEY, A), a=1)
    store.log.wait()
    back_up(bench, tmp_path / "copy")
    copy = bench.open(tmp_path / "copy")
    assert copy.history.current(KEY, A) > store.history.current(KEY, A)
    assert copy.log.incarnation == store.log.incarnation + 1


def test_what_is_half_written_behind_the_records_is_cut_off(bench: Bench, tmp_path: Path) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    put(database, a=2)
    store.log.wait()
    (segment,) = (bench.root / "log" / "0").glob("*.seg")
    data = segment.read_bytes()
    end = len(data.rstrip(b"\0")) + 64  # zeros belong to the last record, too
    segment.write_bytes(data[:end] + b"half of a record" + data[end + 16 :])
    back_up(bench, tmp_path / "copy")
    (copy,) = (tmp_path / "copy" / "log" / "0").glob("*.seg")
    assert b"half of a record" not in copy.read_bytes()
    assert copy.stat().st_size == segment.stat().st_size
    assert content(bench.open(tmp_path / "copy")) == {"a": 2}
    segment.write_bytes(data)


def test_a_clean_directory_has_no_log_to_speak_of(bench: Bench, tmp_path: Path) -> None:
    store = bench.open()
    put(store.database(KEY, A), a=1)
    store.close()
    back_up(bench, tmp_path / "copy")
    assert content(bench.open(tmp_path / "copy")) == {"a": 1}


@one_log
def test_what_is_made_anew_is_left_out(bench: Bench, tmp_path: Path) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    copied = [file.path for file in copy_files(Layout(bench.root), Layout(tmp_path / "copy"))]
    assert copied == [database.path]
    assert not list((tmp_path / "copy").rglob("*-wal"))


def test_a_file_that_has_gone_is_none(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("an older copy")
    assert copy_file(tmp_path / "none", tmp_path / "target") is None
    assert not (tmp_path / "target").exists()


def test_a_catalog_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("no database" * 1000)
    with pytest.raises(StorageError, match="cannot be copied"):
        copy_catalog(tmp_path / "catalog.db", tmp_path / "copy.db")


def test_logs_are_left_unlocked(bench: Bench, tmp_path: Path) -> None:
    bench.open()
    back_up(bench, tmp_path / "copy")
    LogDirectory.open(tmp_path / "copy" / "log" / "0").close()
