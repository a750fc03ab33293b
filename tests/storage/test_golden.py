"""workerd's answers to 334 questions about storage, and where ours differ on purpose."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import PerdureError, UsageError
from perdure.storage.kv import KeyValue
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql

GOLDEN = Path(__file__).with_name("golden")
GROUPS = ["sql_rules", "sql_bindings", "sql_limits", "kv", "txsync"]


def load(group: str) -> list[dict[str, Any]]:
    text = (GOLDEN / f"{group}.json").read_text()
    text = re.sub(r"<x\*(\d+)>", lambda run: "x" * int(run[1]), text)
    questions: list[dict[str, Any]] = json.loads(text)
    return questions


QUESTIONS = {group: load(group) for group in GROUPS}
SPECIAL: dict[str, Callable[[Any], Any]] = {
    "$u": lambda _: None,
    "$n": float,
    "$i": int,
    "$b": bytes,
    "$v": lambda typed: bytes(typed[1]),
    "$d": lambda ms: datetime.fromtimestamp(ms / 1000, UTC),
    "$m": lambda pairs: {from_js(key): from_js(value) for key, value in pairs},
    "$s": lambda items: {from_js(item) for item in items},
}


def from_js(value: Any) -> Any:
    """The Python value for one in a question or an answer."""
    if isinstance(value, list):
        return [from_js(item) for item in value]
    if isinstance(value, dict):
        if len(value) == 1 and (special := SPECIAL.get(next(iter(value)))):
            return special(next(iter(value.values())))
        return {key: from_js(item) for key, item in value.items()}
    return value


class Asker:
    """Puts a group's questions to our storage, one after the other."""

    def __init__(self, db: ActorDatabase) -> None:
        self.db = db
        self.kv = KeyValue(db)
        self.sql = Sql(db)
        self.metadata = Metadata(db)

    def ask(self, op: list[Any]) -> Any:
        name, *arguments = op
        ask = getattr(self, name.replace(".", "_"))
        try:
            return {"ok": ask(*map(from_js, arguments))}
        except PerdureError as error:
            return {"err": str(error)}
        except TypeError as error:
            return {"err": f"TypeError: {error}"}
        finally:
            if not self.db.is_explicit:
                self.db.commit()

    # The questions' names.

    def sql_(self, query: Any, *bindings: Any) -> Any:
        cursor = self.sql.exec(query, *bindings)
        return {"columns": cursor.column_names, "rows": [list(row) for row in cursor.raw()]}

    def sqlobj(self, query: str) -> Any:
        return self.sql.exec(query).to_array()

    def one(self, query: str) -> Any:
        return self.sql.exec(query).one()

    def txsync(self, statements: list[str], boom: str | None) -> str:
        self.db.savepoint()
        try:
            for statement in statements:
                self.sql.exec(statement)
            if boom:
                raise UsageError(boom)
        except UsageError:
            self.db.rollback_to()
            raise
        self.db.release()
        return "done"

    def get(self, key: Any) -> Any:
        return self.kv.get_many(key) if isinstance(key, list) else self.kv.get(key)

    def put(self, key: Any, *value: Any) -> None:
        if isinstance(key, dict):
            self.kv.put_many(key)
        else:
            self.kv.put(key, value[0])

    def delete(self, key: Any) -> Any:
        return self.kv.delete_many(key) if isinstance(key, list) else self.kv.delete(key)

    def list(self, options: dict[str, Any] | None = None) -> Any:
        return self.kv.list(**spelled(options))

    def kvlist(self, options: dict[str, Any]) -> Any:
        return [[key, value] for key, value in self.kv.scan(**spelled(options))]

    def kv_get(self, key: str) -> Any:
        return self.kv.get(key)

    def kv_put(self, key: str, value: Any) -> None:
        self.kv.put(key, value)

    def kv_delete(self, key: str) -> bool:
        return self.kv.delete(key)

    def getAlarm(self) -> int | None:
        return self.metadata.get_alarm_ms()

    def setAlarm(self, time: Any) -> None:
        ms = int(time.timestamp() * 1000) if isinstance(time, datetime) else int(time)
        self.metadata.set_alarm_ms(ms)

    def deleteAlarm(self) -> None:
        self.metadata.delete_alarm()

    def deleteAll(self) -> None:
        self.db.delete_all()

    def sync(self) -> None:
        self.db.commit()

    def size(self) -> int:
        return self.sql.database_size


