"""A store and the index of its actors' alarms: what a crash at each step leaves."""

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path

import pytest

from perdure.storage import checkpointer
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.errors import DatabaseFailed, PerdureError
from perdure.storage.layout import Layout
from perdure.storage.log_directory import LogDirectory
from perdure.storage.metadata import Metadata
from perdure.storage.saved_alarms import SavedAlarms
from perdure.storage.store import Store
from tests.storage.logged import KEY, A, B, Bench, copy_directory


class Process:
    """A store and its index, as a server has them."""

    def __init__(self, bench: Bench, root: Path) -> None:
        layout = Layout(root)
        root.mkdir(parents=True, exist_ok=True)
        layout.actors_dir.mkdir(exist_ok=True)
        self.root = root
        self.bench = bench
        self.index = AlarmIndex(layout.alarms_file)
        self.store = Store.open(
            layout,
            notify=bench.calls.put,
            time_ms=lambda: 1000,
            on_failure=bench.failures.append,
            apply_alarms=self.index.apply,
            save_alarms=self.index.saving,
            alarm_changed=self.alarm_changed,
        )
        self.databases = {actor: self.store.database(KEY, actor) for actor in (A, B)}

    def alarm_changed(self, key: str, actor: bytes, time_ms: int | None, lsn: int) -> None:
        if time_ms is None:
            self.index.remove(key, actor, lsn)
        else:
            self.index.put(key, actor, time_ms, None, lsn)

    def set(self, actor: bytes, time_ms: int | None) -> None:
        """What actors/commit.py does."""
        database = self.databases[actor]
        metadata = Metadata(database)
        if time_ms is None:
            metadata.delete_alarm()
        else:
            metadata.set_alarm_ms(time_ms)
        database.commit(-1 if time_ms is None else time_ms)
        self.alarm_changed(KEY, actor, time_ms, database.durability.last_lsn)

    def rows(self) -> list[int | None]:
        return [Metadata(self.databases[actor]).get_alarm_ms() for actor in (A, B)]

    def indexed(self) -> list[int | None]:
        return [self.index.get(KEY, actor) for actor in (A, B)]

    def shorten(self) -> None:
        known = self.store._checkpointer
        self.store.log.wait()
        done = known.done
        self.store.shorten()
        self.bench.run_until(lambda: known.done > done)

    def close(self) -> None:
        self.store.close()
        self.index.close()


