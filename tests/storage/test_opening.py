"""All logs of a directory are recovered, and others go on with its actors than before."""

import errno
from collections.abc import Iterator

import pytest

from perdure.storage import recovery
from perdure.storage.errors import DirectoryInUse, StorageError
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.log_directory import Checkpoint, LogDirectory
from perdure.storage.opening import recover_all
from tests.failing import fails_with
from tests.storage.fleet import ACTORS, Fleet, Moment, Worker
from tests.storage.logged import KEY, Bench, one_log

pytestmark = one_log  # each test opens the logs that it needs
SMALL = {"segment_size_bytes": 24_000, "live_size_bytes_max": 40_000}


@pytest.fixture
def fleet(bench: Bench) -> Iterator[Fleet]:
    fleet = Fleet(bench, **SMALL)
    yield fleet
    fleet.close()


def checkpoint(fleet: Fleet, slot: str) -> Checkpoint:
    log = LogDirectory.open(Layout(fleet.root).log_dir(slot))
    found = log.read_checkpoint()
    log.close()
    return found


def write_some(fleet: Fleet, turns: int) -> list[Moment]:
    return [fleet.owner(actor).write(actor) for _ in range(turns) for actor in ACTORS]


def settle(fleet: Fleet) -> None:
    for worker in fleet.workers:
        worker.store.settle()


def assert_all_is_there(fleet: Fleet, moments: list[Moment]) -> None:
    last = {moment.actor: moment for moment in moments}
    expected: dict[str, dict[bytes, int]] = {worker.slot: {} for worker in fleet.workers}
    for actor, moment in last.items():
        owner = fleet.owner(actor)
        assert owner.turn(actor) == moment.turn
        assert owner.store.history.current(KEY, actor) >= moment.bookmark
        expected[owner.slot][actor] = moment.turn
    assert fleet.alarms() == expected


@pytest.mark.parametrize("is_killed", [False, True], ids=["closed", "killed"])
def test_slots_come_and_go_between_starts(fleet: Fleet, *, is_killed: bool) -> None:
    """Writes, alarms, bookmarks and states of the past go through all of it."""
    moments: list[Moment] = []
    for count in (1, 3, 2, 1, 3):
        fleet.start(count)
        if moments:
            assert_all_is_there(fleet, moments)
        moments += write_some(fleet, 4)
        for actor in ACTORS:
            told = [moment.bookmark for moment in moments if moment.actor == actor]
            assert told == sorted(set(told)), "bookmarks sort in the order of time"
        settle(fleet)
        for worker in fleet.workers:
            worker.store.shorten()
        assert [fleet.state_at(moment) for moment in moments] == [m.turn for m in moments]
        if is_killed:
            fleet.kill()
        else:
            fleet.stop()
    fleet.start(2)
    assert_all_is_there(fleet, moments)
    early = next(moment for moment in moments if moment.actor == ACTORS[0] and moment.turn == 2)
    owner = fleet.owner(early.actor)
    owner.close_actor(early.actor)
    undo = fleet.bench.do(owner.store.restore(KEY, early.actor, early.bookmark))
    assert owner.turn(early.actor) == 2
    assert owner.write(early.actor).bookmark > undo
    last = Moment(early.actor, undo, max(m.turn for m in moments if m.actor == early.actor))
    assert fleet.state_at(last) == last.turn


def test_a_slot_that_was_gone_for_a_while_does_not_set_its_actors_back(fleet: Fleet) -> None:
    """Its log still has records of actors that others have written since."""
    fleet.options.clear()  # nothing is taken from a log but by a recovery
    fleet.start(3)
    write_some(fleet, 2)
    settle(fleet)
    fleet.kill()
    fleet.start(1)
    moments = write_some(fleet, 3)
    settle(fleet)
    fleet.kill()
    recovered = fleet.start(3)
    assert recovered.records == len(moments)
    assert_all_is_there(fleet, moments)
    for worker in fleet.workers:
        fleet.kill()
        fleet.start(3)
        assert_all_is_there(fleet, moments)
        assert worker.store.failure is None