def spelled(options: dict[str, Any] | None) -> dict[str, Any]:
    return {"start_after" if k == "startAfter" else k: v for k, v in (options or {}).items()}


# workerd's texts name what JavaScript calls so; ours name what Python calls so.
NAMES = {
    "state.storage.transaction()": "ctx.storage.transaction()",
    "state.storage.transactionSync()": "ctx.storage.transaction_sync()",
    "The JavaScript API": "The Python API",
    "startAfter": "start_after",
}

PYTHON_NUMBERS = "bindings are Python's: int is INTEGER, bool is 0 or 1 (decision 1)"
PYTHON_INTS = "an int of Python's holds 64 bits, a number of JavaScript's 53"
NO_COERCION = "what is no str is refused, not turned into one"
NOT_BINDABLE = "SQLite cannot hold it, and its text is rarely what was meant"
NO_UNDEFINED = "Python has no undefined; None is a value"
EARLY_TABLES = "our tables are there from birth (storage/template.py), workerd's from first use"
LIMITS = "the documented limit of 2 MB is enforced; a local workerd does not"
DEFENCE = "load_extension is refused where it is compiled, not only where it is called"
ABOVE = "checked above storage: actors/storage_calls.py"
NO_PITR = "point-in-time recovery is not part of storage yet"


def rows(columns: str, *values: list[Any]) -> dict[str, Any]:
    return {"ok": {"columns": columns.split(), "rows": list(values)}}


def bound(value: Any, kind: str) -> dict[str, Any]:
    return rows("v t", [value, kind])


def unbindable(kind: str) -> dict[str, Any]:
    return {
        "err": f"binding 1 is of type {kind}; SQLite holds None, int, float, bool, str and bytes. "
        "Convert it, for instance with json.dumps(...) or .isoformat()"
    }


