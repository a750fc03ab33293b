"""Keys and values: order, ranges, limits, and the iterator of which there is one."""

import enum
from collections.abc import Callable
from typing import Any

import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import (
    InvalidArgument,
    LimitExceeded,
    UsageError,
    ValueCorrupt,
    ValueNotSerializable,
)
from perdure.storage.kv import KeyValue
from perdure.storage.limits import StorageLimits
from perdure.storage.sql import Sql

MakeDatabase = Callable[..., ActorDatabase]


def test_what_is_put_is_got(kv: KeyValue) -> None:
    kv.put("a", {"deep": [1, (2,)]})
    assert kv.get("a") == {"deep": [1, (2,)]}
    kv.put("a", None)
    assert kv.get("a", "default") is None
    assert kv.get("missing") is None
    assert kv.get("missing", "default") == "default"


def test_a_stored_value_is_a_copy(kv: KeyValue) -> None:
    value = [1]
    kv.put("a", value)
    value.append(2)
    kv.get("a").append(3)
    assert kv.get("a") == [1]


def test_several_at_once_come_in_order_of_their_keys(kv: KeyValue) -> None:
    kv.put_many({"b": 2, "a": 1, "c": 3})
    found = kv.get_many(["c", "missing", "a"])
    assert list(found.items()) == [("a", 1), ("c", 3)]
    assert kv.get_many([]) == {}
    kv.put_many({})


def test_deleting_says_what_was_there(kv: KeyValue) -> None:
    kv.put_many({"a": None, "b": 2, "c": 3})
    assert kv.delete("a") is True
    assert kv.delete("a") is False
    assert kv.delete_many(["b", "missing", "c"]) == 2
    assert kv.list() == {}


def test_an_actor_that_reads_has_no_file(db: ActorDatabase, kv: KeyValue) -> None:
    assert kv.get("a") is None
    assert kv.get_many(["a"]) == {}
    assert kv.list() == {}
    assert list(kv.scan()) == []
    assert kv.delete("a") is False
    assert kv.delete_many(["a"]) == 0
    kv.delete_all()
    assert not db.path.exists()
    assert not db.has_writes


def test_deleting_what_is_not_there_writes_nothing(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    db.commit()
    kv.delete("b")
    assert not db.has_writes


@pytest.fixture
def many(kv: KeyValue) -> KeyValue:
    kv.put_many({key: key for key in ("", "a", "a0", "a1", "a10", "b", "é", "\uffff", "😀")})
    return kv


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({}, ["", "a", "a0", "a1", "a10", "b", "é", "\uffff", "😀"]),
        ({"start": "a1"}, ["a1", "a10", "b", "é", "\uffff", "😀"]),
        ({"start_after": "a1"}, ["a10", "b", "é", "\uffff", "😀"]),
        ({"start_after": ""}, ["a", "a0", "a1", "a10", "b", "é", "\uffff", "😀"]),
        ({"end": "a1"}, ["", "a", "a0"]),
        ({"start": "a0", "end": "b"}, ["a0", "a1", "a10"]),
        ({"start": "b", "end": "a"}, []),
        ({"prefix": "a"}, ["a", "a0", "a1", "a10"]),
        ({"prefix": "a1", "end": "a10"}, ["a1"]),
        ({"prefix": "a", "end": "z"}, ["a", "a0", "a1", "a10"]),
        ({"prefix": "a1", "start": "a"}, ["a1", "a10"]),
        ({"prefix": "a", "start": "a1"}, ["a1", "a10"]),
        ({"prefix": "a", "start_after": "a0"}, ["a1", "a10"]),
        ({"prefix": "a1", "start": "b"}, []),
        ({"prefix": ""}, ["", "a", "a0", "a1", "a10", "b", "é", "\uffff", "😀"]),
        ({"prefix": "\uffff"}, ["\uffff"]),
        ({"prefix": "😀"}, ["😀"]),
        ({"limit": 2}, ["", "a"]),
        ({"limit": 2, "reverse": True}, ["😀", "\uffff"]),
        ({"start": "a0", "end": "b", "reverse": True}, ["a10", "a1", "a0"]),
        ({"prefix": "a", "reverse": True, "limit": 3}, ["a10", "a1", "a0"]),
    ],
    ids=repr,
)
def test_ranges(many: KeyValue, options: dict[str, Any], keys: list[str]) -> None:
    assert list(many.list(**options)) == keys
    assert [key for key, _ in many.scan(**options)] == keys


def test_prefixes_at_the_edges_of_unicode(kv: KeyValue) -> None:
    last = "\U0010ffff"
    kv.put_many({"\ud7ffx": 1, "\ue000": 2, last: 3, last + "a": 4, "a" + last: 5, "b": 6})
    assert list(kv.list(prefix="\ud7ff")) == ["\ud7ffx"]
    assert list(kv.list(prefix=last)) == [last, last + "a"]
    assert list(kv.list(prefix=last, end=last + "a")) == [last]
    assert list(kv.list(prefix="a" + last)) == ["a" + last]


