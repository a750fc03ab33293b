"""Processes that each have a log of one data directory, all in this process, for tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.bookmark import Bookmark
from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.log_seal import seal_log
from perdure.storage.metadata import Metadata
from perdure.storage.opening import recover_all
from perdure.storage.recovery import Recovered
from perdure.storage.store import Store, StoreOptions
from tests.storage.logged import KEY, Bench

ACTORS = [bytes([number]) * 32 for number in range(1, 7)]


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of an actor, and the bookmark that was told of it."""

    actor: bytes
    bookmark: Bookmark
    turn: int


class Worker:
    """One process: its log, its alarms, its actors."""

    def __init__(self, bench: Bench, root: Path, slot: str, **options: object) -> None:
        layout = Layout(root)
        self.bench = bench
        self.slot = slot
        self.index = AlarmIndex(layout.alarms_file_of(slot))
        try:
            self.store = Store.open(
                layout,
                notify=bench.calls.put,
                time_ms=lambda: bench.time_ms,
                on_failure=bench.failures.append,
                apply_alarms=self.index.apply,
                save_alarms=self.index.saving,
                alarm_changed=self.alarm_changed,
                options=StoreOptions(slot, **options),  # type: ignore[arg-type]  # as the test wants them
                is_alone=False,
            )
        except BaseException:
            self.index.close()
            raise
        self.databases: dict[bytes, ActorDatabase] = {}

    def alarm_changed(self, key: str, actor: bytes, time_ms: int | None, lsn: int) -> None:
        if time_ms is None:
            self.index.remove(key, actor, lsn)
        else:
            self.index.put(key, actor, time_ms, None, lsn)

    def database(self, actor: bytes) -> ActorDatabase:
        if actor not in self.databases:
            self.databases[actor] = self.store.database(KEY, actor)
        return self.databases[actor]

    def write(self, actor: bytes) -> Moment:
        """A turn: a number that is one higher, an alarm at that time, and some padding."""
        database = self.database(actor)
        kv = KeyValue(database)
        turn = int(kv.get("turn", 0)) + 1
        kv.put("turn", turn)
        kv.put("padding", f"{turn:08d}" * 400)
        Metadata(database).set_alarm_ms(turn)
        database.commit(turn)
        self.alarm_changed(KEY, actor, turn, database.durability.last_lsn)
        return Moment(actor, self.store.history.current(KEY, actor), turn)

    def turn(self, actor: bytes) -> int:
        found: int = KeyValue(self.database(actor)).get("turn", 0)
        return found

    def close_actor(self, actor: bytes) -> None:
        database = self.databases.pop(actor, None)
        if database is not None:
            database.close()

    def close(self) -> None:
        for actor in list(self.databases):
            self.close_actor(actor)
        self.store.close()
        self.index.close()


class Fleet:
    """Several of them on one directory, started again and again with other numbers of slots."""

    def __init__(self, bench: Bench, **options: object) -> None:
        self.bench = bench
        self.root = bench.root
        self.options = options
        self.retires = False  # whether the first one sees to logs of slots that serve no more
        self.workers: list[Worker] = []
        self.gone: list[Worker] = []  # on directories that nobody looks at any more

    def start(self, count: int, slots: Sequence[str] | None = None) -> Recovered:
        layout = Layout(self.root)
        layout.actors_dir.mkdir(parents=True, exist_ok=True)
        names = slots or tuple(map(str, range(count)))
        recovered = recover_all(
            layout, names, lambda _, actor: str(actor[0] % count), lambda: self.bench.time_ms
        )
        for slot in names:
            sees_to_others = self.retires and slot == names[0]
            serving = frozenset(names) if sees_to_others else None
            worker = Worker(self.bench, self.root, slot, serving=serving, **self.options)
            self.workers.append(worker)
        return recovered

    def stop(self) -> None:
        """In good order."""
        for worker in self.workers:
            worker.close()
        self.workers = []

    def kill(self) -> None:
        """All of them, without a word: the next start finds a copy of what is there now."""
        for worker in self.workers:  # a copy is not of one moment while a thread writes
            worker.store.settle()
            worker.store._checkpointer.wait()
        self.root = self.bench.copy_of(self.root)
        self.gone += self.workers
        self.workers = []

    def owner(self, actor: bytes) -> Worker:
        return self.workers[actor[0] % len(self.workers)]

    def replace(self, worker: Worker) -> Worker:
        """Seal the log of one that is dead, and start its successor."""
        seal_log(Layout(self.root).log_dir(worker.slot), self.bench.time_ms)
        place = self.workers.index(worker)
        self.workers[place] = Worker(self.bench, self.root, worker.slot, **self.options)
        return self.workers[place]

    def state_at(self, moment: Moment) -> int | None:
        """What history says that an actor was; its turn, or None if it had no file."""
        target = self.root.with_name("built.db")
        history = self.owner(moment.actor).store.history
        try:
            if not self.bench.do(history.build(KEY, moment.actor, moment.bookmark, target)):
                return None
            past = ActorDatabase(target)
            turn: int = KeyValue(past).get("turn", 0)
            past.close()
            return turn
        finally:
            target.unlink(missing_ok=True)

    def alarms(self) -> dict[str, dict[bytes, int]]:
        """Of each slot, what is to be woken when."""
        return {
            worker.slot: {
                actor: time_ms
                for actor in ACTORS
                if (time_ms := worker.index.get(KEY, actor)) is not None
            }
            for worker in self.workers
        }

    def close(self) -> None:
        for worker in self.gone + self.workers:
            worker.close()