TYPES = "typeof(i) typeof(r) typeof(t) typeof(b) typeof(x) i r t b x"
TOO_BIG = {"err": "string or blob too big: SQLITE_TOOBIG"}
NO_KEY = "a key is a str, not {0!r} of type {1}"
P_ROWS = {f"p{n}": n for n in sorted(range(12), key=str)}
# (group, index): why, and what we answer. None: our storage cannot be asked this.
DIFFERENCES: dict[tuple[str, int], tuple[str, dict[str, Any] | None]] = {
    ("sql_rules", 24): (EARLY_TABLES, {"err": "access to _cf_KV.key is prohibited: SQLITE_AUTH"}),
    ("sql_rules", 25): (
        EARLY_TABLES,
        {"err": "access to _cf_METADATA.key is prohibited: SQLITE_AUTH"},
    ),
    **{
        ("sql_rules", index): (
            EARLY_TABLES,
            rows(
                "name",
                ["_cf x"],
                ["_cf_KV"],
                ["_cf_METADATA"],
                ["sqlite_stat1"],
                ["sqlite_stat4"],
                ["t"],
            ),
        )
        for index in (26, 27)
    },
    ("sql_rules", 52): (EARLY_TABLES, None),  # test_table_list compares it
    ("sql_rules", 82): (PYTHON_INTS, rows("9007199254740993", [9007199254740993])),
    ("sql_rules", 83): (PYTHON_INTS, rows("9223372036854775807", [9223372036854775807])),
    ("sql_rules", 93): (
        DEFENCE,
        {"err": "not authorized to use function: load_extension at offset 7: SQLITE_ERROR"},
    ),
    ("sql_bindings", 0): (PYTHON_NUMBERS, bound(1, "integer")),
    ("sql_bindings", 2): (PYTHON_NUMBERS, bound(-1, "integer")),
    ("sql_bindings", 3): (PYTHON_NUMBERS, bound(0, "integer")),
    ("sql_bindings", 4): (PYTHON_NUMBERS, bound(9007199254740992, "integer")),
    ("sql_bindings", 7): (PYTHON_NUMBERS, bound(1, "integer")),
    ("sql_bindings", 8): (PYTHON_NUMBERS, bound(0, "integer")),
    ("sql_bindings", 13): (PYTHON_NUMBERS, bound(10, "integer")),
    ("sql_bindings", 14): (NOT_BINDABLE, unbindable("datetime")),
    ("sql_bindings", 15): (NOT_BINDABLE, unbindable("dict")),
    ("sql_bindings", 16): (NOT_BINDABLE, unbindable("list")),
    ("sql_bindings", 19): (NOT_BINDABLE, unbindable("dict")),
    ("sql_bindings", 32): (
        PYTHON_NUMBERS,
        rows(TYPES, ["integer", "real", "text", "integer", "integer", 1, 1.0, "1", 1, 1]),
    ),
    ("sql_bindings", 33): (
        PYTHON_NUMBERS,
        rows(TYPES, ["real", "real", "text", "text", "integer", 1.5, 2.0, "3", "4", 1]),
    ),
    ("sql_bindings", 34): (
        PYTHON_NUMBERS,
        rows(TYPES, ["integer", "real", "text", "blob", "real", 5, 1.0, "2.0", b"\x01", 1e20]),
    ),
    ("sql_bindings", 35): (PYTHON_NUMBERS, {"ok": {"columns": ["?1 || ''"], "rows": [["1"]]}}),
    ("sql_bindings", 39): (PYTHON_NUMBERS, rows("x", [1], [1])),
    ("sql_bindings", 40): (PYTHON_NUMBERS, rows("x", [1])),
    ("sql_bindings", 48): (NO_COERCION, {"err": "a query is a str, not 5"}),
    ("sql_bindings", 49): (NO_UNDEFINED, {"err": "a query is a str, not None"}),
    ("sql_bindings", 50): (NO_COERCION, {"err": "a query is a str, not None"}),
    ("sql_bindings", 51): (NO_UNDEFINED, None),
    ("sql_limits", 15): (LIMITS, TOO_BIG),
    ("sql_limits", 16): (LIMITS, TOO_BIG),
    ("sql_limits", 17): (LIMITS, TOO_BIG),
    ("kv", 9): (NO_UNDEFINED, {"ok": {"": 5, "a": 1, "b": 2, "c": None, "d": None}}),
    ("kv", 14): (NO_UNDEFINED, {"ok": {"": 5, "c": None}}),
    ("kv", 15): (NO_UNDEFINED, None),
    ("kv", 16): (NO_UNDEFINED, {"ok": None}),
    ("kv", 18): (ABOVE, None),
    ("kv", 19): (ABOVE, None),
    ("kv", 20): (NO_COERCION, {"err": NO_KEY.format(5, "int")}),
    ("kv", 21): (NO_COERCION, {"err": NO_KEY.format(5, "int")}),
    ("kv", 22): (NO_UNDEFINED, None),
    ("kv", 23): (NO_COERCION, {"err": NO_KEY.format(None, "NoneType")}),
    ("kv", 24): (NO_UNDEFINED, {"err": NO_KEY.format(None, "NoneType")}),
    ("kv", 25): (NO_UNDEFINED, None),
    ("kv", 36): (NO_UNDEFINED, {"ok": {"": 5, "c": None, "k": 1, **P_ROWS}}),
    ("kv", 39): (NO_COERCION, {"err": "List limit must be an int, not 1.5."}),
    ("kv", 43): (
        NO_UNDEFINED,
        {
            "ok": {
                "Z": 3,
                "c": None,
                "k": 1,
                **P_ROWS,
                "z": 2,
                "~": 6,
                "é": 1,
                "\uffff": 5,
                "😀": 4,
            }
        },
    ),
    **{("kv", index): (ABOVE, None) for index in range(83, 89)},
    ("kv", 94): (EARLY_TABLES, {"ok": 12288}),
    **{("kv", index): (NO_PITR, None) for index in range(95, 99)},
    ("txsync", 7): (
        EARLY_TABLES,
        {"ok": [{"name": "_cf_KV"}, {"name": "_cf_METADATA"}, {"name": "t"}]},
    ),
    ("txsync", 8): (EARLY_TABLES, {"ok": 16384}),
}


