"""Migrations applied in whatever portions come to the same."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.runtime.config.model import MigrationStep, RenamedClass, WorkerConfig
from perdure.runtime.host.migration_plan import Recorded, plan
from perdure.runtime.host.migrations import apply, read_recorded
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.catalog import Catalog
from perdure.storage.directory import DataDirectory
from perdure.storage.marks import Marks

NAMES = ("A", "B", "C", "D")


@st.composite
def histories(draw: st.DrawFn) -> Sequence[MigrationStep]:
    """Lists of steps in which each step fits what the earlier ones leave."""
    live: list[str] = []
    steps = []
    for number in range(draw(st.integers(1, 6))):
        deleted = draw(st.lists(st.sampled_from(live), unique=True)) if live else []
        live = [name for name in live if name not in deleted]
        renamed = []
        for old in draw(st.lists(st.sampled_from(live), unique=True)) if live else []:
            if free := [name for name in NAMES if name not in live]:
                new = draw(st.sampled_from(free))
                live[live.index(old)] = new
                renamed.append(RenamedClass(old, new))
        free = [name for name in NAMES if name not in live]
        created = draw(st.lists(st.sampled_from(free), unique=True)) if free else []
        in_sqlite = [name for name in created if draw(st.booleans())]
        live += created
        steps.append(
            MigrationStep(
                f"v{number}",
                deleted_classes=tuple(deleted),
                renamed_classes=tuple(renamed),
                new_classes=tuple(name for name in created if name not in in_sqlite),
                new_sqlite_classes=tuple(in_sqlite),
            )
        )
    return steps


async def migrated(root: Path, portions: Sequence[Sequence[MigrationStep]]) -> Recorded:
    with DataDirectory.open(root) as directory:
        alarms = AlarmIndex(directory.layout.alarms_file)
        try:
            async with await Catalog.open(directory.layout.catalog_file) as catalog:
                for steps in portions:
                    config = WorkerConfig(
                        "w", Path("m.py"), Path("w.toml"), Path(), migrations=steps
                    )
                    made = plan(config, await read_recorded(catalog, "w"))
                    await apply(made, catalog, directory, alarms, Marks(directory.layout), 0)
                return await read_recorded(catalog, "w")
        finally:
            alarms.close()


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(histories(), st.data())
def test_a_prefix_and_then_all_is_all_at_once(
    steps: Sequence[MigrationStep], data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(steps)))
    with tempfile.TemporaryDirectory() as root:
        at_once = asyncio.run(migrated(Path(root, "a"), [steps]))
        in_two = asyncio.run(migrated(Path(root, "b"), [steps[:length], steps, steps]))
    assert in_two == at_once
    keys = [record.unique_key for record in at_once.namespaces]
    assert len(keys) == sum(len(s.new_classes) + len(s.new_sqlite_classes) for s in steps)