@pytest.mark.parametrize("call", ["list", "scan"])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"limit": 0}, "List limit must be positive."),
        ({"limit": -1}, "List limit must be positive."),
        ({"limit": 1.5}, "List limit must be an int, not 1.5."),
        ({"limit": True}, "List limit must be an int, not True."),
        (
            {"start": "a", "start_after": "b"},
            "list() cannot be called with both start and start_after values.",
        ),
        ({"prefix": 5}, "a key is a str, not 5 of type int"),
        ({"start": b"a"}, "a key is a str, not b'a' of type bytes"),
    ],
)
def test_options_that_cannot_be(kv: KeyValue, call: str, options: Any, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        getattr(kv, call)(**options)
    assert str(caught.value) == text


@pytest.mark.parametrize("key", [None, 5, b"a", ("a",)])
def test_a_key_is_a_str(kv: KeyValue, key: Any) -> None:
    for call in (
        lambda: kv.get(key),
        lambda: kv.put(key, 1),
        lambda: kv.delete(key),
        lambda: kv.get_many([key]),
        lambda: kv.put_many({"ok": 1, key: 1}),
        lambda: kv.delete_many(["ok", key]),
    ):
        with pytest.raises(InvalidArgument, match="a key is a str"):
            call()
    assert kv.get("ok") is None


def test_keys_are_valid_text_and_lists_are_lists(kv: KeyValue) -> None:
    with pytest.raises(InvalidArgument, match="not valid Unicode"):
        kv.put("\ud800", 1)
    with pytest.raises(InvalidArgument, match="a list of keys"):
        kv.get_many("abc")


def test_a_str_enum_is_a_key(kv: KeyValue) -> None:
    class Key(enum.StrEnum):
        A = "a"

    kv.put(Key.A, 1)
    assert kv.list() == {"a": 1}


def test_limits(make_db: MakeDatabase, small_limits: StorageLimits) -> None:
    kv = KeyValue(make_db(limits=small_limits))
    kv.put("k" * 16, "v" * 60)
    kv.put("é" * 8, 1)
    for key in ("k" * 17, "é" * 9):
        with pytest.raises(LimitExceeded) as caught:
            kv.put(key, 1)
        assert caught.value.limit == "key_size_bytes_max"
        assert caught.value.actual == len(key.encode())
    with pytest.raises(LimitExceeded) as caught:
        kv.put("k", "v" * 70)
    assert str(caught.value) == (
        "bytes in the value of the key 'k': 73, and no more than 64 is allowed "
        "(perdure.limits.value_size_bytes_max)"
    )
    for call in (
        lambda: kv.get_many(["a"] * 4),
        lambda: kv.put_many(dict.fromkeys("abcd", 1)),
        lambda: kv.delete_many(list("abcd")),
    ):
        with pytest.raises(LimitExceeded, match="keys in one call: 4, and no more than 3"):
            call()


def test_the_largest_key_with_the_largest_value_fit(make_db: MakeDatabase) -> None:
    db = make_db()
    kv = KeyValue(db)
    key, value = "k" * 2048, b"v" * (2_000_000 - 6)
    kv.put(key, value)
    db.commit()
    assert kv.get(key) == value
    assert kv.list() == {key: value}
    with pytest.raises(LimitExceeded):
        kv.put(key, value + b"v")


def test_several_are_put_all_or_none(db: ActorDatabase, kv: KeyValue) -> None:
    with pytest.raises(ValueNotSerializable) as caught:
        kv.put_many({"a": 1, "b": object()})
    assert caught.value.where == "the value of 'b'"
    with pytest.raises(LimitExceeded):
        kv.put_many({"a": 1, "b": "x" * 2_000_001})
    assert kv.list() == {}
    assert not db.has_writes


def test_damaged_bytes_are_named(db: ActorDatabase, kv: KeyValue) -> None:
    db.write("INSERT INTO _cf_KV VALUES (?, ?)", ("a", b"\x00junk"))
    with pytest.raises(ValueCorrupt):
        kv.get("a")


def test_a_scan_sees_what_is_written_ahead_of_it(kv: KeyValue) -> None:
    kv.put_many({"a": 1, "b": 2, "c": 3})
    seen = []
    for key, value in kv.scan():
        seen.append((key, value))
        if key == "a":
            kv.delete("b")
            kv.put("bb", 22)
            kv.put("0", "behind")
    assert seen == [("a", 1), ("bb", 22), ("c", 3)]


def test_a_scan_sees_what_was_rolled_back(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put_many({"a": 1, "b": 2})
    scan = kv.scan(reverse=True)
    assert next(scan) == ("b", 2)
    db.savepoint()
    kv.delete("a")
    db.rollback_to()
    assert next(scan) == ("a", 1)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [None, 64, 65, 128, 500])
def test_a_scan_goes_on_past_its_pages(kv: KeyValue, reverse: bool, limit: int | None) -> None:
    keys = [f"{n:04}" for n in range(200)]
    for key in keys:
        kv.put(key, int(key))
    if reverse:
        keys.reverse()
    assert [key for key, _ in kv.scan(reverse=reverse, limit=limit)] == keys[:limit]


def test_a_scan_may_outlive_its_turn(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put_many({"a": 1, "b": 2})
    scan = kv.scan()
    assert next(scan) == ("a", 1)
    db.commit()
    assert list(scan) == [("b", 2)]


def test_a_new_scan_ends_the_one_before(kv: KeyValue) -> None:
    kv.put_many({"a": 1, "b": 2})
    older, newer = kv.scan(), kv.scan()
    assert next(newer) == ("a", 1)
    kv.list()  # it is read at once, and disturbs nobody
    with pytest.raises(UsageError) as caught:
        next(older)
    assert str(caught.value) == (
        "kv.list() iterator was invalidated because a new call to kv.list() was started. "
        "Only one kv.list() iterator can exist at a time."
    )
    assert list(newer) == [("b", 2)]


def test_delete_all_deletes_everything(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    Sql(db).exec("CREATE TABLE t (a)")
    kv.delete_all()
    assert kv.list() == {}
    assert Sql(db).exec("PRAGMA table_list(t)").to_array() == []


def test_keys_do_not_show_in_the_row_ids_of_sql(db: ActorDatabase, kv: KeyValue) -> None:
    sql = Sql(db)
    sql.exec("CREATE TABLE t (a); INSERT INTO t (rowid) VALUES (41)")
    kv.put("a", 1)
    assert sql.exec("SELECT last_insert_rowid() AS id").one() == {"id": 41}
