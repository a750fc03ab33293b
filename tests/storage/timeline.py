"""A store whose actors' states are all remembered, to be compared with what history makes of them."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from perdure.storage.archive.archive import DAY_MS, Retention
from perdure.storage.archive.known import Known
from perdure.storage.bookmark import Bookmark
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import HistoryUnavailable, StorageBroken
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions, nothing_recovered

KEY = "app-Room"
A, B, C = (letter * 32 for letter in (b"a", b"b", b"c"))
State = list[tuple[object, ...]] | None

_KV = "SELECT key, value FROM _cf_KV ORDER BY key"
_HAS_ROWS = "SELECT name FROM sqlite_schema WHERE name = 't'"
_ROWS = "SELECT id, a FROM t ORDER BY id"


def state_of_file(path: Path) -> State:
    """What is in a database file, which must be sound."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = connection.execute(_KV).fetchall()
        if connection.execute(_HAS_ROWS).fetchall():
            found += connection.execute(_ROWS).fetchall()
        return found


def state_of(database: ActorDatabase) -> State:
    found = [tuple(row) for row in database.rows(_KV)]
    if list(database.rows(_HAS_ROWS)):
        found += [tuple(row) for row in database.rows(_ROWS)]
    return found


@dataclass(frozen=True)
class Moment:
    """A bookmark that was given out, and what it must stand for."""

    actor: bytes
    bookmark: Bookmark
    state: State  # None: the actor had no file
    time_ms: int


