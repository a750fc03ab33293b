"""What the ``exports`` of a configuration would do to a data directory.

# Pure: it compares two descriptions, as ``migration_plan.py`` does; ``migrations.py`` carries out
# the plan.

``exports`` says how the classes are to be, not how they come to be so. Each start compares that
with the namespaces that the catalog has, and what differs is one step, under a tag of its own.
Whatever was done stays declared without effect: a class that is deleted, or has its new name, is
not there to be deleted or renamed again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ..config.errors import Problem
from ..config.exports import renamed_at_last
from ..config.model import ExportedClass, WorkerConfig
from ..config.positions import path_text
from ..config.snippets import export
from .migration_plan import (
    EXPORTS_TAG,
    Change,
    Created,
    Deleted,
    MigrationPlan,
    MigrationRefused,
    Namespace,
    PlannedStep,
    Planning,
    Recorded,
    Renamed,
    Transferred,
    free_key,
    other_worker,
)

STORAGES: Mapping[str, str] = {"sqlite": "sqlite", "kv": "legacy-kv"}


def plan_exports(
    config: WorkerConfig, recorded: Recorded, beside: Collection[str] = frozenset()
) -> MigrationPlan:
    """Compare a configuration that has ``exports`` with what a data directory knows.

    Args:
        config: Of one Worker.
        recorded: What the directory knows.
        beside: The names of the Workers that are started with it, who share the directory.

    Raises:
        MigrationRefused: They do not fit; the problems say how they can.
    """
    exports = config.exports or ()
    sources = {one.transfer_from for one in exports if one.transfer_from is not None}
    if problem := other_worker(config, recorded, {*sources, *beside}):
        raise MigrationRefused(problem)
    planning = _Planning(config, exports, recorded)
    changes = tuple(planning.changes())
    planning.check_unnamed()
    planning.raise_problems()
    return MigrationPlan(
        worker=config.name,
        steps=(PlannedStep(_next_tag(recorded.applied_tags), changes),) if changes else (),
        namespaces=planning.live,
        destroyed=tuple(change for change in changes if isinstance(change, Deleted)),
        unfinished=tuple(r.unique_key for r in recorded.namespaces if r.state == "deleting"),
    )


def _next_tag(applied: Sequence[str]) -> str:
    number = 1 + sum(tag.startswith(EXPORTS_TAG) for tag in applied)
    while (tag := f"{EXPORTS_TAG}{number}") in applied:
        number += 1
    return tag


class _Planning(Planning):
    """One run of ``plan_exports``."""

    def __init__(
        self, config: WorkerConfig, exports: Sequence[ExportedClass], recorded: Recorded
    ) -> None:
        super().__init__(config, recorded)
        self._exports = {one.name: one for one in exports}
        self._owners = {r.unique_key: r.worker for r in recorded.namespaces if r.state == "live"}
        self._keys = {record.unique_key for record in recorded.namespaces}

    def changes(self) -> Iterator[Change]:
        """Make ``live`` what is declared: deletions first, then renames, then what is new."""
        for one in self._exports.values():
            if one.state == "deleted" and (namespace := self.live.pop(one.name, None)):
                yield Deleted(namespace)
        former: dict[str, list[str]] = {}
        for one in self._exports.values():
            final = renamed_at_last(self._exports, one) if one.renamed_to else None
            if final is not None:
                former.setdefault(final, []).append(one.name)
        for one in self._exports.values():
            yield from self._rename(one, former.get(one.name, []))
        for one in self._exports.values():
            if one.state in {"created", "expecting-transfer"} and one.name not in self.live:
                yield from self._begin(one, former.get(one.name, []))

    def check_unnamed(self) -> None:
        """Check that each class which has objects is declared."""
        for name, namespace in self.live.items():
            if name not in self._exports:
                back = export(self._config.path, name, storage=STORAGES[namespace.storage])
                gone = export(self._config.path, name, state="deleted")
                message = (
                    f'The data directory has objects of the class "{name}", which `exports` does '
                    "not name."
                )
                hint = f"Add:\n{back}\nor, to be rid of its objects:\n{gone}"
                self._problems.append(
                    Problem(self._config.path, "exports", None, None, message, hint)
                )

    def _rename(self, one: ExportedClass, former: Sequence[str]) -> Iterator[Change]:
        """Give the objects of former names to a class, and check how they are stored."""
        having = [name for name in (one.name, *former) if name in self.live]
        if len(having) > 1:
            names = " and ".join(f'"{name}"' for name in having)
            message = f"There are objects of {names}, which would be one class."
            self._refuse(one, message, "Delete one of them in a start of its own before.")
            return
        if having and one.name not in self.live:
            namespace = replace(self.live.pop(having[0]), class_name=one.name)
            self.live[one.name] = namespace
            yield Renamed(having[0], namespace)
        if one.state in {"created", "expecting-transfer"} and one.name in self.live:
            self._check_storage(one, self.live[one.name])

    def _begin(self, one: ExportedClass, former: Sequence[str]) -> Iterator[Change]:
        if one.transfer_from is not None:
            yield from self._take_over(one, one.transfer_from)
            return
        if heir := self._heir_of([one.name, *former]):
            message = f'The objects of "{one.name}" were taken over by "{heir}".'
            gone = export(self._config.path, one.name, state="transferred", transferred_to=heir)
            self._refuse(
                one, message, f"A new class needs another name. For this one, write:\n{gone}"
            )
            return
        key = free_key(self._config.name, one.name, self._keys)
        self._keys.add(key)
        self.live[one.name] = namespace = Namespace(key, one.name, one.storage)
        yield Created(namespace)

    def _take_over(self, one: ExportedClass, script: str) -> Iterator[Change]:
        if found := self._theirs.pop((script, one.name), None):
            self._check_storage(one, found)
            self.live[one.name] = found
            yield Transferred(script, one.name, found)
            return
        self._refuse(one, *self._not_taken_over(script, one.name))

    def _heir_of(self, names: Sequence[str]) -> str | None:
        """Return the Worker that has a namespace which began here under one of the names."""
        for name in names:
            first = f"{self._config.name}-{name}"
            for key, owner in self._owners.items():
                base, _, number = key.rpartition("-")
                begins = key == first or (base == first and number.isdecimal())
                if begins and owner != self._config.name:
                    return owner
        return None

    def _check_storage(self, one: ExportedClass, namespace: Namespace) -> None:
        if one.storage != namespace.storage:
            storage = STORAGES[namespace.storage]
            message = f'The class "{one.name}" was created with "{storage}", which is for good.'
            hint = f"Write:\n{export(self._config.path, one.name, storage=storage)}"
            self._refuse(one, message, hint)

    def _refuse(self, one: ExportedClass, message: str, hint: str) -> None:
        key = path_text(("exports", one.name))
        self._problems.append(Problem(self._config.path, key, one.line, None, message, hint))
