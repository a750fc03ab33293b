"""Actors that move between three logs, through kills and power failures, beside a model.

After each crash, in whatever step of a move: each actor has the state of one of its commits, no
earlier one than was acknowledged; whichever log has it next, its bookmarks go on growing, and those
told before stand for the states that they were told of.
"""

import asyncio
import os
import random
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from perdure.storage.archive.archive import Retention
from perdure.storage.bookmark import Bookmark
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import HistoryUnavailable
from perdure.storage.history import History
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.log_seal import seal_log
from perdure.storage.store import Store, StoreOptions
from tests.properties.examples import examples, scratch
from tests.properties.powered import PoweredDisk

pytestmark = pytest.mark.slow

KEY = "properties-Room"
SLOTS = ("0", "1", "2")
ACTORS = st.integers(0, 2)
PLACES = st.integers(0, 2)
# Without an archive: what the logs still have of the past is as good as they are, no better.
OPTIONS = StoreOptions(
    segment_size_bytes=30_000, live_size_bytes_max=60_000, open_max=2, retention=Retention(days=0)
)


@dataclass
class Model:
    """One actor.

    Attributes:
        place: The log it is in.
        commits: What a crash might leave it with; the first one is nothing at all.
        acknowledged: The number of the last one that is known to be durable.
        told: Bookmarks, each with the number of the commit.
    """

    place: int
    commits: list[dict[str, object]] = field(default_factory=lambda: [{}])
    acknowledged: int = 0
    told: list[tuple[Bookmark, int]] = field(default_factory=list)


