"""SQLite's errors become ours, in workerd's words."""

from pathlib import Path

import apsw
import pytest

from perdure.storage.limits import StorageLimits
from perdure.storage.sqlite_errors import database_failure, is_critical, name_of, sql_error

LIMITS = StorageLimits()


def error_of(query: str, path: str = ":memory:") -> apsw.Error:
    connection = apsw.Connection(path)
    try:
        connection.execute(query).fetchall()
    except apsw.Error as error:
        return error
    finally:
        connection.close()
    pytest.fail("SQLite took it")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT * FROM t", "no such table: t: SQLITE_ERROR"),
        ("SELECT x", "no such column: x at offset 7: SQLITE_ERROR"),
        (
            "CREATE TABLE u (a UNIQUE); INSERT INTO u VALUES (1), (1)",
            "UNIQUE constraint failed: u.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
        ),
    ],
)
def test_texts(query: str, text: str) -> None:
    error = error_of(query)
    assert str(sql_error(error, None, LIMITS)) == text
    assert not is_critical(error)


def test_a_refusal_of_ours_replaces_that_of_sqlite() -> None:
    assert str(sql_error(apsw.AuthError("not authorized"), "Not so.", LIMITS)) == "Not so."
    other = sql_error(error_of("SELECT x"), "Not so.", LIMITS)
    assert other.message == "no such column: x"


def test_a_damaged_file_is_critical_and_a_damaged_index_for_words_is_not(tmp_path: Path) -> None:
    path = tmp_path / "garbage.db"
    path.write_bytes(b"this is no database" * 1000)
    error = error_of("SELECT * FROM sqlite_schema", str(path))
    assert is_critical(error)
    assert name_of(error) == "SQLITE_NOTADB"
    words = error_of(
        "CREATE VIRTUAL TABLE f USING fts5 (x); INSERT INTO f VALUES ('word');"
        "DELETE FROM f_data WHERE id > 1; SELECT * FROM f WHERE f MATCH 'word'"
    )
    assert name_of(words) == "SQLITE_CORRUPT"
    assert not is_critical(words)
    assert database_failure(path, error).is_damage
    assert not database_failure(path, words).is_damage


def test_what_has_no_code_is_a_plain_error() -> None:
    assert name_of(ValueError("odd")) == "SQLITE_ERROR"
    assert name_of(OSError("disk")) == "SQLITE_IOERR"
    strange = apsw.Error("strange")
    strange.result = 77  # type: ignore[attr-defined]
    assert name_of(strange) == "SQLITE_77"


def test_a_file_that_is_not_ours_is_no_database() -> None:
    assert name_of(apsw.NotADBError("it was not made by perdure")) == "SQLITE_NOTADB"
