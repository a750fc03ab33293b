"""Every path of a data directory is computed in one place, and no two things share one."""

from pathlib import Path

import pytest

from perdure.storage.errors import InternalError
from perdure.storage.layout import Layout, quote, slot_of_alarms, trash_time_ms

ROOT = Path("data")
LAYOUT = Layout(ROOT)
ID = "ab" + "0" * 62


def test_where_things_lie() -> None:
    assert LAYOUT.format_file == ROOT / "FORMAT"
    assert LAYOUT.lock_file == ROOT / "LOCK"
    assert LAYOUT.catalog_file == ROOT / "catalog.db"
    assert LAYOUT.alarms_file == LAYOUT.alarms_file_of("0") == ROOT / "alarms.db"
    assert LAYOUT.alarms_file_of("12") == ROOT / "alarms-12.db"
    assert LAYOUT.actor_file("app-Room", ID) == ROOT / "actors" / "app-Room" / "ab" / f"{ID}.db"
    assert LAYOUT.marks_of_namespace_dir("app-Room") == ROOT / "marks" / "app-Room"
    assert LAYOUT.namespace_dir("app-Room") == ROOT / "actors" / "app-Room"
    assert LAYOUT.trash_entry("app-Room", 1_700_000_000_000) == (
        ROOT / "trash" / "001700000000000-app-Room"
    )


def test_a_file_of_alarms_is_told_by_its_name() -> None:
    for slot in ("0", "1", "12"):
        assert slot_of_alarms(LAYOUT.alarms_file_of(slot).name) == slot
    others = ["alarms.db-wal", "alarms-1.db-wal", "alarms-.db", "alarms1.db", "catalog.db"]
    assert [slot_of_alarms(name) for name in others] == [None] * len(others)


def test_an_id_is_the_same_in_bytes_and_in_hex() -> None:
    assert LAYOUT.actor_file("n", bytes.fromhex(ID)) == LAYOUT.actor_file("n", ID)


@pytest.mark.parametrize("bad", ["", "ab", ID.upper(), f"../{ID[3:]}", b"", b"x" * 31, ID + "\n"])
def test_what_is_no_id_has_no_file(bad: bytes | str) -> None:
    with pytest.raises(InternalError):
        LAYOUT.actor_file("n", bad)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("my-worker-Room", "my-worker-Room"),
        ("a_b.c", "a_b.c"),
        ("a/b", "a%2Fb"),
        ("..", "%2E."),
        (".", "%2E"),
        ("", "%"),
        ("%", "%25"),
        ("%2Fb", "%252Fb"),
        ("ä b", "%C3%A4%20b"),
        ("a~b", "a%7Eb"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_a_key_becomes_a_safe_file_name(key: str, name: str) -> None:
    assert quote(key) == name
    assert LAYOUT.namespace_dir(key).parent == LAYOUT.actors_dir


def test_long_keys_stay_apart_and_fit_a_file_system() -> None:
    one, other = quote("x" * 1000 + "1"), quote("x" * 1000 + "2")
    assert one != other
    assert len(one) == len(other) == 200
    assert len(LAYOUT.trash_entry("x" * 1000, 10**14).name) <= 255


def test_the_trash_knows_since_when() -> None:
    assert trash_time_ms(LAYOUT.trash_entry("app-Room", 42).name) == 42
    assert trash_time_ms("something else") is None
