"""Actors over one log, on a disk that is held up, fails, and loses its power, beside a model.

After each crash, whatever was going on: what was acknowledged is there; each actor has the state
of one of its commits, and all of it; the commits that are there are those up to one number of the
log, for all actors alike; alarms are as in the actors' rows. And every state that was durable can
be had back.
"""

import os
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from perdure.storage import journal
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import StorageBroken
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.logformat import ALARM_UNCHANGED, NO_ALARM
from perdure.storage.metadata import Metadata
from perdure.storage.opening import Alarms
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions
from tests.properties.examples import examples, scratch
from tests.properties.powered import PoweredDisk
from tests.wire import PATIENCE_S

pytestmark = pytest.mark.slow

ACTORS = st.integers(0, 2)
KEY = "properties-Room"
TURN = "turn"  # a key that says which of its actor's commits this is
# Small, so that segments are used again, files are closed, and long -wal files are shortened.
OPTIONS = StoreOptions(
    segment_size_bytes=30_000,
    live_size_bytes_max=90_000,
    open_max=2,
    free_space_size_bytes_min=0,
)


@dataclass(frozen=True)
class Content:
    """What an actor has: keys and values, and its alarm."""

    values: dict[str, Any] = field(default_factory=dict)
    alarm_ms: int | None = None


@dataclass(frozen=True)
class Commit:
    lsn: int
    content: Content
    order: tuple[int, int] = (0, 0)  # what its bookmark says


@dataclass
class Model:
    """One actor.

    Attributes:
        commits: All of which a crash might leave it with; the first one is nothing at all.
        acknowledged: How many of them were said to be durable.
        now: What its code sees; ``stack`` what it goes back to at the ends of transactions.
        alarm_changed: As in actors/commit.py.
    """

    commits: list[Commit] = field(default_factory=lambda: [Commit(0, Content())])
    acknowledged: int = 0
    now: Content = field(default_factory=Content)
    stack: list[Content] = field(default_factory=list)
    alarm_changed: bool = False

    def go_back(self) -> None:
        self.now, self.stack, self.alarm_changed = self.commits[-1].content, [], False


class Killed(BaseException):
    """The process ends here."""