class Processes:
    """Processes on copies of one directory."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.open: list[Process] = []

    def start(self, root: Path | None = None) -> Process:
        process = Process(self.bench, root or self.bench.root)
        self.open.append(process)
        return process

    def after_crash(self, process: Process) -> Process:
        copy = process.root.with_name(f"copy-{len(self.open)}")
        copy_directory(process.root, copy)
        return self.start(copy)


@pytest.fixture
def processes(bench: Bench) -> Iterator[Processes]:
    processes = Processes(bench)
    yield processes
    for process in processes.open:
        process.close()


def test_after_a_crash_the_log_says_what_was_never_saved(processes: Processes) -> None:
    process = processes.start()
    process.set(A, 5000)
    process.set(B, 7000)
    process.set(A, None)
    process.store.log.wait()
    again = processes.after_crash(process)
    assert again.indexed() == again.rows() == [None, 7000]


def test_a_checkpoint_saves_what_it_takes_from_the_log(processes: Processes) -> None:
    process = processes.start()
    process.set(A, 5000)
    process.set(B, 7000)
    process.shorten()
    process.set(B, 8000)
    process.store.log.wait()
    again = processes.after_crash(process)
    assert again.store.recovered.records == 1
    assert again.indexed() == again.rows() == [5000, 8000]
    once_more = processes.after_crash(again)
    assert once_more.store.recovered.records == 0
    assert once_more.indexed() == [5000, 8000]


def test_a_crash_between_the_saved_alarms_and_the_checkpoint(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = processes.start()
    process.set(A, 5000)
    process.set(A, 9000)
    process.set(B, 9000)
    process.set(B, None)
    process.store.log.wait()
    found: list[Process] = []

    def dies(directory: LogDirectory, checkpoint: object) -> None:
        monkeypatch.undo()
        found.append(processes.after_crash(process))
        directory.write_checkpoint(checkpoint)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(LogDirectory, "write_checkpoint", dies)
    process.shorten()
    assert found[0].store.recovered.records == 4
    assert found[0].indexed() == found[0].rows() == [9000, None]


def test_what_is_saved_is_on_the_disk_before_the_checkpoint_says_so(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = processes.start()
    process.set(A, 5000)
    process.store.log.wait()
    order: list[str] = []
    real_write, real_checkpoint = SavedAlarms.write, LogDirectory.write_checkpoint

    def write(saved: SavedAlarms, changes: object) -> None:
        real_write(saved, changes)  # type: ignore[arg-type]  # handed on
        order.append("alarms")

    def write_checkpoint(directory: LogDirectory, checkpoint: object) -> None:
        order.append("checkpoint")
        real_checkpoint(directory, checkpoint)  # type: ignore[arg-type]  # as above

    monkeypatch.setattr(SavedAlarms, "write", write)
    monkeypatch.setattr(LogDirectory, "write_checkpoint", write_checkpoint)
    process.shorten()
    process.set(A, 6000)
    process.close()
    assert order == ["alarms", "checkpoint"] * 2


def test_alarms_that_cannot_be_saved_keep_the_log_and_are_tried_again(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    process = processes.start()
    process.set(A, 5000)
    process.store.log.wait()
    known = process.store._checkpointer

    def fail(saved: SavedAlarms, changes: object) -> None:
        raise DatabaseFailed(process.root, "the disk is full", code="SQLITE_FULL")

    with monkeypatch.context() as patched:
        patched.setattr(SavedAlarms, "write", fail)
        process.store.shorten()
        process.bench.run_until(lambda: not known.is_running)
    assert (known.done, known.failure) == (0, None)
    assert "checkpoint.failed" in caplog.text
    again = processes.after_crash(process)
    assert again.store.recovered.records == 1
    process.set(B, 6000)
    process.shorten()
    assert processes.after_crash(process).indexed() == [5000, 6000]


def test_a_close_that_cannot_save_the_alarms_leaves_it_to_a_recovery(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = processes.start()
    process.set(A, 5000)

    def fail(saved: SavedAlarms, changes: object) -> None:
        raise DatabaseFailed(process.root, "the disk is full", code="SQLITE_FULL")

    with monkeypatch.context() as patched:
        patched.setattr(SavedAlarms, "write", fail)
        process.close()
    again = processes.start()
    assert again.store.recovered.records == 1
    assert again.indexed() == [5000, None]


def test_a_clean_close_saves_all(processes: Processes) -> None:
    process = processes.start()
    process.set(A, 5000)
    process.set(B, 6000)
    process.set(B, None)
    process.close()
    again = processes.start()
    assert again.store.recovered.records == 0
    assert again.indexed() == [5000, None]


def test_a_recovery_that_cannot_save_the_alarms_is_no_recovery(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = processes.start()
    process.set(A, 5000)
    process.store.log.wait()
    again = processes.after_crash(process)
    assert again.indexed() == [5000, None]

    def fail(saved: SavedAlarms, changes: object) -> None:
        raise DatabaseFailed(process.root, "the disk is full", code="SQLITE_FULL")

    copy = process.root.with_name("third")
    copy_directory(process.root, copy)
    with monkeypatch.context() as patched:
        patched.setattr(SavedAlarms, "write", fail)
        with pytest.raises(PerdureError, match="the disk is full"):
            processes.start(copy)
    assert processes.start(copy).indexed() == [5000, None]


def test_what_is_not_durable_when_a_checkpoint_begins_is_not_saved_by_it(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash undoes the later time, and nothing in the log would say so."""
    process = processes.start()
    process.set(A, 5000)
    process.store.log.wait()
    saved: list[object] = []
    real = SavedAlarms.write

    def write(file: SavedAlarms, changes: object) -> None:
        saved.append(changes)
        real(file, changes)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(SavedAlarms, "write", write)
    monkeypatch.setattr(checkpointer, "_SLICE_S", -1.0)  # goes on in the loop's next iteration
    process.store.shorten()
    process.set(A, 9000)
    process.bench.run_until(lambda: process.store._checkpointer.done == 1)
    assert saved == [{(KEY, A): (5000, None)}]
    assert process.indexed() == [9000, None]


def run(bench: Bench, coroutine: Coroutine[object, object, object]) -> None:
    """Run a coroutine whose store tells it of things through the bench's calls."""

    async def main() -> None:
        task = asyncio.ensure_future(coroutine)
        while not task.done():
            while not bench.calls.empty():
                bench.calls.get()()
            await asyncio.sleep(0.001)
        await task

    asyncio.run(main())


def test_a_file_that_takes_anothers_place_brings_its_alarm_along(processes: Processes) -> None:
    process = processes.start()
    process.set(A, 5000)
    process.set(B, 6000)
    process.shorten()
    for database in process.databases.values():
        database.close()
    layout = Layout(process.root)
    replacements = process.store.replacements
    run(processes.bench, replacements.replace(KEY, A, layout.actor_file(KEY, B)))
    run(processes.bench, replacements.delete(KEY, B, layout.root / "trash" / "b.db"))
    assert process.indexed() == [6000, None]
    process.shorten()
    again = processes.after_crash(process)
    assert again.store.recovered.records == 0, "the log knows nothing of it any more"
    assert again.indexed() == again.rows() == [6000, None]
