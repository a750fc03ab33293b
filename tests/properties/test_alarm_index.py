"""``indexed_no_later_than``: whenever the machine dies, the index is what the actors' rows are.

The model: a log of alarm changes of which some are durable and some of the rest may survive, a
CHECKPOINT in it, and an index that is saved before CHECKPOINT moves, or cannot be saved, or is saved
by a process that dies before it has moved CHECKPOINT.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
)

from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.errors import DatabaseFailed
from perdure.storage.saved_alarms import AlarmChanges, SavedAlarms

pytestmark = pytest.mark.slow

Actor = tuple[str, bytes]
ACTORS = [("hall", b"a" * 32), ("room", b"a" * 32), ("room", b"b" * 32)]
TIMES = st.none() | st.integers(1, 9)


class FullDisk(SavedAlarms):
    """A file that takes nothing while the disk is full."""

    is_full = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._connection.execute("PRAGMA synchronous = OFF")  # no machine dies here

    def write(self, changes: AlarmChanges) -> None:
        if self.is_full and changes:
            raise DatabaseFailed(Path("alarms.db"), "no room", code="SQLITE_FULL")
        super().write(changes)


class IndexAndLog(RuleBasedStateMachine):
    """A process, its log and its index, through crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.log: list[tuple[Actor, int | None]] = []  # number n is at n - 1
        self.durable = self.checkpoint = 0
        self.taken: set[Actor] = set()
        self.open()

    def open(self) -> None:
        path = Path(self.directory.name) / "alarms.db"
        self.index = AlarmIndex(path)
        self.index._file.close()
        self.file = self.index._file = FullDisk(path)
        self.taken.clear()

    def teardown(self) -> None:
        self.index.close()
        self.directory.cleanup()

    def rows(self, end: int) -> dict[Actor, int]:
        rows: dict[Actor, int | None] = dict(self.log[:end])
        return {actor: time_ms for actor, time_ms in rows.items() if time_ms is not None}

    # What happens.

    @rule(changes=st.lists(st.tuples(st.sampled_from(ACTORS), TIMES), min_size=1, max_size=4))
    def commit(self, changes: list[tuple[Actor, int | None]]) -> None:
        for actor, time_ms in changes:
            self.log.append((actor, time_ms))
            if time_ms is None:
                self.index.remove(*actor, len(self.log))
            else:
                self.index.put(*actor, time_ms, None, len(self.log))
            self.taken.discard(actor)

    @rule(now_ms=st.integers(1, 9))
    def take(self, now_ms: int) -> None:
        waiting = {a: t for a, t in self.rows(len(self.log)).items() if a not in self.taken}
        entry = self.index.take(now_ms)
        if entry is None:
            assert min(waiting.values(), default=10) > now_ms
        else:
            actor = entry.unique_key, entry.actor_id
            assert waiting[actor] == min(waiting.values()) == entry.time_ms <= now_ms
            self.taken.add(actor)

    @rule(actor=st.sampled_from(ACTORS))
    def give_back(self, actor: Actor) -> None:
        self.index.give_back(*actor)
        self.taken.discard(actor)

    @rule(data=st.data(), end=st.sampled_from(["full disk", "dies", "saved", "saved"]))
    def save(self, data: st.DataObject, end: str) -> None:
        self.durable = data.draw(st.integers(self.durable, len(self.log)), label="durable")
        save = self.index.saving(self.durable)
        self.file.is_full = end == "full disk"
        try:
            save()
        except DatabaseFailed:
            return
        finally:
            self.file.is_full = False
        if end == "saved":
            self.checkpoint = self.durable
        elif end == "dies":
            self.crash(data, dies_again=False)

    @rule(data=st.data(), dies_again=st.booleans())
    def crash(self, data: st.DataObject, dies_again: bool) -> None:  # as above
        end = data.draw(st.integers(self.durable, len(self.log)), label="what survives")
        for _ in range(1 + dies_again):
            self.index.close()
            self.open()
            self.index.apply(dict(self.log[self.checkpoint : end]))
        del self.log[end:]
        self.durable = self.checkpoint = end

    @rule(key=st.sampled_from(["hall", "room"]))
    def start_and_remove_a_namespace(self, key: str) -> None:
        """As at a start: all is durable, CHECKPOINT is at the end."""
        self.durable = self.checkpoint = len(self.log)
        self.index.saving(self.durable)()
        self.index.remove_namespace(key)
        self.log = [(actor, None if actor[0] == key else time) for actor, time in self.log]
        self.taken = {actor for actor in self.taken if actor[0] != key}

    @invariant()
    def the_index_says_what_the_rows_say(self) -> None:
        rows = self.rows(len(self.log))
        assert {actor: self.index.get(*actor) for actor in ACTORS} == {
            actor: rows.get(actor) for actor in ACTORS
        }
        waiting = [time_ms for actor, time_ms in rows.items() if actor not in self.taken]
        assert self.index.next_time_ms() == min(waiting, default=None)


IndexAndLog.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestIndexAndLog = IndexAndLog.TestCase
