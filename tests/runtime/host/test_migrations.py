"""Migrations applied to real data directories."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from perdure.runtime.config.model import (
    DurableObjectBinding,
    MigrationStep,
    RenamedClass,
    TransferredClass,
    WorkerConfig,
)
from perdure.runtime.host.migration_plan import MigrationPlan, MigrationRefused, Recorded, plan
from perdure.runtime.host.migrations import apply, peek, plan_for, read_recorded
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.catalog import Catalog, CatalogStep, DeleteNamespace
from perdure.storage.directory import DataDirectory
from perdure.storage.layout import Layout
from perdure.storage.marks import Marks

NOW_MS = 1_700_000_000_000
V1 = MigrationStep("v1", new_sqlite_classes=("Room", "Hall"), new_classes=("Draft",))
V2 = MigrationStep("v2", deleted_classes=("Hall",), renamed_classes=(RenamedClass("Room", "Cell"),))
V3 = MigrationStep("v3", new_sqlite_classes=("Hall", "Room"))
ID = bytes(32)


@dataclass
class Opened:
    catalog: Catalog
    directory: DataDirectory
    alarms: AlarmIndex
    marks: Marks

    async def migrate(self, *steps: MigrationStep, name: str = "chat") -> MigrationPlan:
        config = WorkerConfig(name, Path("main.py"), Path("w.toml"), Path(), migrations=steps)
        made = plan(config, await read_recorded(self.catalog, name))
        await apply(made, self.catalog, self.directory, self.alarms, self.marks, NOW_MS)
        return made

    async def states(self) -> Mapping[str, str]:
        return {r.unique_key: r.state for r in await self.catalog.namespaces()}

    def put_object(self, unique_key: str) -> Path:
        path = self.directory.layout.actor_file(unique_key, ID)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"data of " + unique_key.encode())
        self.alarms.put(unique_key, ID, NOW_MS, None)
        self.marks.set("quarantine", unique_key, ID, {})
        return path


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[Opened]:
    with DataDirectory.open(root) as directory:
        alarms = AlarmIndex(directory.layout.alarms_file)
        try:
            async with await Catalog.open(directory.layout.catalog_file) as catalog:
                yield Opened(catalog, directory, alarms, Marks(directory.layout))
        finally:
            alarms.close()


async def test_each_tag_is_applied_once_and_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        first = await it.migrate(V1)
        assert [step.tag for step in first.steps] == ["v1"]
        assert await it.catalog.applied_tags("chat") == ["v1"]
        assert await it.catalog.worker_names() == ["chat"]
        assert (await it.migrate(V1)).steps == ()
        second = await it.migrate(V1, V2)
        assert [step.tag for step in second.steps] == ["v2"]
        assert await it.catalog.applied_tags("chat") == ["v1", "v2"]


async def test_the_plan_says_what_the_catalog_then_holds(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        made = await it.migrate(V1, V2, V3)
        live = {
            r.class_name: (r.unique_key, r.storage)
            for r in await it.catalog.namespaces("chat")
            if r.state == "live"
        }
        assert live == {c: (n.unique_key, n.storage) for c, n in made.namespaces.items()}
        assert live == {
            "Cell": ("chat-Room", "sqlite"),
            "Draft": ("chat-Draft", "kv"),
            "Hall": ("chat-Hall-2", "sqlite"),
            "Room": ("chat-Room-2", "sqlite"),
        }


async def test_a_worker_without_migrations_is_recorded_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        await it.migrate()
        assert await it.catalog.worker_names() == ["chat"]


async def test_a_renamed_class_keeps_its_files(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        await it.migrate(V1)
        path = it.put_object("chat-Room")
        made = await it.migrate(V1, V2)
        key = made.namespaces["Cell"].unique_key
        assert it.directory.layout.actor_file(key, ID) == path
        assert path.read_bytes() == b"data of chat-Room"
        assert it.alarms.get("chat-Room", ID) == NOW_MS


async def test_a_deleted_class_goes_to_the_trash_and_its_alarms_and_marks_away(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as it:
        await it.migrate(V1)
        path = it.put_object("chat-Hall")
        await it.migrate(V1, V2)
        assert not path.exists()
        (entry,) = it.directory.layout.trash_dir.iterdir()
        assert entry == it.directory.layout.trash_entry("chat-Hall", NOW_MS)
        (file,) = [p for p in entry.rglob("*") if p.is_file()]
        assert file.read_bytes() == b"data of chat-Hall"
        assert (await it.states())["chat-Hall"] == "deleted"
        assert it.alarms.get("chat-Hall", ID) is None
        assert it.marks.get("quarantine", "chat-Hall", ID) is None


async def test_a_class_created_again_starts_empty_under_another_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        await it.migrate(V1)
        it.put_object("chat-Hall")
        made = await it.migrate(V1, V2, V3)
        assert made.namespaces["Hall"].unique_key == "chat-Hall-2"
        assert not it.directory.layout.namespace_dir("chat-Hall-2").exists()


class Killed(BaseException):
    """The process ends here."""


KILLS = [
    (DataDirectory, "move_to_trash", "deleting"),
    (AlarmIndex, "remove_namespace", "deleting"),
    (Catalog, "mark_deleted", "deleting"),
]


@pytest.mark.parametrize(("owner", "method", "state"), KILLS, ids=[kill[1] for kill in KILLS])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_deletion_cut_short_is_finished_by_the_next_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    method: str,
    state: str,
    when: str,
) -> None:
    async with opened(tmp_path) as it:
        await it.migrate(V1)
        it.put_object("chat-Hall")

    real = getattr(owner, method)

    def killed(self: object, *args: object) -> None:
        if when == "after" and owner is not Catalog:
            real(self, *args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, killed)
        async with opened(tmp_path) as it:
            with pytest.raises(Killed):
                await it.migrate(V1, V2)

    async with opened(tmp_path) as it:
        assert (await it.states())["chat-Hall"] == state
        assert await it.catalog.applied_tags("chat") == ["v1", "v2"]
        made = await it.migrate(V1, V2, V3)
        assert made.unfinished == ("chat-Hall",)
        assert not made.is_destructive
        assert (await it.states())["chat-Hall"] == "deleted"
        assert len(list(it.directory.layout.trash_dir.iterdir())) == 1
        assert not it.directory.layout.namespace_dir("chat-Hall").exists()
        assert it.alarms.get("chat-Hall", ID) is None
        assert (await it.migrate(V1, V2, V3)).unfinished == ()


async def test_a_start_killed_between_two_steps_goes_on_at_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Catalog.apply
    tags: list[str] = []

    async def killed(self: Catalog, step: object) -> None:
        if tags:
            raise Killed
        tags.append("v1")
        await real(self, step)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "apply", killed)
        async with opened(tmp_path) as it:
            with pytest.raises(Killed):
                await it.migrate(V1, V2)
    async with opened(tmp_path) as it:
        assert await it.catalog.applied_tags("chat") == ["v1"]
        assert [step.tag for step in (await it.migrate(V1, V2)).steps] == ["v2"]


async def test_a_worker_takes_a_class_over_from_another(tmp_path: Path) -> None:
    take = MigrationStep("first", transferred_classes=(TransferredClass("Room", "chat", "Mine"),))
    async with opened(tmp_path) as it:
        await it.migrate(V1)
        path = it.put_object("chat-Room")
        made = await it.migrate(take, name="talk")
        assert made.namespaces["Mine"].unique_key == "chat-Room"
        assert path.exists()
        assert await it.catalog.worker_names() == ["chat", "talk"]
        # And both go on from there.
        assert "Room" not in (await it.migrate(V1)).namespaces
        assert (await it.migrate(take, name="talk")).steps == ()


async def test_a_look_at_a_directory_that_is_not_there_makes_none(tmp_path: Path) -> None:
    root = tmp_path / "state"
    assert await peek(Layout(root), "chat") == Recorded()
    assert not root.exists()


async def test_a_look_beside_a_running_server_sees_what_it_has(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        await it.migrate(V1)
        seen = await peek(Layout(tmp_path), "chat")
        assert seen == await read_recorded(it.catalog, "chat")
        assert seen.applied_tags == ["v1"]


def start_of(*bindings: DurableObjectBinding, steps: Sequence[MigrationStep] = ()) -> WorkerConfig:
    """The Worker ``chat``, which has these bindings, together with ``hall``."""
    hall = WorkerConfig("hall", Path("hall.py"), Path("h.toml"), Path(), migrations=steps)
    return WorkerConfig(
        *("chat", Path("main.py"), Path("w.toml"), Path()), bindings=bindings, others=(hall,)
    )


async def test_a_start_of_several_workers_plans_for_all_of_them(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        await it.migrate(V1, name="hall")
        config = start_of(DurableObjectBinding("CELL", "Cell", "hall"), steps=(V1, V2))
        planned = await plan_for(config, it.directory.layout)
        assert [each.worker for each in planned.plans] == ["chat", "hall"]
        assert planned.is_destructive
        assert [it.class_name for it in planned.all_destroyed] == ["Hall"]
        await apply(planned, it.catalog, it.directory, it.alarms, it.marks, NOW_MS)
        assert await it.catalog.worker_names() == ["chat", "hall"]
        assert await it.catalog.applied_tags("hall") == ["v1", "v2"]
        assert planned.all_namespaces["hall"]["Cell"].unique_key == "hall-Room"


async def test_a_deletion_cut_short_is_finished_once_by_workers_that_start_together(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as it:
        await it.migrate(V1, name="hall")
        it.put_object("hall-Hall")
        gone = CatalogStep("hall", "v2", NOW_MS, (DeleteNamespace("hall-Hall"),))
        await it.catalog.apply(gone)  # and then the power failed
        deleting = MigrationStep("v2", deleted_classes=("Hall",))
        planned = await plan_for(start_of(steps=(V1, deleting)), it.directory.layout)
        assert [each.unfinished for each in planned.plans] == [("hall-Hall",), ()]
        await apply(planned, it.catalog, it.directory, it.alarms, it.marks, NOW_MS)
        assert (await it.states())["hall-Hall"] == "deleted"


async def test_a_binding_to_no_class_of_another_worker_is_refused(tmp_path: Path) -> None:
    binding = DurableObjectBinding("ATTIC", "Attic", "hall", line=4)
    with pytest.raises(MigrationRefused) as raised:
        await plan_for(start_of(binding, steps=(V1,)), Layout(tmp_path))
    (problem,) = raised.value.problems
    assert problem.message == 'The Worker "hall" has no objects of "Attic".'
    assert problem.hint == "Its configuration has Draft, Room, Hall."
    assert problem.line == 4
    absent = DurableObjectBinding("ATTIC", "Attic", "barn")
    assert (await plan_for(start_of(absent, steps=(V1,)), Layout(tmp_path))).plans


async def test_what_is_wrong_with_each_worker_of_a_start_is_told_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        before = replace(start_of(steps=(V1, V2)), migrations=(V1,))
        planned = await plan_for(before, it.directory.layout)
        await apply(planned, it.catalog, it.directory, it.alarms, it.marks, NOW_MS)
        with pytest.raises(MigrationRefused) as raised:
            await plan_for(start_of(steps=(V1,)), it.directory.layout)
    assert [problem.file for problem in raised.value.problems] == [Path("w.toml"), Path("h.toml")]
