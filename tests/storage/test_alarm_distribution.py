"""Alarms change files when other slots serve: none is lost, none comes late, whatever happens."""

import errno
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from perdure.storage import alarm_distribution
from perdure.storage.alarm_distribution import (
    distribute_alarms,
    in_first_slot,
    save_recovered_alarms,
)
from perdure.storage.errors import DatabaseFailed, InternalError, StorageError
from perdure.storage.layout import Layout, slot_of_alarms
from perdure.storage.saved_alarms import SavedAlarms
from tests.failing import fails_with

KEY = "app-Room"
ACTORS = [bytes([number]) * 32 for number in range(12)]
TRUTH = {actor: 100 + number for number, actor in enumerate(ACTORS)}
Rows = dict[str, dict[bytes, tuple[int, str | None]]]


def by_remainder(count: int) -> Callable[[str, bytes], str]:
    return lambda _, actor_id: str(actor_id[0] % count)


def slots(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def rows(layout: Layout) -> Rows:
    found: Rows = {}
    for path in sorted(layout.root.glob("alarms*.db")):
        slot = slot_of_alarms(path.name)
        assert slot is not None
        file = SavedAlarms(path)
        found[slot] = {actor: (time_ms, name) for _, actor, time_ms, name in file.rows()}
        file.close()
    return found


def write(layout: Layout, slot: str, alarms: dict[bytes, tuple[int, str | None]]) -> None:
    file = SavedAlarms(layout.alarms_file_of(slot))
    file.write({(KEY, actor): saved for actor, saved in alarms.items()})
    file.close()


def distributed(count: int) -> Rows:
    """What is where when all is in its place."""
    expected: Rows = {}
    for actor, time_ms in TRUTH.items():
        expected.setdefault(str(actor[0] % count), {})[actor] = (time_ms, None)
    return expected


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A directory whose one process had all alarms."""
    layout = Layout(tmp_path / "data")
    layout.root.mkdir()
    write(layout, "0", {actor: (time_ms, None) for actor, time_ms in TRUTH.items()})
    return layout


def test_each_alarm_goes_where_its_actor_is(layout: Layout) -> None:
    for count in (3, 2, 5, 1):
        distribute_alarms(layout, slots(count), by_remainder(count))
        assert rows(layout) == distributed(count)
    assert sorted(path.name for path in layout.root.iterdir()) == ["alarms.db"]


def test_a_directory_without_alarms_has_none_afterwards(tmp_path: Path) -> None:
    assert distribute_alarms(Layout(tmp_path), slots(2), by_remainder(2)) == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_where_all_is_in_its_place(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert distribute_alarms(layout, slots(3), by_remainder(3)) == 8
    before = {path: path.stat().st_mtime_ns for path in layout.root.iterdir()}
    monkeypatch.setattr("perdure.storage.saved_alarms.sync_directory", fails_with(errno.EIO))
    assert distribute_alarms(layout, slots(3), by_remainder(3)) == 0
    assert {path: path.stat().st_mtime_ns for path in layout.root.iterdir()} == before


def test_of_an_actor_in_two_files_the_earlier_time_counts(layout: Layout) -> None:
    """So it is after a distribution that was cut short, or a move that the source outlived."""
    a, b = ACTORS[1], ACTORS[2]
    write(layout, "1", {a: (50, None), b: (500, "b")})
    write(layout, "2", {a: (70, "a")})
    distribute_alarms(layout, slots(1), in_first_slot)
    found = rows(layout)["0"]
    assert found[a] == (50, "a")
    assert found[b] == (TRUTH[b], "b")


def test_what_the_logs_say_goes_where_its_actor_is(layout: Layout) -> None:
    a, b, c = ACTORS[0], ACTORS[1], ACTORS[2]
    write(layout, "0", {b: (30, "b")})
    distribute_alarms(layout, slots(3), by_remainder(3))
    new = bytes([14]) * 32
    alarms = {(KEY, a): 7, (KEY, b): 9, (KEY, c): None, (KEY, new): 11}
    save_recovered_alarms(layout, by_remainder(3), alarms)
    found = rows(layout)
    assert found["0"][a] == (7, None)
    assert found["1"][b] == (9, "b")
    assert c not in found["2"]
    assert found["2"][new] == (11, None)


def test_an_actor_in_a_slot_that_does_not_serve_is_a_bug(layout: Layout) -> None:
    with pytest.raises(InternalError, match="slot '2', which does not serve"):
        distribute_alarms(layout, slots(2), by_remainder(3))
    assert rows(layout) == {"0": {a: (t, None) for a, t in TRUTH.items()}}


def test_a_file_that_cannot_be_deleted_is_told_of(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribute_alarms(layout, slots(2), by_remainder(2))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", fails_with(errno.EACCES))
        with pytest.raises(StorageError, match=r"alarms-1\.db: cannot be deleted"):
            distribute_alarms(layout, slots(1), in_first_slot)
    assert rows(layout) == {**distributed(1), "1": {}}
    distribute_alarms(layout, slots(1), in_first_slot)
    assert rows(layout) == distributed(1)


class Steps:
    """Does something before each write and each deletion, and after the last."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
        self.count = 0
        self._act = act
        real_write, real_delete = SavedAlarms.write, SavedAlarms.delete

        def write(file: SavedAlarms, changes: object) -> None:
            self.step()
            real_write(file, changes)  # type: ignore[arg-type]  # handed on

        def delete(file: SavedAlarms) -> None:
            self.step()
            real_delete(file)

        monkeypatch.setattr(SavedAlarms, "write", write)
        monkeypatch.setattr(SavedAlarms, "delete", delete)

    def step(self) -> None:
        self.count += 1
        self._act(self.count)


def assert_never_late(layout: Layout) -> None:
    found = rows(layout)
    for actor, time_ms in TRUTH.items():
        times = [file[actor][0] for file in found.values() if actor in file]
        assert times, "it is nowhere"
        assert min(times) <= time_ms


@pytest.mark.parametrize("counts", [(1, 3), (3, 1), (3, 2)], ids=str)
def test_killed_at_each_step_nothing_is_lost_and_the_next_start_goes_on(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, counts: Sequence[int]
) -> None:
    before, after = counts
    distribute_alarms(layout, slots(before), by_remainder(before))
    left: list[Layout] = []

    def copy(number: int) -> None:
        """The files, with what lies beside them, as they are at this moment."""
        left.append(Layout(layout.root.with_name(f"copy-{number}")))
        shutil.copytree(layout.root, left[-1].root)

    with monkeypatch.context() as patched:
        steps = Steps(patched, copy)
        distribute_alarms(layout, slots(after), by_remainder(after))
        copy(steps.count + 1)
    assert len(left) >= 4
    for number, killed in enumerate(left):
        assert_never_late(killed)
        count = (after, before, 4)[number % 3]  # or the operator thinks better of it
        distribute_alarms(killed, slots(count), by_remainder(count))
        assert rows(killed) == distributed(count)


def test_a_disk_that_fails_at_any_step_is_no_loss(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribute_alarms(layout, slots(3), by_remainder(3))
    failing = 0
    is_done = False
    while not is_done:
        failing += 1

        def fail(number: int, failing: int = failing) -> None:
            if number == failing:
                raise DatabaseFailed(layout.root, "the disk is full", code="SQLITE_FULL")

        with monkeypatch.context() as patched:
            Steps(patched, fail)
            try:
                distribute_alarms(layout, slots(1), in_first_slot)
                is_done = True
            except DatabaseFailed:
                assert_never_late(layout)
        if not is_done:  # begin again from the same
            assert_never_late(layout)
            distribute_alarms(layout, slots(3), by_remainder(3))
            assert rows(layout) == distributed(3)
    assert failing > 5
    assert rows(layout) == distributed(1)


def test_all_targets_are_durable_before_a_source_forgets(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribute_alarms(layout, slots(3), by_remainder(3))
    order: list[str] = []
    real = SavedAlarms.write

    def write(file: SavedAlarms, changes: dict[object, object]) -> None:
        order.append("forgets" if None in changes.values() else "learns")
        real(file, changes)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(SavedAlarms, "write", write)
    distribute_alarms(layout, slots(4), by_remainder(4))
    assert order == sorted(order, reverse=True)
    assert set(order) == {"learns", "forgets"}


def test_what_is_there_is_looked_at_and_not_believed(layout: Layout) -> None:
    """No note says which slots the files are for: nothing can be out of date."""
    distribute_alarms(layout, slots(2), by_remainder(2))
    shutil.copy(layout.alarms_file_of("1"), layout.alarms_file_of("7"))
    assert alarm_distribution.distribute_alarms(layout, slots(2), by_remainder(2)) == 6
    assert rows(layout) == distributed(2)
