"""``kill -9`` of a process with three logs whose actors move from one to another all the time.

Twelve actors write turns, and every few turns each goes on in another log; all logs are shortened,
and the archive takes in what they held. The process is killed wherever it then is, every other
time its recovery as well. What was acknowledged is there, in whole turns; the bookmarks of an
actor sort in the order of its turns, and stand for the states that they were told of.
"""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from perdure.storage.bookmark import Bookmark
from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.metadata import Metadata
from perdure.storage.opening import Alarms
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions

pytestmark = [pytest.mark.crash, pytest.mark.slow]

ROUNDS = 5
ACTORS = 12
KEY = "crash-Room"
SLOTS = ("0", "1", "2")
SMALL = StoreOptions(segment_size_bytes=60_000, live_size_bytes_max=150_000, open_max=3)
WRITER = f"""
import asyncio, os, random, sys
from pathlib import Path
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions

chance = random.Random(int(sys.argv[2]))

async def live(stores, actor):
    id_, store = bytes([actor]) * 32, chance.choice(stores)
    database = store.database({KEY!r}, id_)
    number = KeyValue(database).get("number", 0)
    while True:
        number += 1
        kv, sql = KeyValue(database), Sql(database)
        if number == 1:
            sql.exec("CREATE TABLE numbers (n INTEGER, padding TEXT)")
        kv.put("number", number)
        sql.exec("INSERT INTO numbers VALUES (?, ?)", number, "x" * (number * 37 % 3000))
        Metadata(database).set_alarm_ms(number)
        database.commit(number)
        told = b"%d %d %d\\n" % (actor, number, store.history.current({KEY!r}, id_).commit)
        done = asyncio.Event()
        database.durability.when_durable(lambda t=told, d=done: (os.write(1, t), d.set()))
        if chance.random() < 0.7:
            await done.wait()
        else:
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            kv.put("never", "committed")
            database.close()
            source, store = store, chance.choice([each for each in stores if each is not store])
            await store.moves.take_over(await source.moves.hand_over({KEY!r}, id_))
            database = store.database({KEY!r}, id_)

async def main():
    loop = asyncio.get_running_loop()
    stores = Store.open_all(Layout(Path(sys.argv[1])), {SLOTS!r}, notify=loop.call_soon_threadsafe,
        time_ms=lambda: 0, on_failure=print, apply_alarms=len, options=StoreOptions(
        segment_size_bytes={SMALL.segment_size_bytes}, open_max={SMALL.open_max},
        live_size_bytes_max={SMALL.live_size_bytes_max}))
    await asyncio.gather(*(live(stores, actor) for actor in range({ACTORS})))

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Told:
    """The last word on an actor: a turn of its, and the commit number of its bookmark."""

    number: int
    commit: int


def run_until_killed(root: Path, seed: int, lines: int, before: dict[int, Told]) -> dict[int, Told]:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(seed)], stdout=subprocess.PIPE, bufsize=0
    )
    with child:
        assert child.stdout is not None
        said = b""
        try:
            while said.count(b"\n") < lines:
                piece = child.stdout.read(65_536)
                assert piece, "the writer died by itself"
                said += piece
        finally:
            child.kill()
        said += child.stdout.read()
    told = dict(before)
    for line in said[: said.rindex(b"\n")].splitlines():
        actor, number, commit = map(int, line.split())
        last = told.get(actor, Told(0, 0))
        assert number > last.number, "acknowledgements come in order"
        assert commit > last.commit, "bookmarks sort in the order of time"
        told[actor] = Told(number, commit)
    return told


def kill_recovery(root: Path, after: int) -> None:
    """Recover ``root``, and be killed at the write of this number."""
    program = (
        "import os, sys; from pathlib import Path; from perdure.storage.layout import Layout\n"
        "from perdure.storage.alarm_index import AlarmIndex\n"
        "from perdure.storage.store import Store\n"
        "calls, real = iter(range(10**6)), os.pwritev\n"
        "def pwritev(*args):\n"
        "    if next(calls) == int(sys.argv[2]): os.kill(os.getpid(), 9)\n"
        "    return real(*args)\n"
        "os.pwritev = pwritev\n"
        "layout = Layout(Path(sys.argv[1]))\n"
        "Store.open(layout, notify=print, time_ms=int, on_failure=print,"
        " apply_alarms=AlarmIndex(layout.alarms_file).apply)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, str(root), str(after)], check=False)
    assert run.returncode == -9


def check(root: Path, told: dict[int, Told], target: Path) -> dict[int, Told]:
    """Compare what is there with what was said; return what is there."""
    alarms: Alarms = {}
    stores = Store.open_all(
        Layout(root),
        SLOTS,
        notify=lambda call: None,
        time_ms=lambda: 0,
        on_failure=lambda failure: None,
        apply_alarms=alarms.update,
        options=SMALL,
    )
    there: dict[int, Told] = {}
    try:
        for actor in range(ACTORS):
            id_ = bytes([actor]) * 32
            store = stores[actor % len(stores)]
            database = store.database(KEY, id_)
            number = KeyValue(database).get("number", 0)
            last = told.get(actor, Told(0, 0))
            assert number >= last.number
            assert_whole(database, number)
            assert alarms.get((KEY, id_), number) == number
            database.close()
            current = store.history.current(KEY, id_)
            assert current.commit > last.commit
            there[actor] = Told(number, current.commit)
            if last.number:
                bookmark = Bookmark.of(KEY, id_, current.incarnation, last.commit)
                asyncio.run(store.history.build(KEY, id_, bookmark, target))
                past = ActorDatabase(target)
                assert_whole(past, last.number)
                past.close()
                target.unlink()
    finally:
        for store in stores:
            store.close()
    return there


def assert_whole(database: ActorDatabase, number: int) -> None:
    """All of the turns up to one are there, and nothing else."""
    assert KeyValue(database).get("number", 0) == number
    assert KeyValue(database).get("never") is None
    if number:
        numbers = [n for (n,) in database.rows("SELECT n FROM numbers ORDER BY n")]
        assert numbers == list(range(1, number + 1))
        assert Metadata(database).get_alarm_ms() == number
        assert Sql(database).exec("PRAGMA quick_check").one() == {"quick_check": "ok"}


def test_what_was_acknowledged_is_there_whatever_log_it_went_to(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "actors").mkdir(parents=True)
    told: dict[int, Told] = {}
    for round_ in range(ROUNDS):
        told = run_until_killed(root, round_, 50 + 200 * round_, told)
        if round_ % 2:
            kill_recovery(root, after=round_ * 3)
        told = check(root, told, tmp_path / "past.db")