@dataclass
class Timeline:
    """One data directory, its clock, and all that its actors ever were. Use it in one loop."""

    root: Path
    days: float = 30.0
    segment_size_bytes: int = 24_000
    live_size_bytes_max: int = 40_000
    archive_size_bytes_max: int = 2**40
    now_ms: int = 1_000_000
    moments: list[Moment] = field(default_factory=list)
    failures: list[StorageBroken] = field(default_factory=list)
    databases: dict[bytes, ActorDatabase] = field(default_factory=dict)
    states: dict[bytes, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = Layout(self.root)
        self.layout.actors_dir.mkdir(parents=True, exist_ok=True)
        self.store = self._open()
        self.copies = 0

    def _open(self) -> Store:
        return Store.open(
            self.layout,
            notify=asyncio.get_running_loop().call_soon_threadsafe,
            time_ms=lambda: self.now_ms,
            on_failure=self.failures.append,
            apply_alarms=nothing_recovered,
            options=StoreOptions(
                segment_size_bytes=self.segment_size_bytes,
                live_size_bytes_max=self.live_size_bytes_max,
                retention=Retention(self.days, self.archive_size_bytes_max),
            ),
        )

    def database(self, actor: bytes) -> ActorDatabase:
        if actor not in self.databases:
            self.databases[actor] = self.store.database(KEY, actor)
        return self.databases[actor]

    def close_actor(self, actor: bytes) -> None:
        database = self.databases.pop(actor, None)
        if database is not None:
            database.close()

    def close(self) -> None:
        for actor in list(self.databases):
            self.close_actor(actor)
        self.store.close()

    def reopen(self) -> None:
        self.close()
        self.store = self._open()

    async def lose_index(self) -> None:
        self.close()
        for path in self.layout.archive_dir.glob("index.db*"):
            path.unlink()
        self.store = self._open()
        await self.archived()

    # --- what actors do ----------------------------------------------------------------------

    def commit(self, actor: bytes, *, forget: bool = False) -> Bookmark:
        self.database(actor).commit()
        return self._note(actor, state_of(self.database(actor)), forget=forget)

    def put(self, actor: bytes, **values: object) -> Bookmark:
        for key, value in values.items():
            KeyValue(self.database(actor)).put(key, value)
        return self.commit(actor)

    def insert(self, actor: bytes, text: str) -> Bookmark:
        sql = Sql(self.database(actor))
        sql.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a)")
        sql.exec("INSERT INTO t (a) VALUES (?)", text)
        return self.commit(actor)

    def erase(self, actor: bytes) -> Bookmark:
        self.database(actor).delete_all()
        return self.commit(actor)

    async def delete(self, actor: bytes) -> Bookmark:
        self.close_actor(actor)
        trash = self.root / "trash" / f"{len(self.moments)}.db"
        undo = await self.store.replacements.delete(KEY, actor, trash)
        if self.states.get(actor) is not None:
            assert state_of_file(trash) == self.states[actor]
        if actor in self.states:
            self._note(actor, None)
        return undo

    async def restore(self, moment: Moment) -> Bookmark:
        """Set the actor of a moment back to it; undoing it is another moment."""
        self.close_actor(moment.actor)
        before = self.states.get(moment.actor)
        undo = await self.store.replacements.restore(KEY, moment.actor, moment.bookmark)
        self.moments.append(Moment(moment.actor, undo, before, self.now_ms))
        state = state_of(self.database(moment.actor))
        assert state == (moment.state or [])
        self.states[moment.actor] = state  # there is a file now, though it may be empty
        self._note(moment.actor, state)
        return undo

    def _note(self, actor: bytes, state: State, *, forget: bool = False) -> Bookmark:
        bookmark = self.store.history.current(KEY, actor)
        if state == [] and self.states.get(actor) is None:
            return bookmark  # it has not written anything yet
        self.states[actor] = state
        if not forget:
            self.moments.append(Moment(actor, bookmark, state, self.now_ms))
        return bookmark

    # --- looking back ------------------------------------------------------------------------

    async def build(self, actor: bytes, bookmark: Bookmark) -> State:
        self.copies += 1
        target = self.root.parent / f"{self.root.name}-built-{self.copies}.db"
        try:
            is_there = await self.store.history.build(KEY, actor, bookmark, target)
            return state_of_file(target) if is_there else None
        finally:
            target.unlink(missing_ok=True)

    async def look(self, moment: Moment) -> bool:
        """Whether its state can be had; it is what it was then."""
        try:
            found = await self.build(moment.actor, moment.bookmark)
        except HistoryUnavailable:
            return False
        assert found == moment.state, moment.bookmark
        return True

    async def look_at_all(self) -> list[Moment]:
        """Compare all moments; return those that cannot be had any more.

        The last of each actor is asked for as users do. To read all that is kept of an actor takes
        longer than to make a state of it, so that is read once for its other moments.
        """
        lasts = {moment.actor: moment for moment in self.moments}.values()
        had = [each for each in lasts if await self.look(each)]
        known = {each.actor: self._known(each.actor) for each in lasts}
        for moment in self.moments:
            if not any(moment is each for each in lasts):
                had += [moment] * await self._look_into(known[moment.actor], moment)
        found = set(map(id, had))
        return [moment for moment in self.moments if id(moment) not in found]

    def _known(self, actor: bytes) -> Known | None:
        try:
            return self.store.history._past.known((KEY, actor))
        except HistoryUnavailable:
            return None

    async def _look_into(self, known: Known | None, moment: Moment) -> bool:
        """As ``look``, with what is known of the actor."""
        target = self.root.parent / f"{self.root.name}-looked-into.db"
        if known is None:
            return False
        try:
            is_there = self.store.history._past.build_from(known, moment.bookmark.order, target)
            assert (state_of_file(target) if is_there else None) == moment.state, moment.bookmark
        except HistoryUnavailable:
            return False
        except FileNotFoundError:  # it has been moved in this moment
            return await self.look(moment)
        finally:
            target.unlink(missing_ok=True)
        return True

    @property
    def kept(self) -> list[Moment]:
        """The moments that retention promises."""
        horizon_ms = self.now_ms - self.days * DAY_MS
        return [moment for moment in self.moments if moment.time_ms >= horizon_ms]

    async def archived(self) -> None:
        """Return when nothing is left to be archived: all but the newest segment is."""
        await until(lambda: not self.store._archiver or self.store._archiver.is_idle)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something in another thread has happened."""
    async with asyncio.timeout(20):
        while not condition():  # a thread has no event to wait for
            await asyncio.sleep(0.001)
