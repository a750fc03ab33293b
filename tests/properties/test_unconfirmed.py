"""Whatever is written with and without ``allow_unconfirmed``: output waits for what it must, and for
no more, and leaves in its order."""

import asyncio
import contextvars
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.actors.commit import Committer
from perdure.actors.ids import IdFactory
from perdure.storage.errors import PerdureError
from perdure.storage.kv import KeyValue
from perdure.storage.sql import Sql
from tests.storage.logged import KEY, Bench
from tests.world import FakeAlarms

STEPS = ("confirmed", "unconfirmed", "sql write", "select", "get", "emit", "commit", "durable")


class Model:
    """What has to have left after each step, said as simply as it can be."""

    def __init__(self) -> None:
        self.open_confirmed = False  # in the transaction that is not committed yet
        self.commits: list[bool] = []  # whether each has something that is to be confirmed
        self.durable = 0
        self.outputs: list[int] = []  # how many commits must be durable for each
        self.has_open = False

    def emit(self) -> None:
        needed = 0
        if self.open_confirmed:
            needed = len(self.commits) + 1
        else:
            confirmed = [n for n, flag in enumerate(self.commits, 1) if flag and n > self.durable]
            needed = confirmed[-1] if confirmed else 0
        self.outputs.append(needed)

    def commit(self) -> None:
        if self.has_open:
            self.commits.append(self.open_confirmed)
        self.open_confirmed = self.has_open = False

    def left(self) -> list[int]:
        found = []
        for number, needed in enumerate(self.outputs):
            if needed > self.durable:
                break
            found.append(number)
        return found


class Actor:
    """A committer over a real log."""

    def __init__(self, root: Path) -> None:
        self.bench = Bench(root)
        self.store = self.bench.open(segment_size_bytes=2**20)
        actor_id = IdFactory(KEY).id_from_name("one")
        self.database = self.store.database(KEY, actor_id.raw)
        self.failures: list[PerdureError] = []
        self.loop = asyncio.new_event_loop()  # it never runs: the test commits
        self.committer = Committer(
            actor_id,
            self.database,
            FakeAlarms(),
            self.loop,
            contextvars.Context(),
            self.failures.append,
        )
        self.kv, self.sql = KeyValue(self.database), Sql(self.database)
        self.sql.exec("CREATE TABLE t (n)")
        self.committer.commit()
        self.store.log.wait()
        self.sql.exec("SELECT n FROM t").to_array()
        self.count = 0
        self.emitted = 0
        self.left: list[int] = []

    def step(self, what: str) -> None:
        self.count += 1
        if what == "confirmed":
            self.kv.put("a", self.count)
        elif what == "unconfirmed":
            remains_so = self.database.is_unconfirmed or not self.database.has_writes
            self.kv.put("b", self.count)
            self.database.is_unconfirmed = remains_so
        elif what == "sql write":
            self.sql.exec("INSERT INTO t VALUES (?)", self.count)
        elif what == "select":
            self.sql.exec("SELECT n FROM t").to_array()
        elif what == "get":
            self.kv.get("b")
        elif what == "emit":
            number, self.emitted = self.emitted, self.emitted + 1
            self.committer.output.emit(lambda: self.left.append(number))
        elif what == "commit":
            self.committer.commit()
        else:
            self.store.log.wait()

    def close(self) -> None:
        self.database.close()
        self.bench.close()
        self.loop.close()


def step_of_the_model(model: Model, what: str) -> None:
    if what in {"confirmed", "sql write"}:
        model.has_open = model.open_confirmed = True
    elif what == "unconfirmed":
        model.has_open = True
    elif what == "emit":
        model.emit()
    elif what == "commit":
        model.commit()
    elif what == "durable":
        model.durable = len(model.commits)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=15, max_size=40))
def test_output_waits_for_confirmed_writes_and_for_nothing_else(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        actor, model = Actor(Path(root) / "data"), Model()
        try:
            for what in [*steps, "commit", "durable"]:
                actor.step(what)
                step_of_the_model(model, what)
                assert actor.left == model.left(), what
            assert actor.left == list(range(actor.emitted))
            assert not actor.committer.is_dirty()
            assert actor.failures == []
        finally:
            actor.close()