def test_a_new_log_knows_the_numbers_of_all_others(fleet: Fleet) -> None:
    fleet.start(2)
    write_some(fleet, 5)
    highest = max(worker.store.log.last_commit for worker in fleet.workers)
    fleet.stop()
    fleet.start(4)
    assert [worker.store.log.last_commit for worker in fleet.workers] == [highest] * 4
    fleet.kill()
    fleet.start(5)
    assert {worker.store.log.last_commit for worker in fleet.workers} == {highest + 2**24}


def test_logs_are_left_as_if_closed_in_good_order(fleet: Fleet) -> None:
    """Else each later start would look for what the dead have left behind."""
    fleet.start(3)
    write_some(fleet, 1)
    settle(fleet)
    fleet.kill()
    layout = Layout(fleet.root)
    recovered = recover_all(layout, ("0",), lambda *_: "0", lambda: 0)
    assert recovered.records == len(ACTORS)
    assert [checkpoint(fleet, slot).is_clean for slot in "012"] == [True] * 3
    assert not list(layout.root.glob("alarms-*"))
    again = recover_all(layout, ("0",), lambda *_: "0", lambda: 0)
    assert again.records == 0
    assert {start.commit for start in again.starts} == {start.commit for start in recovered.starts}


def test_the_store_of_one_process_takes_all_of_it_over(fleet: Fleet) -> None:
    """A server that is one process is started where there were several."""
    fleet.start(3)
    moments = write_some(fleet, 2)
    settle(fleet)
    fleet.kill()
    fleet.bench.root = fleet.root
    store = fleet.bench.open()
    for actor in ACTORS:
        database = store.database(KEY, actor)
        assert KeyValue(database).get("turn") == 2
        told = [moment.bookmark for moment in moments if moment.actor == actor]
        assert store.history.current(KEY, actor) >= told[-1]
        database.close()
    assert {checkpoint(fleet, slot).is_clean for slot in "12"} == {True}
    assert fleet.bench.alarms == {(KEY, actor): 2 for actor in ACTORS}


def test_who_lives_still_is_not_recovered(fleet: Fleet) -> None:
    """Nor are its alarms looked at: the log's lock comes first."""
    fleet.start(2)
    write_some(fleet, 1)
    with pytest.raises(DirectoryInUse, match="log/0"):
        recover_all(Layout(fleet.root), ("2",), lambda *_: "2", lambda: 0)


def test_a_disk_that_fails_leaves_it_to_be_done_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.start(2)
    moments = write_some(fleet, 1)
    settle(fleet)
    fleet.kill()
    with monkeypatch.context() as patched:
        patched.setattr(recovery, "sync_file_system", fails_with(errno.EIO))
        with pytest.raises(StorageError, match="cannot be recovered: Input/output error"):
            fleet.start(3)
    fleet.start(3)
    assert_all_is_there(fleet, moments)


def test_a_worker_looks_at_no_other_log(fleet: Fleet) -> None:
    """All it has to know is its slot, whatever has become of the others."""
    fleet.start(2)
    moments = write_some(fleet, 1)
    settle(fleet)
    fleet.kill()
    layout = Layout(fleet.root)
    recover_all(layout, ("0", "1"), lambda _, actor: str(actor[0] % 2), lambda: 0)
    (layout.log_dir("0") / "CHECKPOINT").write_bytes(b"garbage")
    layout.alarms_file.write_bytes(b"garbage" * 1000)
    worker = Worker(fleet.bench, fleet.root, "1")
    fleet.gone.append(worker)
    for moment in moments:
        if moment.actor[0] % 2 == 1:
            assert worker.turn(moment.actor) == moment.turn
            assert worker.index.get(KEY, moment.actor) == moment.turn
            assert worker.write(moment.actor).bookmark > moment.bookmark
