"""A process whose actors write turns without end, and say which are durable.

``python -m tests.faults.writer '{"root": ...}'``; tests/faults/processes.py starts it. Each line it
writes is one of these, numbers in decimal:

    found ACTOR TURN      what was there when it started; it has looked at all of it
    ready RECORDS         the actors begin; so many records were recovered
    ack ACTOR TURN LSN    the turn is durable; nobody was told before
    reset ACTOR CODE      the actor's database failed; it begins again from what is there
    given-up ACTOR        its database fails whenever it is opened; the others go on
    moved ACTOR           to another log
    stays ACTOR MESSAGE   it could not be moved
    checkpoint COUNT      the log has been shortened so often
    broken MESSAGE        the log has failed
    refused ACTOR         a turn after that was refused, as it must be
    accepted ACTOR        it was not
    unusable MESSAGE      the directory could not be opened
    stopped               in good order
"""

import asyncio
import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from perdure.storage import checkpointer, journal, recovery
from perdure.storage import log as commit_log
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.directory import DataDirectory
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import DatabaseFailed, SpaceLow, StorageBroken, StorageError
from perdure.storage.layout import Layout
from perdure.storage.store import Store, StoreOptions, nothing_recovered
from tests.faults.turns import KEY, actor_id, read_turn, write_turn

BROKEN, UNUSABLE = 3, 4  # exit codes
_PR_SET_PTRACER = 0x59616D61
_PENDING_MAX = 3  # turns of one actor that are not acknowledged yet
_MOVE_EVERY = 3  # rounds; then one actor changes to the next log
_FAILURES_MAX = 3  # of one actor in a row


