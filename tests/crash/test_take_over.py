"""Workers with a log each, in processes of their own: one dies or is stopped, the others go on.

What a worker acknowledged is there when its log was sealed and its successor has begun; the other
never notices. One that is stopped in the middle of a commit, killed and taken over has nothing of
that commit land that was not in the log as a whole; one whose lock was taken away by force, and
which goes on, tells nobody of anything any more.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.archive.verify import verify_archive
from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.log_seal import seal_log
from perdure.storage.metadata import Metadata
from perdure.storage.opening import recover_all
from perdure.storage.store import Store, StoreOptions

pytestmark = [pytest.mark.crash, pytest.mark.slow]

KEY = "crash-Room"
ROUNDS = 4
ACTORS = 3  # of each slot
SLOTS = ("0", "1")
WORKER = f"""
import asyncio, os, signal, sys, threading
from pathlib import Path
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.metadata import Metadata
from perdure.storage.segments import SegmentFile
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions

root, slot, stop_at, after = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
acknowledged = 0
append, sync = SegmentFile.append, SegmentFile.sync

def stop_if(step):
    global stop_at
    if step == stop_at and acknowledged >= after:
        stop_at = ""
        # Not to the process: another of its threads would take it, and this one run on meanwhile.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

def appended(segment, data):
    stop_if("append")
    if stop_at == "half" and acknowledged >= after:
        segment._write_at(data[: len(data) // 2], segment.position)
        stop_if("half")
    append(segment, data)

def synced(segment):
    stop_if("sync")
    sync(segment)
    stop_if("synced")

SegmentFile.append, SegmentFile.sync = appended, synced

def tell(text):
    os.write(1, text.encode())

def failed(failure):
    tell(f"lost: {{type(failure).__name__}}\\n")
    os._exit(3)

async def live(store, index, actor):
    global acknowledged
    id_ = bytes([int(slot), actor]) * 16
    database = store.database({KEY!r}, id_)
    number = KeyValue(database).get("number", 0)
    while True:
        number += 1
        kv, sql = KeyValue(database), Sql(database)
        if number == 1:
            sql.exec("CREATE TABLE numbers (n INTEGER, padding TEXT)")
        kv.put("number", number)
        stop_if("turn")
        sql.exec("INSERT INTO numbers VALUES (?, ?)", number, "x" * (number * 37 % 3000))
        Metadata(database).set_alarm_ms(number)
        database.commit(number)
        index.put({KEY!r}, id_, number, None, database.durability.last_lsn)
        done = asyncio.Event()
        database.durability.when_durable(done.set)
        await done.wait()
        tell(f"{{actor}} {{number}}\\n")
        acknowledged += 1

async def main():
    loop, layout = asyncio.get_running_loop(), Layout(root)
    index = AlarmIndex(layout.alarms_file_of(slot))
    store = Store.open(layout, notify=loop.call_soon_threadsafe, time_ms=lambda: 0, is_alone=False,
        on_failure=failed, apply_alarms=index.apply, save_alarms=index.saving, options=StoreOptions(
        slot, segment_size_bytes=60_000, live_size_bytes_max=150_000))
    actors = 1 if stop_at else {ACTORS}  # else what others have in hand may be in the log as well
    await asyncio.gather(*(live(store, index, actor) for actor in range(actors)))

asyncio.run(main())
"""


def id_of(slot: str, actor: int) -> bytes:
    return bytes([int(slot), actor]) * 16


def slot_of(_: str, actor_id: bytes) -> str:
    return str(actor_id[0])


class Worker:
    """A process with one slot, and what it has said."""

    def __init__(self, root: Path, slot: str, stop_at: str = "", after: int = 0) -> None:
        self.slot = slot
        self.told: dict[int, int] = {}
        self.lost = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(root), slot, stop_at, str(after)],
            stdout=subprocess.PIPE,
        )

    def hear(self, lines: int) -> None:
        """Wait until it has said so many lines more."""
        assert self._process.stdout is not None
        for _ in range(lines):
            line = self._process.stdout.readline()
            assert line, "it died by itself"
            self._take(line.decode())

    def _take(self, line: str) -> None:
        if found := re.fullmatch(r"lost: (\w+)\n", line):
            self.lost = found[1]
        elif found := re.fullmatch(r"(\d+) (\d+)\n", line):  # else it was killed in the middle
            actor, number = int(found[1]), int(found[2])
            assert number > self.told.get(actor, 0), "acknowledgements come in order"
            self.told[actor] = number

    def wait_until_stopped(self) -> None:
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> dict[int, int]:
        """SIGKILL, and reap; return all that it has told."""
        self._process.kill()
        return self.end()

    def end(self) -> dict[int, int]:
        """Wait for its end; return all that it has told."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(line.decode())
        self._process.stdout.close()
        self._process.wait()
        return self.told

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def returncode(self) -> int:
        return self._process.wait()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "actors").mkdir(parents=True)
    recover_all(Layout(root), SLOTS, slot_of, lambda: 0)
    return root


def assert_there(
    store: Store, index: AlarmIndex, slot: str, told: dict[int, int], *, none_in_hand: bool = False
) -> None:
    """Each turn that was told of, whole, and of others at most the one that was in hand."""
    for actor in range(ACTORS):
        database = store.database(KEY, id_of(slot, actor))
        number = KeyValue(database).get("number", 0)
        last = told.get(actor, 0)
        assert last <= number <= (last if none_in_hand else last + 1)
        assert_whole(database, number)
        assert index.get(KEY, id_of(slot, actor)) == (number or None)
        database.close()


def assert_whole(database: ActorDatabase, number: int) -> None:
    if number:
        numbers = [n for (n,) in database.rows("SELECT n FROM numbers ORDER BY n")]
        assert numbers == list(range(1, number + 1))
        assert Metadata(database).get_alarm_ms() == number


def open_store(
    root: Path, slot: str, notify: Callable[[Callable[[], None]], object] = lambda _: None
) -> tuple[Store, AlarmIndex]:
    index = AlarmIndex(Layout(root).alarms_file_of(slot))
    store = Store.open(
        Layout(root),
        notify=notify,
        time_ms=lambda: 0,
        on_failure=lambda failure: None,
        apply_alarms=index.apply,
        save_alarms=index.saving,
        options=StoreOptions(slot),
        is_alone=False,
    )
    return store, index


def check_slot(root: Path, slot: str, told: dict[int, int], *, none_in_hand: bool = False) -> None:
    store, index = open_store(root, slot)
    with closing(index), closing(store):
        assert_there(store, index, slot, told, none_in_hand=none_in_hand)


def test_one_worker_is_killed_again_and_again_and_the_other_never_notices(root: Path) -> None:
    layout = Layout(root)
    other = Worker(root, "1")
    told: dict[int, int] = {}
    for round_ in range(ROUNDS):
        worker = Worker(root, "0")
        worker.hear(30 + 50 * round_)
        other.hear(10)
        for actor, number in worker.kill().items():
            assert number > told.get(actor, 0), "it went on behind what was acknowledged"
            told[actor] = number
        seal_log(layout.log_dir("0"), 0)
        if round_ % 2:
            check_slot(root, "0", told)
        other.hear(10)
        assert other.is_alive
    last = Worker(root, "0")
    last.hear(10)
    told_of_both = {"0": last.kill(), "1": other.kill()}
    assert other.lost == ""
    for slot, of_slot in told_of_both.items():
        seal_log(layout.log_dir(slot), 0)
        check_slot(root, slot, of_slot)
    recover_all(layout, ("0",), lambda *_: "0", lambda: 0)
    assert all(error is None for _, error in verify_archive(layout.archive_dir))
    store, index = open_store(root, "0")  # the whole directory is one process's from now on
    with closing(index), closing(store):
        for slot, of_slot in told_of_both.items():
            assert_there(store, index, slot, of_slot)
            for actor in range(ACTORS):
                assert_past(store, id_of(slot, actor), root / "past.db")


def assert_past(store: Store, id_: bytes, target: Path) -> None:
    """What two processes have archived at the same time is a history without a hole."""
    entries = asyncio.run(store.history.entries(KEY, id_, 10_000))
    database = store.database(KEY, id_)
    assert len(entries) == KeyValue(database).get("number", 0)
    database.close()
    for place in range(0, len(entries), len(entries) // 4 + 1):
        asyncio.run(store.history.build(KEY, id_, entries[place].bookmark, target))
        past = ActorDatabase(target)
        assert KeyValue(past).get("number") == len(entries) - place
        assert_whole(past, len(entries) - place)
        past.close()
        target.unlink()


@pytest.mark.parametrize("step", ["turn", "append", "half", "sync", "synced"])
def test_of_one_stopped_in_a_commit_and_taken_over_nothing_lands_later(
    root: Path, step: str
) -> None:
    """What was whole in the log may be there, as after any kill; nobody was told of it."""
    worker = Worker(root, "0", step, after=20)
    worker.wait_until_stopped()
    told = worker.kill()
    log = Layout(root).log_dir("0")
    last = seal_log(log, 0)
    assert seal_log(log, 0) == last, "what the seal says is the end"
    check_slot(root, "0", told, none_in_hand=step in {"turn", "append", "half"})


@pytest.mark.parametrize("step", ["turn", "append", "half", "sync", "synced"])
def test_one_that_goes_on_after_its_lock_was_taken_away_tells_nobody_of_anything(
    root: Path, step: str
) -> None:
    worker = Worker(root, "0", step, after=20)
    worker.wait_until_stopped()
    log = Layout(root).log_dir("0")
    (log / "LOCK").unlink()
    Layout(root).alarms_file_of("0").rename(root / "alarms-of-the-older.db")
    store, index = open_store(root, "0")
    with closing(index), closing(store):
        own = store.database(KEY, b"\xff" * 32)
        for number in range(100):
            KeyValue(own).put("n", number)
            own.commit()
            store.log.wait()
        worker.go_on()
        told = worker.end()
        assert (worker.returncode, worker.lost) == (3, "LogTakenOver")
        for number in range(100, 200):
            KeyValue(own).put("n", number)
            own.commit()
            store.log.wait()
        assert_turns(store, told)
    seal_log(log, 0)
    store, index = open_store(root, "0")
    with closing(index), closing(store):
        assert KeyValue(store.database(KEY, b"\xff" * 32)).get("n") == 199
        assert_turns(store, told)


def assert_turns(store: Store, told: dict[int, int]) -> None:
    for actor, last in told.items():
        database = store.database(KEY, id_of("0", actor))
        number = KeyValue(database).get("number", 0)
        assert last <= number <= last + 1
        assert_whole(database, number)
        database.close()
