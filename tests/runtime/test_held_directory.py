"""What a process without actors does to a data directory; the rest is in test_supervised.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.config.model import MigrationStep, WorkerConfig
from perdure.runtime.held_directory import HeldDirectory
from perdure.runtime.shards.placement import Placement
from perdure.storage.directory import DataDirectory
from perdure.storage.saved_alarms import SavedAlarms
from tests.world import FakeClock

ACTOR = bytes(32)
CREATE = MigrationStep("v1", new_sqlite_classes=("Room",))
DELETE = MigrationStep("v2", deleted_classes=("Room",))


def config(*steps: MigrationStep) -> WorkerConfig:
    path = Path("/app/wrangler.toml")
    return WorkerConfig("app", path.with_name("main.py"), path, path.parent, migrations=steps)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[DataDirectory]:
    with DataDirectory.open(tmp_path / "data") as directory:
        yield directory


async def test_migrations_are_planned_and_then_applied_once(opened: DataDirectory) -> None:
    held = HeldDirectory(opened, FakeClock())
    placement = Placement.of_count(2)
    held.recover(placement)
    planned = await held.plan(config(CREATE))
    assert [step.tag for step in planned.steps] == ["v1"]
    await held.apply(planned, placement.slots)
    assert (await held.plan(config(CREATE))).steps == ()


async def test_who_is_deleted_has_no_alarm_in_any_slot(opened: DataDirectory) -> None:
    held = HeldDirectory(opened, FakeClock())
    placement = Placement.of_count(3)
    await held.apply(await held.plan(config(CREATE)), placement.slots)
    slot = placement.slot_of("app-Room", ACTOR)
    assert saved(opened, slot, {("app-Room", ACTOR): (5, None)}) == 1
    planned = await held.plan(config(CREATE, DELETE))
    assert planned.is_destructive
    await held.apply(planned, placement.slots)
    assert saved(opened, slot, {}) == 0


def test_alarms_follow_the_placement(opened: DataDirectory) -> None:
    held = HeldDirectory(opened, FakeClock())
    one, many = Placement.of_count(1), Placement.of_count(7)
    there = many.slot_of("app-Room", ACTOR)
    assert there != "0"
    assert saved(opened, "0", {("app-Room", ACTOR): (5, None)}) == 1
    held.recover(many)
    assert [saved(opened, slot, {}) for slot in ("0", there)] == [0, 1]
    held.distribute_alarms(one)
    assert saved(opened, "0", {}) == 1


def saved(
    opened: DataDirectory, slot: str, more: "dict[tuple[str, bytes], tuple[int, str | None]]"
) -> int:
    """Save ``more`` alarms; return how many there are in the file of ``slot``."""
    file = SavedAlarms(opened.layout.alarms_file_of(slot))
    try:
        if more:
            file.write(dict(more))
        return len(list(file.rows()))
    finally:
        file.close()