class LogMachine(RuleBasedStateMachine):
    """Three actors, of which two may be open."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(journal, "CHECKPOINT_FRAMES", 8)
        self.patch.setattr(journal, "CHECKPOINT_FRAMES_MAX", 20)
        self.disk = PoweredDisk(self.patch)
        self.directory = scratch()
        self.root = Path(self.directory.name) / "0"
        self.copies = 0
        self.models = [Model() for _ in range(3)]
        Layout(self.root).actors_dir.mkdir(parents=True)
        self.open()

    # --- the engine --------------------------------------------------------------------------

    def open(self) -> None:
        self.alarms: Alarms = {}
        self.store = Store.open(
            Layout(self.root),
            notify=self.disk.notify,
            time_ms=lambda: 0,
            on_failure=lambda _: None,
            apply_alarms=self.alarms.update,
            options=OPTIONS,
        )
        settle = self.store.log.settle

        def settle_freely() -> None:
            """An actor may wait for the log in the middle of a turn; the test would for ever."""
            with self.disk.free():
                settle()

        self.patch.setattr(self.store.log, "settle", settle_freely)
        self.databases = [self.store.database(KEY, self.id(n)) for n in range(3)]

    @staticmethod
    def id(actor: int) -> bytes:
        return bytes([actor + 1]) * 32

    def is_at_rest(self) -> bool:
        log = self.store.log
        return log.failure is not None or log.durable_lsn == log.appended_lsn

    # --- what actors do ----------------------------------------------------------------------

    def set(self, actor: int, values: dict[str, Any], alarm_ms: int | None) -> None:
        self.models[actor].now = Content(values, alarm_ms)

    @rule(actor=ACTORS, key=st.sampled_from("abcdef"), size=st.sampled_from((1, 300, 9000)))
    def write(self, actor: int, key: str, size: int) -> None:
        now = self.models[actor].now
        value = f"{len(self.models[actor].commits)}{key}" * size
        KeyValue(self.databases[actor]).put(key, value)
        self.set(actor, {**now.values, key: value}, now.alarm_ms)

    @rule(actor=ACTORS, key=st.sampled_from("abcdef"))
    def delete(self, actor: int, key: str) -> None:
        now = self.models[actor].now
        KeyValue(self.databases[actor]).delete(key)
        self.set(actor, {k: v for k, v in now.values.items() if k != key}, now.alarm_ms)

    @rule(actor=ACTORS, alarm_ms=st.none() | st.integers(1, 9))
    def set_alarm(self, actor: int, alarm_ms: int | None) -> None:
        model, metadata = self.models[actor], Metadata(self.databases[actor])
        if alarm_ms is None:
            metadata.delete_alarm()
        else:
            metadata.set_alarm_ms(alarm_ms)
        self.set(actor, model.now.values, alarm_ms)
        model.alarm_changed = True

    @rule(actor=ACTORS)
    def delete_all(self, actor: int) -> None:
        self.databases[actor].delete_all()
        self.set(actor, {}, None)
        self.models[actor].alarm_changed = True

    @rule(actor=ACTORS)
    def savepoint(self, actor: int) -> None:
        self.databases[actor].savepoint()
        self.models[actor].stack.append(self.models[actor].now)

    @rule(actor=ACTORS, keep=st.booleans())
    def end_savepoint(self, actor: int, keep: bool) -> None:
        model = self.models[actor]
        if not model.stack:
            return
        before = model.stack.pop()
        if keep:
            self.databases[actor].release()
        else:
            self.databases[actor].rollback_to()
            model.now = before

    @rule(actor=ACTORS)
    def rollback(self, actor: int) -> None:
        self.databases[actor].rollback()
        self.models[actor].go_back()

    @rule(actor=ACTORS)
    def commit(self, actor: int) -> None:
        database, model = self.databases[actor], self.models[actor]
        if model.stack:
            return
        if not database.has_writes:
            before = self.store.log.appended_lsn
            database.commit()
            assert self.store.log.appended_lsn == before, "nothing was written"
            return
        number = len(model.commits)
        KeyValue(database).put(TURN, number)
        self.set(actor, {**model.now.values, TURN: number}, model.now.alarm_ms)
        alarm_ms = ALARM_UNCHANGED
        if model.alarm_changed:
            alarm_ms = NO_ALARM if model.now.alarm_ms is None else model.now.alarm_ms
        before = self.store.log.appended_lsn
        assert database.commit(alarm_ms)
        assert self.store.log.appended_lsn == before + 1, "one turn is one record"
        order = (self.store.log.incarnation, self.store.log.last_commit)
        model.commits.append(Commit(before + 1, model.now, order))
        model.alarm_changed = False

        def is_durable() -> None:
            assert self.store.log.durable_lsn >= model.commits[number].lsn
            model.acknowledged = max(model.acknowledged, number)

        database.durability.when_durable(is_durable)

    @rule(actor=ACTORS, count=st.integers(2, 12))
    def turns(self, actor: int, count: int) -> None:
        """A busy actor: its -wal grows long, and the log too."""
        if not self.models[actor].stack:
            for number in range(count):
                self.write(actor, "abcdef"[number % 6], 300)
                self.commit(actor)

    @rule(actor=ACTORS)
    def park(self, actor: int) -> None:
        self.databases[actor].park()

    @rule(actor=ACTORS)
    def reset(self, actor: int) -> None:
        """The actor is gone, whatever of it is on its way; its successor goes on."""
        self.databases[actor].close()
        self.databases[actor] = self.store.database(KEY, self.id(actor))
        self.models[actor].go_back()

    # --- what the process and the disk do ----------------------------------------------------

    @rule()
    def loop_runs(self) -> None:
        self.disk.rest(self.is_at_rest)
        self.disk.run()

    @rule()
    def disk_is_held(self) -> None:
        self.disk.is_held = True

    @rule(actors=st.lists(ACTORS, min_size=1, max_size=3))
    def commits_on_their_way(self, actors: list[int]) -> None:
        """The disk has been given a batch, and has not said that it has it."""
        self.disk.is_held = True
        for actor in actors:
            self.turns(actor, 1)
        self.loop_runs()
        self.loop_runs()

    @rule(actor=ACTORS)
    def checkpoint_in_the_middle_of_a_turn(self, actor: int) -> None:
        """Of an actor whose file lacks what the log has; it is waited for."""
        self.turns(actor, 1)
        self.everything_comes_to_rest()
        self.write(actor, "a", 300)
        self.checkpoint(ends="well", seed=0)
        self.disk.run()

    @rule()
    def disk_syncs_once(self) -> None:
        self.disk.let_one_go()

    @rule()
    def everything_comes_to_rest(self) -> None:
        with self.disk.free():
            while not self.is_at_rest():
                self.disk.rest(self.is_at_rest)
                self.disk.run()

    @rule(ends=st.sampled_from(("well", "in a kill", "in the dark")), seed=st.integers(0, 2**32))
    def checkpoint(self, ends: str, seed: int) -> None:
        """Is begun; and maybe the process dies, or the power fails, while the disk is synced."""
        copies: list[Path] = []
        chance = random.Random(seed) if ends == "in the dark" else None
        if ends != "well":
            self.archive_rests()
            self.disk.in_sync = lambda: copies.append(self.copy(chance))
        self.store.shorten()
        self.store._checkpointer.wait()
        self.disk.in_sync = None
        if copies:
            self.recover(copies[0], None)

    # --- crashes -----------------------------------------------------------------------------

    @rule(
        power_fails=st.booleans(),
        seed=st.integers(0, 2**32),
        recovery_lives=st.none() | st.integers(0, 30),
    )
    def crash(self, power_fails: bool, seed: int, recovery_lives: int | None) -> None:
        """A kill, or a power failure; and maybe the recovery is killed, too."""
        self.disk.rest(self.is_at_rest)
        self.store._checkpointer.wait()
        self.archive_rests()
        self.recover(self.copy(random.Random(seed) if power_fails else None), recovery_lives)

    @rule(seed=st.integers(0, 2**32))
    def disk_fails(self, seed: int) -> None:
        """Nothing is acknowledged any more; then the power is cut."""
        for actor in range(3):
            self.rollback(actor)
        self.disk.fails = True
        with self.disk.free():
            self.write(0, "a", 1)
            with pytest.raises(StorageBroken):
                self.commit(0)
                self.store.log.wait()
        acknowledged = [model.acknowledged for model in self.models]
        self.disk.run()
        assert self.store.failure is not None
        assert acknowledged == [model.acknowledged for model in self.models]
        self.crash(power_fails=True, seed=seed, recovery_lives=None)

    def archive_rests(self) -> None:
        """The archive has taken in what it was given; it works in a thread of its own."""
        archiver, done = self.store._archiver, threading.Event()
        assert archiver is not None
        archiver.do(lambda _: done.set())
        assert done.wait(timeout=PATIENCE_S)
        assert archiver.failure is None

    def copy(self, chance: random.Random | None) -> Path:
        """Return a directory as the one in use would be found after a crash."""
        self.copies += 1
        copy = self.root.with_name(str(self.copies))
        shutil.copytree(self.root, copy)
        if chance is not None:
            self.disk.cut(self.root, copy, chance)
        return copy

    def recover(self, copy: Path, recovery_lives: int | None) -> None:
        """Leave this process and its directory, and go on in ``copy``."""
        acknowledged = [model.acknowledged for model in self.models]
        self.leave()
        for model, number in zip(self.models, acknowledged, strict=True):
            model.acknowledged = number  # of what was said since nobody has heard
        self.root = copy
        if recovery_lives is not None:
            self.kill_recovery(recovery_lives)
        self.open()
        self.check()

    def leave(self) -> None:
        self.disk.fails = False
        with self.disk.free():
            self.store.close()
        self.disk.forget()
        shutil.rmtree(self.root)

    def kill_recovery(self, lives: int) -> None:
        """Die at the call of this number that changes something."""
        left, thread = iter(range(lives)), threading.get_ident()

        def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **options: Any) -> Any:
                is_recovery = threading.get_ident() == thread  # else the archive's
                if is_recovery and next(left, None) is None:
                    raise Killed
                return real(*args, **options)

            return call

        with pytest.MonkeyPatch.context() as patch:
            for name in ("pwrite", "ftruncate", "replace", "unlink"):
                patch.setattr(os, name, mortal(getattr(os, name)))
            try:
                self.open()
            except Killed:
                return
        self.store.close()
        self.disk.forget()

    def check(self) -> None:
        last = self.store.log.appended_lsn
        for actor, model in enumerate(self.models):
            there = [commit for commit in model.commits if commit.lsn <= last]
            assert len(there) > model.acknowledged
            database = self.databases[actor]
            assert KeyValue(database).list() == there[-1].content.values
            alarm_ms = Metadata(database).get_alarm_ms()
            assert alarm_ms == there[-1].content.alarm_ms
            assert self.alarms.get((KEY, self.id(actor)), alarm_ms) == alarm_ms
            if len(there) > 1:
                assert Sql(database).exec("PRAGMA quick_check").one() == {"quick_check": "ok"}
                database.commit()
            model.commits, model.acknowledged = there, len(there) - 1
            model.go_back()

    @rule(actor=ACTORS)
    def read(self, actor: int) -> None:
        now = self.models[actor].now
        assert KeyValue(self.databases[actor]).list() == now.values
        assert Metadata(self.databases[actor]).get_alarm_ms() == now.alarm_ms

    @rule(actor=ACTORS, back=st.integers(0, 20))
    def look_back(self, actor: int, back: int) -> None:
        """The state after any commit that is durable can be made again."""
        durable = self.store.log.synced_lsn
        commits = [commit for commit in self.models[actor].commits[1:] if commit.lsn <= durable]
        if not commits:
            return
        commit = commits[-1 - back % len(commits)]
        target = Path(self.directory.name) / "past.db"
        assert self.store._past.build((KEY, self.id(actor)), commit.order, target)
        database = ActorDatabase(target)
        assert KeyValue(database).list() == commit.content.values
        assert Metadata(database).get_alarm_ms() == commit.content.alarm_ms
        database.close()
        target.unlink()

    @invariant()
    def what_was_acknowledged_is_durable(self) -> None:
        durable = self.store.log.durable_lsn
        for model in self.models:
            assert model.commits[model.acknowledged].lsn <= durable

    def teardown(self) -> None:
        self.crash(power_fails=False, seed=0, recovery_lives=None)
        self.leave()
        self.patch.undo()
        self.directory.cleanup()


TestCommitLog = LogMachine.TestCase
TestCommitLog.settings = examples(50, steps=40)