@dataclass(frozen=True)
class Script:
    """What a writer does.

    Attributes:
        root: The data directory.
        actors: How many there are.
        segment_size_bytes: Small: segments are used again all the time.
        live_size_bytes_max: Small: the log is shortened all the time.
        open_max: Less than there are actors: files are closed and opened all the time.
        checkpoint_frames: Small, likewise.
        slots: How many logs there are, between which actors move.
        reset_every: So many turns after which an actor is reset; 0 for never.
        turns: So many in all, then it stops in good order; 0 for no end.
        defect: A defect that the tests of power losses must notice: ``no-fdatasync``,
            ``no-syncfs`` and so on; none when empty.
        killed_in: A call of the recovery, in which the process kills itself; none when empty.
        killed_at: Which of these calls.
    """

    root: str
    actors: int = 12
    segment_size_bytes: int = 100_000
    live_size_bytes_max: int = 300_000
    open_max: int = 5
    checkpoint_frames: int = 20
    reset_every: int = 23
    slots: int = 1
    turns: int = 0
    defect: str = ""
    killed_in: str = ""
    killed_at: int = 0

    def options(self) -> StoreOptions:
        return StoreOptions(
            segment_size_bytes=self.segment_size_bytes,
            live_size_bytes_max=self.live_size_bytes_max,
            open_max=self.open_max,
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class Writer:
    """Actors over one store, or over several between which they move, and a loop for them."""

    def __init__(self, script: Script, out: int) -> None:
        self._script = script
        self._out = out
        self._is_broken = False
        self._pending = dict.fromkeys(range(script.actors), 0)
        self._failures = dict.fromkeys(range(script.actors), 0)
        self._rounds = self._checkpoints = 0
        self._progress = asyncio.Event()
        self._directory = DataDirectory.open(Path(script.root))
        self._index = AlarmIndex(self._directory.layout.alarms_file)
        self._stores = open_stores(
            script,
            self._directory.layout,
            self._index,
            notify=asyncio.get_running_loop().call_soon_threadsafe,
            on_failure=self._broke,
        )
        self._homes = {a: self._stores[a % len(self._stores)] for a in range(script.actors)}
        self._databases = {actor: self._open(actor) for actor in range(script.actors)}
        self._numbers = {actor: read_turn(db) for actor, db in self._databases.items()}
        if script.slots == 1:
            check_alarms(self._index, self._numbers)
        self._begun = sum(number > 0 for number in self._numbers.values())

    async def run(self) -> int:
        """Write until there is a reason to stop; return the exit code."""
        for actor, number in self._numbers.items():
            self._say(f"found {actor} {number}")
        self._say(f"ready {self._stores[0].recovered.records}")
        turns = 0
        while self._databases and not self._is_broken:
            turns += await self._go_round()
            if turns >= self._script.turns > 0:
                break
        for actor in self._databases if self._is_broken else ():
            self._try_in_vain(actor)
        await asyncio.sleep(0)
        for store in self._stores:
            store.close()
        await asyncio.sleep(0)
        self._index.close()
        self._directory.close()
        self._say("stopped")
        return BROKEN if self._is_broken else 0

    async def _go_round(self) -> int:
        # One more actor begins in each round, so that there are young ones whenever it dies.
        self._begun += 1
        self._rounds += 1
        begun = list(self._databases)[: self._begun]
        ready = [actor for actor in begun if self._pending[actor] < _PENDING_MAX]
        for actor in ready:
            self._turn(actor)
        if len(self._stores) > 1 and self._rounds % _MOVE_EVERY == 0 and begun:
            await self._move(begun[self._rounds // _MOVE_EVERY % len(begun)])
        self._progress.clear()
        await (asyncio.sleep(0) if ready else self._progress.wait())
        done = sum(store._checkpointer.done for store in self._stores)
        if done != self._checkpoints:
            self._checkpoints = done
            self._say(f"checkpoint {done}")
        return len(ready)

    def _turn(self, actor: int) -> None:
        db = self._databases[actor]
        number = self._numbers[actor] + 1
        try:
            write_turn(db, number)
        except StorageBroken:  # _broke has been told why
            return
        except (DatabaseFailed, SpaceLow) as failure:
            self._reset(actor, getattr(failure, "code", "SPACE_LOW"))
            return
        self._numbers[actor] = number
        self._failures[actor] = 0
        self._pending[actor] += 1
        lsn = db.durability.last_lsn
        self._index.put(KEY, actor_id(actor), number, None, lsn)
        db.durability.when_durable(lambda: self._acknowledge(actor, number, lsn))
        every = self._script.reset_every
        if every and number % every == 0:  # as when its own code fails, in the middle of a turn
            db.begin()
            db.write("DELETE FROM _cf_METADATA")
            db.close()
            self._databases[actor] = self._open(actor)

    async def _move(self, actor: int) -> None:
        """Have another store look after an actor."""
        home = self._homes[actor]
        target = self._stores[(self._stores.index(home) + 1) % len(self._stores)]
        self._databases[actor].close()
        try:
            move = await home.moves.hand_over(KEY, actor_id(actor))
            self._homes[actor] = target
            await target.moves.take_over(move)
            self._say(f"moved {actor}")
        except StorageError as error:
            self._say(f"stays {actor} {error}")
        self._databases[actor] = self._open(actor)

    def _acknowledge(self, actor: int, number: int, lsn: int) -> None:
        self._pending[actor] -= 1
        self._progress.set()
        self._say(f"ack {actor} {number} {lsn}")

    def _reset(self, actor: int, code: str) -> None:
        """Let it begin again, from what is there; if that is in vain, go on without it."""
        self._databases[actor].close()
        self._failures[actor] += 1
        self._say(f"reset {actor} {code}")
        try:
            self._databases[actor] = db = self._open(actor)
            self._numbers[actor] = read_turn(db)
        except DatabaseFailed:
            self._failures[actor] = _FAILURES_MAX
        if self._failures[actor] >= _FAILURES_MAX:
            self._say(f"given-up {actor}")
            self._databases.pop(actor).close()

    def _try_in_vain(self, actor: int) -> None:
        self._databases[actor].close()
        try:
            write_turn(self._open(actor), self._numbers[actor] + 1)
        except StorageError:
            self._say(f"refused {actor}")
        else:
            self._say(f"accepted {actor}")

    def _open(self, actor: int) -> ActorDatabase:
        return self._homes[actor].database(KEY, actor_id(actor))

    def _broke(self, failure: StorageBroken) -> None:
        self._is_broken = True
        self._progress.set()
        self._say(f"broken {failure}")

    def _say(self, line: str) -> None:
        os.write(self._out, line.encode() + b"\n")


def open_stores(
    script: Script,
    layout: Layout,
    index: AlarmIndex,
    *,
    notify: Callable[[Callable[[], None]], object],
    on_failure: Callable[[StorageBroken], None],
) -> list[Store]:
    """Open the logs of a directory; with one of them goes an index of alarms.

    Raises:
        StorageError: It cannot be recovered.
    """
    if script.slots > 1:
        return Store.open_all(
            layout,
            [str(slot) for slot in range(script.slots)],
            notify=notify,
            time_ms=lambda: 1000,
            on_failure=on_failure,
            apply_alarms=nothing_recovered,
            options=script.options(),
        )
    store = Store.open(
        layout,
        notify=notify,
        time_ms=lambda: 1000,
        on_failure=on_failure,
        apply_alarms=index.apply,
        save_alarms=index.saving,
        options=script.options(),
    )
    return [store]


def check_alarms(index: AlarmIndex, numbers: dict[int, int]) -> None:
    """Each actor is woken when its own row says.

    Raises:
        AssertionError: It is not.
    """
    for actor, number in numbers.items():
        time_ms = index.get(KEY, actor_id(actor))
        assert time_ms == (number or None), f"turn {number} of {actor}, and an alarm at {time_ms}"


def run(script: Script, out: int) -> int:
    """Be a writer; return the exit code."""
    # Where a system allows tracing to none but parents: these may.
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(2**64 - 1), 0, 0, 0)
    journal.CHECKPOINT_FRAMES = script.checkpoint_frames
    journal.CHECKPOINT_FRAMES_MAX = 3 * script.checkpoint_frames
    commit_log.RESERVED_FROM_SIZE_BYTES = script.segment_size_bytes // 2
    if script.defect:
        DEFECTS[script.defect]()
    if script.killed_in:
        die_in(script.killed_in, script.killed_at)
    return asyncio.run(_run(script, out))


async def _run(script: Script, out: int) -> int:
    try:
        writer = Writer(script, out)
    except StorageError as error:
        os.write(out, f"unusable {error}\n".encode())
        return UNUSABLE
    return await writer.run()


def _sync_no_segment() -> None:
    os.fdatasync = lambda fd: None


def _sync_no_files() -> None:
    checkpointer.sync_file_system = lambda path: None  # type: ignore[attr-defined]  # on purpose


def _sync_nothing_recovered() -> None:
    recovery.sync_file_system = lambda path: None  # type: ignore[attr-defined]  # likewise


def _hear_no_errors() -> None:
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        with contextlib.suppress(OSError):
            real(fd)

    os.fdatasync = fdatasync  # type: ignore[assignment]  # likewise


DEFECTS = {
    "no-fdatasync": _sync_no_segment,
    "ignored-errors": _hear_no_errors,
    "no-syncfs": _sync_no_files,
    "no-syncfs-in-recovery": _sync_nothing_recovered,
}


def die_in(name: str, at: int) -> None:
    """Have the process killed where it calls ``os.<name>`` for the ``at``-th time."""
    real, calls = getattr(os, name), iter(range(1, at))

    def call(*args: object, **options: object) -> object:
        if next(calls, None) is None:
            os.kill(os.getpid(), 9)
        return real(*args, **options)

    setattr(os, name, call)


if __name__ == "__main__":
    sys.exit(run(Script(**json.loads(sys.argv[1])), 1))
