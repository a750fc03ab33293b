"""``kill -9`` of a process whose actors share a log: what was acknowledged is there, in whole turns.

The child writes turns of many actors without end, several on their way at once, shortens its log
all the time, and says which turn of which actor is durable. It is killed wherever it then is;
every other time the recovery is killed as well, and done again. Then the index of alarms must say
what the actors' own rows say.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions

pytestmark = [pytest.mark.crash, pytest.mark.slow]

ROUNDS = 5
ACTORS = 12
KEY = "crash-Room"
SMALL = StoreOptions(segment_size_bytes=100_000, live_size_bytes_max=300_000, open_max=5)
WRITER = f"""
import os, sys
from queue import SimpleQueue
from pathlib import Path
from perdure.storage import journal
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions

journal.CHECKPOINT_FRAMES, journal.CHECKPOINT_FRAMES_MAX = 20, 60
calls = SimpleQueue()
layout = Layout(Path(sys.argv[1]))
index = AlarmIndex(layout.alarms_file)
store = Store.open(layout, notify=calls.put, time_ms=lambda: 0, on_failure=print,
    apply_alarms=index.apply, save_alarms=index.saving, options=StoreOptions({SMALL.slot!r}, {SMALL.segment_size_bytes},
    {SMALL.live_size_bytes_max}, open_max={SMALL.open_max}))
databases = {{n: store.database({KEY!r}, bytes([n]) * 32) for n in range({ACTORS})}}
numbers = {{n: KeyValue(d).get("number", 0) for n, d in databases.items()}}
turn = 0
while True:
    turn += 1
    for actor in range(turn % 5, {ACTORS}, 3):
        db = databases[actor]
        kv, sql = KeyValue(db), Sql(db)
        number = numbers[actor] = numbers[actor] + 1
        if number == 1:
            sql.exec("CREATE TABLE numbers (n INTEGER, padding TEXT)")
        kv.put("number", number)
        db.savepoint()
        kv.put("number", -1)
        db.rollback_to()
        sql.exec("INSERT INTO numbers VALUES (?, ?)", number, "x" * (number * 37 % 3000))
        if number % 5:
            alarm_ms = number * 7919 % 1000
            Metadata(db).set_alarm_ms(alarm_ms)
            db.commit(alarm_ms)
            index.put({KEY!r}, bytes([actor]) * 32, alarm_ms, None, db.durability.last_lsn)
        else:
            Metadata(db).delete_alarm()
            db.commit(-1)
            index.remove({KEY!r}, bytes([actor]) * 32, db.durability.last_lsn)
        db.durability.when_durable(lambda a=actor, n=number: os.write(1, b"%d %d\\n" % (a, n)))
        if number % 23 == 0:  # as when it is reset, with or without writes on their way
            kv.put("never", "committed")
            db.close()
            databases[actor] = store.database({KEY!r}, bytes([actor]) * 32)
    if turn % 7 == 0:
        store.log.settle()
    while not calls.empty():
        calls.get()()
"""


def run_until_killed(root: Path, lines: int) -> dict[int, int]:
    """Let a writer run until it has said ``lines`` things; return the last word on each actor."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, bufsize=0
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
    acknowledged: dict[int, int] = {}
    for line in said[: said.rindex(b"\n")].splitlines():
        actor, number = map(int, line.split())
        assert acknowledged.get(actor, 0) < number, "acknowledgements come in order"
        acknowledged[actor] = number
    return acknowledged


def kill_recovery(root: Path, after: int) -> None:
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


def check(root: Path, acknowledged: dict[int, int]) -> dict[int, int]:
    """Compare what is there with what was said; return what is there."""
    index = AlarmIndex(Layout(root).alarms_file)
    store = Store.open(
        Layout(root),
        notify=lambda call: None,
        time_ms=lambda: 0,
        on_failure=lambda failure: None,
        apply_alarms=index.apply,
        save_alarms=index.saving,
        options=SMALL,
    )
    there: dict[int, int] = {}
    try:
        for actor in range(ACTORS):
            db = store.database(KEY, bytes([actor]) * 32)
            number = there[actor] = KeyValue(db).get("number", 0)
            assert number >= acknowledged.get(actor, 0)
            assert KeyValue(db).get("never") is None
            if number:
                numbers = [n for (n,) in db.rows("SELECT n FROM numbers ORDER BY n")]
                assert numbers == list(range(1, number + 1))
                alarm_ms = number * 7919 % 1000 if number % 5 else None
                assert Metadata(db).get_alarm_ms() == alarm_ms
                assert index.get(KEY, bytes([actor]) * 32) == alarm_ms
                assert Sql(db).exec("PRAGMA quick_check").one() == {"quick_check": "ok"}
            db.close()
    finally:
        store.close()
        index.close()
    return there


def test_what_was_acknowledged_is_there_in_whole_turns(tmp_path: Path) -> None:
    (tmp_path / "actors").mkdir()
    there: dict[int, int] = {}
    for round_ in range(ROUNDS):
        acknowledged = run_until_killed(tmp_path, lines=50 + 300 * round_)
        if round_ % 2:
            kill_recovery(tmp_path, after=round_ * 3)
        acknowledged = {a: max(n, there.get(a, 0)) for a, n in acknowledged.items()} | {
            a: n for a, n in there.items() if a not in acknowledged
        }
        there = check(tmp_path, acknowledged)
