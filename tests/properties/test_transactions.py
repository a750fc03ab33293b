"""Transactions in transactions, in KV and SQL at once, against a stack of copies."""

import contextlib
import copy
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import SqlError, UsageError
from perdure.storage.kv import KeyValue
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql, SqlCursor

pytestmark = pytest.mark.slow

State = dict[str, dict[str, int]]


class TransactionMachine(RuleBasedStateMachine):
    """One actor. ``stack`` holds the state at the last commit and at each open savepoint."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "actor.db"
        self.begun = 0
        self.cursors: list[SqlCursor] = []
        self.open()

    def open(self) -> None:
        self.db = ActorDatabase(self.path)
        self.db.on_begin = self.note_begin
        self.kv = KeyValue(self.db)
        self.sql = Sql(self.db)
        self.metadata = Metadata(self.db)

    def note_begin(self) -> None:
        self.begun += 1

    @initialize()
    def make_table(self) -> None:
        self.sql.exec("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER)")
        self.db.commit()
        self.now: State = {"kv": {}, "sql": {}, "alarm": {}}
        self.stack: list[State] = [copy.deepcopy(self.now)]
        self.begun = 0

    @rule(key=st.sampled_from("abc"), value=st.integers(0, 9))
    def put(self, key: str, value: int) -> None:
        self.kv.put(key, value)
        self.now["kv"][key] = value

    @rule(key=st.sampled_from("abc"), value=st.integers(0, 9))
    def upsert(self, key: str, value: int) -> None:
        self.sql.exec(
            "INSERT INTO t VALUES (?, ?) ON CONFLICT DO UPDATE SET v = ?", key, value, value
        )
        self.now["sql"][key] = value

    @rule(key=st.sampled_from("abc"))
    def delete(self, key: str) -> None:
        self.sql.exec("DELETE FROM t WHERE k = ?", key)
        self.now["sql"].pop(key, None)

    @rule(time_ms=st.integers(1, 9))
    def set_alarm(self, time_ms: int) -> None:
        self.metadata.set_alarm_ms(time_ms)
        self.now["alarm"]["ms"] = time_ms

    @rule()
    def savepoint(self) -> None:
        self.db.savepoint()
        self.stack.append(copy.deepcopy(self.now))

    @precondition(lambda self: len(self.stack) > 1)
    @rule()
    def release(self) -> None:
        self.db.release()
        self.stack.pop()

    @precondition(lambda self: len(self.stack) > 1)
    @rule()
    def rollback_to(self) -> None:
        self.db.rollback_to()
        self.now = self.stack.pop()

    @precondition(lambda self: len(self.stack) == 1)
    @rule()
    def commit(self) -> None:
        wrote = self.db.commit()
        assert wrote or self.now == self.stack[0]
        self.stack = [copy.deepcopy(self.now)]

    @rule()
    def rollback(self) -> None:
        self.db.rollback()
        self.now = copy.deepcopy(self.stack[0])
        self.stack = [copy.deepcopy(self.now)]

    @rule()
    def crash(self) -> None:
        self.db.close()
        self.now = copy.deepcopy(self.stack[0])
        self.stack = [copy.deepcopy(self.now)]
        self.open()

    @rule()
    def read_in_part(self) -> None:
        """A cursor left open must never hold anything up."""
        cursor = self.sql.exec("SELECT v FROM t")
        cursor.next()
        self.cursors.append(cursor)

    @invariant()
    def everything_is_as_in_the_model(self) -> None:
        if not hasattr(self, "now"):
            return
        assert self.kv.list() == self.now["kv"]
        rows = self.db.rows("SELECT k, v FROM t")
        assert dict(rows) == self.now["sql"]
        assert self.metadata.get_alarm_ms() == self.now["alarm"].get("ms")
        assert self.db.is_explicit == (len(self.stack) > 1)
        if self.now != self.stack[0]:
            assert self.db.has_writes

    def teardown(self) -> None:
        for cursor in self.cursors:
            with contextlib.suppress(SqlError, UsageError):  # what it read was undone
                cursor.to_array()
        self.db.close()
        self.directory.cleanup()


TestTransactions = TransactionMachine.TestCase
TestTransactions.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
