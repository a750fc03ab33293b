"""What several logs have archived is one archive: the oldest goes first, whosever it is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure.storage.archive.archive import DAY_MS, Archive, Retention
from perdure.storage.archive.index import ArchiveFile
from perdure.storage.archive.past import Past, index_path
from perdure.storage.layout import Layout
from perdure.storage.log_tail import read_tails
from tests.storage.fleet import ACTORS, Fleet, Moment, Worker
from tests.storage.logged import Bench, one_log
from tests.wire import PATIENCE_S

pytestmark = one_log  # each test opens the logs that it needs
SMALL = {"segment_size_bytes": 24_000, "live_size_bytes_max": 40_000}


@pytest.fixture
def fleet(bench: Bench) -> Iterator[Fleet]:
    fleet = Fleet(bench, **SMALL, retention=Retention(days=1))
    yield fleet
    fleet.close()


def files(fleet: Fleet, slot: str) -> list[str]:
    return sorted(path.name for path in (fleet.root / "archive" / slot).glob("*.arc"))


def archived_until(worker: Worker, condition: Callable[[], bool]) -> None:
    """Have its archiver look after the archive until something is so."""
    assert worker.store._archiver is not None
    while not condition():
        worker.store._archiver.do(lambda _: worker.bench.calls.put(lambda: None))
        worker.bench.calls.get(timeout=PATIENCE_S)()


def write_until_archived(fleet: Fleet, actors: list[bytes], slot: str, count: int) -> list[Moment]:
    moments: list[Moment] = []
    owner = fleet.owner(actors[0])
    assert owner.slot == slot
    while len(files(fleet, slot)) < count:
        moments += [owner.write(actor) for actor in actors]
        owner.store.settle()
        while not fleet.bench.calls.empty():
            fleet.bench.calls.get()()
    return moments


def test_what_a_slot_that_serves_no_more_has_archived_goes_in_its_time(fleet: Fleet) -> None:
    even, odd = [a for a in ACTORS if a[0] % 2 == 0], [a for a in ACTORS if a[0] % 2]
    fleet.start(2)
    write_until_archived(fleet, even, "0", 2)
    moments = write_until_archived(fleet, odd, "1", 2)
    fleet.stop()
    fleet.start(1)
    fleet.bench.time_ms += 3 * DAY_MS
    (worker,) = fleet.workers
    archived_until(worker, lambda: files(fleet, "1") == files(fleet, "0") == [])
    last = moments[-1]
    assert fleet.state_at(last) == last.turn, "what is now can be had for as long as it is so"
    assert worker.turn(last.actor) == last.turn


def test_when_there_is_too_much_the_oldest_goes_whosever_it_is(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a busy log would lose all of its past for one that is quiet and keeps its own."""
    even, odd = [a for a in ACTORS if a[0] % 2 == 0], [a for a in ACTORS if a[0] % 2]
    fleet.start(2)
    write_until_archived(fleet, odd, "1", 3)
    fleet.bench.time_ms += 1000
    write_until_archived(fleet, even, "0", 2)
    fleet.stop()
    layout = Layout(fleet.root)
    expected = [f"1/{name}" for name in files(fleet, "1")]
    expected += [f"0/{name}" for name in files(fleet, "0")]
    gone: list[str] = []
    real = Archive._let_go

    def let_go(archive: Archive, file: ArchiveFile, horizon_ms: float) -> None:
        gone.append(file.name)
        real(archive, file, horizon_ms)

    monkeypatch.setattr(Archive, "_let_go", let_go)
    past = Past(layout.archive_dir, layout.logs_dir, dict)
    retention = Retention(days=1, size_bytes_max=0)
    archive = Archive(layout.archive_dir, "0", past, layout.actor_file, retention)
    archive.expire(fleet.bench.time_ms)
    assert (gone, archive.size_bytes) == (expected, 0)
    archive.close()


def test_other_logs_are_read_once_for_all_actors_of_a_segment(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading 64 MiB for each of some thousand actors would take hours."""
    read: list[int] = []

    def count(
        directory: Path, actors: dict[tuple[str, bytes], object], **options: object
    ) -> object:
        if directory.name == "1":
            read.append(len(actors))
        return read_tails(directory, actors, **options)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr("perdure.storage.archive.past.read_tails", count)
    even = [actor for actor in ACTORS if actor[0] % 2 == 0]
    fleet.start(2)
    write_until_archived(fleet, even, "0", 2)
    taken = len(files(fleet, "0"))
    assert max(read) == len(even)
    assert len(read) <= taken + 1


def test_an_index_that_one_process_makes_anew_is_used_by_the_others(fleet: Fleet) -> None:
    even = [actor for actor in ACTORS if actor[0] % 2 == 0]
    fleet.start(2)
    moments = write_until_archived(fleet, even, "0", 1)
    for path in (fleet.root / "archive").glob("index.db*"):
        path.unlink()
    fleet.workers[1].close()
    fleet.workers[1] = Worker(fleet.bench, fleet.root, "1", **fleet.options)
    archived_until(fleet.workers[1], index_path(Layout(fleet.root).archive_dir).exists)
    moments += write_until_archived(fleet, even, "0", 3)
    assert [fleet.state_at(moment) for moment in moments] == [m.turn for m in moments]