class MoveMachine(RuleBasedStateMachine):
    """Three actors, three logs."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.disk = PoweredDisk(self.patch)
        self.patch.setattr(os, "fsync", self.fsync)
        self.directory = scratch()
        self.root = Path(self.directory.name) / "0"
        self.copies = 0
        self.models = [Model(place) for place in range(3)]
        self.databases: dict[int, ActorDatabase] = {}
        Layout(self.root).actors_dir.mkdir(parents=True)
        self.open()

    def fsync(self, descriptor: int) -> None:
        """A file that was moved is durable by itself, not by the log's sync."""
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_file():
            self.disk._durable[path] = path.read_bytes()

    def open(self) -> None:
        self.stores = Store.open_all(
            Layout(self.root),
            SLOTS,
            notify=self.disk.notify,
            time_ms=lambda: 0,
            on_failure=lambda _: None,
            apply_alarms=lambda _: None,
            options=OPTIONS,
        )

    def do(self, work: Coroutine[object, object, None], steps: int | None = None) -> None:
        """Wait for ``work``, or only so long that the loop has gone round so often."""

        async def run() -> None:
            task = asyncio.ensure_future(work)
            done = 0
            while not task.done() and done != steps:
                self.disk.run()
                await asyncio.sleep(0)
                done += 1
            if task.done():
                task.result()

        asyncio.run(run())

    def database(self, actor: int) -> ActorDatabase:
        if actor not in self.databases:
            store = self.stores[self.models[actor].place]
            self.databases[actor] = store.database(KEY, self.id(actor))
        return self.databases[actor]

    def let_go(self, actor: int) -> None:
        if actor in self.databases:
            self.databases.pop(actor).close()

    @staticmethod
    def id(actor: int) -> bytes:
        return bytes([actor + 1]) * 32

    # --- what happens ------------------------------------------------------------------------

    @rule(actor=ACTORS, key=st.sampled_from("abcd"), size=st.sampled_from((1, 300, 9000)))
    def commit(self, actor: int, key: str, size: int) -> None:
        model, database = self.models[actor], self.database(actor)
        number = len(model.commits)
        value = f"{number}{key}" * size
        KeyValue(database).put(key, value)
        model.commits.append({**model.commits[-1], key: value})
        database.commit()
        bookmark = self.stores[model.place].history.current(KEY, self.id(actor))
        database.durability.when_durable(self.acknowledgement(model, number, bookmark))

    def acknowledgement(self, model: Model, number: int, bookmark: Bookmark) -> Callable[[], None]:
        def acknowledge() -> None:
            assert not model.told or model.told[-1][0] < bookmark
            model.acknowledged = number
            model.told.append((bookmark, number))

        return acknowledge

    @rule(actor=ACTORS)
    def close_database(self, actor: int) -> None:
        self.let_go(actor)

    @rule(place=PLACES)
    def settle(self, place: int) -> None:
        self.stores[place].log.wait()
        self.disk.run()

    @rule(place=PLACES)
    def shorten(self, place: int) -> None:
        store = self.stores[place]
        store.log.wait()
        store.shorten()
        while store._checkpointer.is_running:
            self.disk.rest(lambda: not store._checkpointer.is_running)
            self.disk.run()

    @rule(actor=ACTORS, place=PLACES)
    def move(self, actor: int, place: int) -> None:
        model = self.models[actor]
        self.let_go(actor)
        self.do(self.moving(model.place, place, actor))
        model.place = place
        assert model.acknowledged == len(model.commits) - 1

    async def moving(self, source: int, target: int, actor: int) -> None:
        moved = await self.stores[source].moves.hand_over(KEY, self.id(actor))
        await self.stores[target].moves.take_over(moved)

    async def building(self, past: History, actor: int, bookmark: Bookmark, target: Path) -> None:
        assert await past.build(KEY, self.id(actor), bookmark, target)

    @rule(actor=ACTORS)
    def look_back(self, actor: int) -> None:
        """What the logs still have they have right, or say that they have it no more."""
        target = Path(self.directory.name) / "past.db"
        model = self.models[actor]
        past = self.stores[model.place].history
        for bookmark, number in model.told[-3:]:
            if bookmark.commit <= self.begun:
                continue
            try:
                self.do(self.building(past, actor, bookmark, target))
            except HistoryUnavailable:  # there is no archive; a log that was shortened has less
                continue
            database = ActorDatabase(target)
            assert KeyValue(database).list() == model.commits[number]
            database.close()
            target.unlink()

    # --- the end of a process ----------------------------------------------------------------

    @rule(
        actor=ACTORS,
        place=PLACES,
        steps=st.none() | st.integers(0, 40),
        power_fails=st.booleans(),
        is_sealed=st.booleans(),
        seed=st.integers(0, 2**16),
    )
    def crash(
        self,
        actor: int,
        place: int,
        steps: int | None,
        power_fails: bool,
        is_sealed: bool,
        seed: int,
    ) -> None:
        """Maybe in the middle of a move."""
        if steps is not None:
            self.let_go(actor)
            self.do(self.moving(self.models[actor].place, place, actor), steps)
        copy = self.root.with_name(str(self.copies + 1))
        self.copies += 1
        shutil.copytree(self.root, copy)
        if power_fails:
            self.disk.cut(self.root, copy, random.Random(seed))
        known = [(model.acknowledged, list(model.told)) for model in self.models]
        self.leave()  # what is acknowledged by that was not before the copy was made
        for model, (acknowledged, told) in zip(self.models, known, strict=True):
            model.acknowledged, model.told = acknowledged, told
        self.root = copy
        if is_sealed:
            for slot in SLOTS:
                seal_log(Layout(copy).log_dir(slot), 0)
        self.open()
        self.compare(random.Random(seed))

    @rule(seed=st.integers(0, 2**16))
    def close(self, seed: int) -> None:
        self.leave()
        for model in self.models:
            model.acknowledged = len(model.commits) - 1
        self.open()
        self.compare(random.Random(seed))

    def leave(self) -> None:
        self.databases.clear()
        self.disk.forget()
        for store in self.stores:
            store.close()
        self.disk.forget()

    def compare(self, chance: random.Random) -> None:
        for actor, model in enumerate(self.models):
            model.place = chance.randrange(3)  # who starts anew may give actors to any log
            found = KeyValue(self.database(actor)).list()
            possible = model.commits[model.acknowledged :]
            assert found in possible
            number = model.acknowledged + possible.index(found)
            del model.commits[number + 1 :]
            model.acknowledged = number
            current = self.stores[model.place].history.current(KEY, self.id(actor))
            assert not model.told or model.told[-1][0].order <= current.order

    @property
    def begun(self) -> int:
        """No commit of this opening has a lower number."""
        return self.stores[0].recovered.starts[0].commit

    @invariant()
    def logs_are_well(self) -> None:
        assert all(store.failure is None for store in self.stores)

    def teardown(self) -> None:
        self.leave()
        self.patch.undo()
        self.directory.cleanup()


TestMoves = MoveMachine.TestCase
TestMoves.settings = examples(25, steps=30)