def expected(group: str, index: int) -> dict[str, Any]:
    """What we should answer: as workerd did, or as a difference says."""
    difference = DIFFERENCES.get((group, index))
    if difference is not None:
        assert difference[1] is not None
        return difference[1]
    answer = QUESTIONS[group][index]["res"]
    if "err" in answer:
        text = answer["err"][1]
        for theirs, ours in NAMES.items():
            text = text.replace(theirs, ours)
        return {"err": text}
    value = from_js(answer["ok"])
    if isinstance(value, dict) and "columns" in value:
        value = {"columns": value["columns"], "rows": value["rows"]}
    return {"ok": value}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Any]:
    """All questions, each group on one database, as they were put to workerd."""
    found: dict[tuple[str, int], Any] = {}
    for group in GROUPS:
        asker = Asker(ActorDatabase(tmp_path_factory.mktemp("golden") / f"{group}.db"))
        for index, question in enumerate(QUESTIONS[group]):
            if DIFFERENCES.get((group, index), ("", {}))[1] is not None:
                name, *arguments = question["op"]
                found[group, index] = asker.ask(["sql_" if name == "sql" else name, *arguments])
            elif (group, index) == ("sql_rules", 52):
                found[group, index] = asker.ask(["sql_", *question["op"][1:]])
        asker.db.close()
    return found


ASKED = [
    (group, index)
    for group in GROUPS
    for index in range(len(QUESTIONS[group]))
    if DIFFERENCES.get((group, index), ("", {}))[1] is not None
]


@pytest.mark.parametrize(("group", "index"), ASKED)
def test_answers_are_those_of_workerd(
    group: str, index: int, answers: dict[tuple[str, int], Any]
) -> None:
    got, want = answers[group, index], expected(group, index)
    if not is_nan(want.get("ok")):
        assert got == want
    else:
        assert is_nan(got["ok"])
    if isinstance(want.get("ok"), dict) and QUESTIONS[group][index]["op"][0] == "list":
        assert list(got["ok"]) == list(want["ok"])  # in the same order


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def test_table_list(answers: dict[tuple[str, int], Any]) -> None:
    """As workerd's but for our own tables, and a second table of statistics (sqlite_stat4)."""
    want = expected_rows("sql_rules", 52)
    got = {tuple(row) for row in answers["sql_rules", 52]["ok"]["rows"]}
    ours = {
        ("main", "_cf_KV", "table", 2, 1, 0),
        ("main", "_cf_METADATA", "table", 2, 1, 0),
        ("main", "sqlite_stat4", "table", 6, 0, 0),
    }
    assert got - ours == want
    assert ours <= got


def expected_rows(group: str, index: int) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in QUESTIONS[group][index]["res"]["ok"]["rows"]}


def test_every_difference_is_one() -> None:
    """A difference that is none any more must leave the list."""
    for (group, index), (reason, answer) in DIFFERENCES.items():
        assert reason
        theirs = QUESTIONS[group][index]["res"]
        if answer is not None and "ok" in theirs and "ok" in answer:
            value = from_js(theirs["ok"])
            if isinstance(value, dict) and "columns" in value:
                value = {"columns": value["columns"], "rows": value["rows"]}
            assert value != answer["ok"]


def test_nothing_was_left_out() -> None:
    assert sum(map(len, QUESTIONS.values())) == 334
