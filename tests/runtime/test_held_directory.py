"""What a process without actors does to a data directory; the rest is in test_supervised.py."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from perdure.runtime.config.model import MigrationStep, PerdureConfig, WorkerConfig
from perdure.runtime.held_directory import HeldDirectory
from perdure.runtime.shards.placement import Placement
from perdure.storage.directory import DataDirectory
from perdure.storage.errors import DirectoryInUse, StorageError
from perdure.storage.saved_alarms import SavedAlarms
from tests.world import FakeClock

ACTOR = bytes(32)
CREATE = MigrationStep("v1", new_sqlite_classes=("Room",))
DELETE = MigrationStep("v2", deleted_classes=("Room",))


def config(*steps: MigrationStep) -> WorkerConfig:
    path = Path("/app/wrangler.toml")
    return WorkerConfig("app", path.with_name("main.py"), path, path.parent, migrations=steps)


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[HeldDirectory]:
    held = HeldDirectory(tmp_path / "data", FakeClock())
    await held.open(await held.plan(config()), config())
    yield held
    held.close()


async def test_what_no_server_has_used_is_left_alone_until_it_is_opened(tmp_path: Path) -> None:
    root = tmp_path / "data"
    held = HeldDirectory(root, FakeClock())
    held.open_if_used()
    assert not root.exists()
    await held.open(await held.plan(config()), config())
    held.close()
    with DataDirectory.open(root), pytest.raises(DirectoryInUse):
        HeldDirectory(root, FakeClock()).open_if_used()


async def test_a_plan_is_not_for_a_directory_that_another_server_has_used_since(
    tmp_path: Path,
) -> None:
    late, early = (HeldDirectory(tmp_path / "data", FakeClock()) for _ in range(2))
    late.open_if_used()
    planned = await late.plan(config(CREATE))
    await early.open(planned, config(CREATE))
    await early.apply(planned, ("0",))
    early.close()
    with pytest.raises(StorageError, match="Start this one again"):
        await late.open(planned, config(CREATE))
    late.close()


async def test_migrations_are_planned_and_then_applied_once(held: HeldDirectory) -> None:
    placement = Placement.of_count(2)
    held.recover(placement)
    planned = await held.plan(config(CREATE))
    assert [step.tag for step in planned.steps] == ["v1"]
    await held.apply(planned, placement.slots)
    assert (await held.plan(config(CREATE))).steps == ()


async def test_who_is_deleted_has_no_alarm_in_any_slot(held: HeldDirectory) -> None:
    placement = Placement.of_count(3)
    await held.apply(await held.plan(config(CREATE)), placement.slots)
    slot = placement.slot_of("app-Room", ACTOR)
    assert saved(held, slot, {("app-Room", ACTOR): (5, None)}) == 1
    planned = await held.plan(config(CREATE, DELETE))
    assert planned.is_destructive
    await held.apply(planned, placement.slots)
    assert saved(held, slot, {}) == 0


async def test_files_of_sandboxes_go_with_their_objects(held: HeldDirectory) -> None:
    placement = Placement.of_count(1)
    await held.apply(await held.plan(config(CREATE)), placement.slots)
    file = held.layout.actor_file("app-Room", ACTOR)
    file.parent.mkdir(parents=True)
    file.touch()
    kept = held.layout.sandboxes_dir / ("f" * 64) / "workspace"
    gone = held.layout.sandboxes_dir / ACTOR.hex() / "workspace"
    for folder in (kept, gone):
        folder.mkdir(parents=True)
    await held.apply(await held.plan(config(CREATE, DELETE)), placement.slots)
    held.purge_trash(config(CREATE, DELETE))
    assert gone.exists(), "as long as the objects are in the trash"
    without_trash = replace(config(CREATE, DELETE), perdure=PerdureConfig(trash_retention_days=0))
    held.purge_trash(without_trash)
    assert not gone.parent.exists()
    assert kept.exists()
    assert list(held.layout.trash_dir.iterdir()) == []


def test_alarms_follow_the_placement(held: HeldDirectory) -> None:
    one, many = Placement.of_count(1), Placement.of_count(7)
    there = many.slot_of("app-Room", ACTOR)
    assert there != "0"
    assert saved(held, "0", {("app-Room", ACTOR): (5, None)}) == 1
    held.recover(many)
    assert [saved(held, slot, {}) for slot in ("0", there)] == [0, 1]
    held.distribute_alarms(one)
    assert saved(held, "0", {}) == 1


def saved(
    held: HeldDirectory, slot: str, more: "dict[tuple[str, bytes], tuple[int, str | None]]"
) -> int:
    """Save ``more`` alarms; return how many there are in the file of ``slot``."""
    file = SavedAlarms(held.layout.alarms_file_of(slot))
    try:
        if more:
            file.write(dict(more))
        return len(list(file.rows()))
    finally:
        file.close()
