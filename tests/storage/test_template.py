"""New databases are copies of a ready one."""

from pathlib import Path

import apsw

from perdure.storage.template import (
    APPLICATION_ID,
    PAGE_SIZE_BYTES,
    SCHEMA_VERSION,
    standard_template,
)


def test_a_copy_is_a_healthy_database_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(standard_template().data)
    connection = apsw.Connection(str(path))
    try:
        answers = {
            name: connection.execute(f"PRAGMA {name}").get
            for name in ("journal_mode", "page_size", "application_id", "user_version", "encoding")
        }
        assert answers == {
            "journal_mode": "wal",
            "page_size": PAGE_SIZE_BYTES,
            "application_id": APPLICATION_ID,
            "user_version": SCHEMA_VERSION,
            "encoding": "UTF-8",
        }
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        connection.execute("INSERT INTO _cf_KV VALUES ('a', x'00')")
        connection.execute("INSERT INTO _cf_METADATA VALUES ('alarm', 1)")
        assert connection.last_insert_rowid() == 0  # neither table has row ids
    finally:
        connection.close()


def test_it_is_small_and_built_once() -> None:
    assert len(standard_template().data) == 3 * PAGE_SIZE_BYTES
    assert standard_template() is standard_template()
