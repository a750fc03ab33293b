"""Applying migrations to a data directory.

Promise:
    Each step is applied once, whole or not at all, and its deletions are carried through: a
    start that is cut short is continued by the next one.
Assumes:
    The data directory is open, hence locked, and no actor of it is running.
Rules for editing this file:
    What a crash may leave behind is read from the catalog alone, where the files of a namespace
    that is ``deleting`` may be in their place, in the trash, or nowhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from ...storage.catalog import (
    Catalog,
    CatalogStep,
    CreateNamespace,
    DeleteNamespace,
    RenameNamespace,
    TransferNamespace,
)
from ...storage.catalog import Change as CatalogChange
from ...storage.directory import DataDirectory
from ...storage.layout import Layout
from ...storage.marks import Marks
from ..config.errors import Problem
from ..config.model import WorkerConfig
from ..config.positions import path_text
from .export_plan import plan_exports
from .migration_plan import (
    Change,
    Created,
    Deleted,
    MigrationPlan,
    MigrationRefused,
    Recorded,
    Renamed,
    plan,
)


async def read_recorded(catalog: Catalog, worker: str) -> Recorded:
    """Return what a catalog knows that matters to one Worker."""
    return Recorded(
        workers=await catalog.worker_names(),
        applied_tags=await catalog.applied_tags(worker),
        namespaces=await catalog.namespaces(),
    )


async def peek(layout: Layout, worker: str) -> Recorded:
    """Return the same of a data directory that is not open, and need not exist; it is not made.

    Raises:
        StorageError: There is a catalog, and it cannot be read.
    """
    if not layout.catalog_file.exists():
        return Recorded()
    async with await Catalog.open(layout.catalog_file) as catalog:
        return await read_recorded(catalog, worker)


async def plan_for(config: WorkerConfig, layout: Layout) -> MigrationPlan:
    """Return what the migrations of ``config`` would do to a directory; nothing is touched.

    Args:
        config: What is to be run, with the Workers that are started together with it.
        layout: Of the directory, which need not be open, nor exist.

    Raises:
        MigrationRefused: Configuration and data directory do not fit.
        StorageError: There is a catalog, and it cannot be read.
    """
    names = {program.name for program in config.programs}
    plans = []
    problems: list[Problem] = []
    for program in config.programs:
        recorded = await peek(layout, program.name)
        plan_one = plan if program.exports is None else plan_exports
        try:
            plans.append(plan_one(program, recorded, names))
        except MigrationRefused as refused:
            problems += refused.problems
    if problems:
        raise MigrationRefused(*problems)
    first, *others = plans
    # Each has seen all deletions that are not finished; the first one finishes them.
    planned = replace(first, others=tuple(replace(other, unfinished=()) for other in others))
    if problems := list(_lost_bindings(config, planned)):
        raise MigrationRefused(*problems)
    return planned


def _lost_bindings(config: WorkerConfig, plan: MigrationPlan) -> Iterator[Problem]:
    """Yield bindings to classes that another Worker of the same start does not have.

    Args:
        config: All of them.
        plan: Theirs.
    """
    namespaces = plan.all_namespaces
    for program in config.programs:
        for index, binding in enumerate(program.bindings):
            script, name = program.owner_of(binding), binding.class_name
            if script == program.name or script not in namespaces or name in namespaces[script]:
                continue
            key = path_text(("durable_objects", "bindings", index, "class_name"))
            message = f'The Worker "{script}" has no objects of "{name}".'
            hint = f"Its configuration has {', '.join(namespaces[script]) or 'none'}."
            yield Problem(program.path, key, binding.line, None, message, hint)


class NamespaceAlarms(Protocol):
    """Saved alarms, as far as a deletion is concerned: is ``AlarmIndex``."""

    def remove_namespace(self, unique_key: str) -> None: ...


async def apply(
    planned: MigrationPlan,
    catalog: Catalog,
    directory: DataDirectory,
    alarms: NamespaceAlarms,
    marks: Marks,
    now_ms: int,
) -> None:
    """Carry out a plan that was made from this catalog, and finish what was begun before.

    Args:
        planned: See ``plan_for``.
        catalog: Of the data directory.
        directory: The data directory.
        alarms: Of the data directory; deleted namespaces lose theirs.
        marks: Likewise.
        now_ms: Unix time in milliseconds.
    """
    ground = _Ground(catalog, directory, alarms, marks, now_ms)
    for unique_key in planned.unfinished:
        await ground.bury(unique_key)
    for each in planned.plans:
        await ground.apply(each)


async def carry_out(
    planned: MigrationPlan,
    directory: DataDirectory,
    alarms: NamespaceAlarms,
    marks: Marks,
    now_ms: int,
) -> None:
    """Apply a plan that was made from this directory, which nobody has changed since.

    Args:
        planned: See ``plan_for``.
        directory: The data directory; its catalog is made if it has none.
        alarms: As for ``apply``.
        marks: Likewise.
        now_ms: Unix time in milliseconds.
    """
    async with await Catalog.open(directory.layout.catalog_file) as catalog:
        await apply(planned, catalog, directory, alarms, marks, now_ms)


@dataclass(frozen=True, slots=True)
class _Ground:
    """All that a plan changes; see ``apply``."""

    catalog: Catalog
    directory: DataDirectory
    alarms: NamespaceAlarms
    marks: Marks
    now_ms: int

    async def apply(self, planned: MigrationPlan) -> None:
        """Carry out the plan of one Worker."""
        await self.catalog.record_worker(planned.worker)
        for step in planned.steps:
            changes = tuple(_to_record(change) for change in step.changes)
            await self.catalog.apply(CatalogStep(planned.worker, step.tag, self.now_ms, changes))
            for change in step.changes:
                if isinstance(change, Deleted):
                    await self.bury(change.namespace.unique_key)

    async def bury(self, unique_key: str) -> None:
        """Go on with the deletion of a namespace that is ``deleting``, wherever it stopped."""
        self.directory.move_to_trash(unique_key, self.now_ms)
        self.alarms.remove_namespace(unique_key)
        self.marks.clear_namespace(unique_key)
        await self.catalog.mark_deleted(unique_key)


def _to_record(change: Change) -> CatalogChange:
    key, class_name = change.namespace.unique_key, change.namespace.class_name
    if isinstance(change, Created):
        return CreateNamespace(key, class_name, change.namespace.storage)
    if isinstance(change, Renamed):
        return RenameNamespace(key, class_name)
    if isinstance(change, Deleted):
        return DeleteNamespace(key)
    return TransferNamespace(key, class_name)
