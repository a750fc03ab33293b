"""What is said of an actor whose file is damaged."""

from perdure.runtime.host.quarantine import quarantine_mark, quarantined
from perdure.storage.errors import DatabaseFailed


def test_what_the_directory_keeps_is_what_callers_are_told(tmp_path: object) -> None:
    failure = DatabaseFailed(tmp_path, "SQLITE_CORRUPT", "the image is malformed")  # type: ignore[arg-type]  # a Path
    mark = quarantine_mark("lobby", 1_700_000_000_000, failure)
    error = quarantined("app-Room", b"\x01" * 32, mark)
    assert "lobby" in str(error)
    assert "SQLITE_CORRUPT" in str(error)
    assert "01" * 32 in str(quarantined("app-Room", b"\x01" * 32, {"name": None}))
