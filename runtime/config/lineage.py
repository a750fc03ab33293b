"""What a list of migrations makes of a Worker's classes, and whether it can.

Here the steps are checked against themselves and against the bindings;
``runtime/host/migrations.py`` checks them against the data that exists.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .durable_objects import Bindings
from .errors import closest
from .model import MigrationStep, RenamedClass, TransferredClass
from .positions import KeyPath
from .report import Report
from .snippets import migration, setting

Refusal = tuple[str, int, str]  # the list's key, the index in it, what is wrong


@dataclass(slots=True)
class Lineage:
    """The classes as the steps so far leave them.

    Attributes:
        live: Class name to its storage, ``kv`` or ``sqlite``; None for a transferred class, whose
            storage is known where it comes from.
        gone: Class name to what became of it, for instance ``deleted by migration "v2"``.
        renamed: Former class name to the name today.
    """

    live: dict[str, str | None] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)

    def take(self, step: MigrationStep, worker_name: str) -> Iterator[Refusal]:
        """Let a step take effect, in wrangler's order; yield what of it cannot."""
        for index, name in enumerate(step.deleted_classes):
            yield from self._delete(index, name, step.tag)
        for index, rename in enumerate(step.renamed_classes):
            yield from self._rename(index, rename, step.tag)
        for index, name in enumerate(step.new_classes):
            yield from self._create("new_classes", index, name, "kv")
        for index, name in enumerate(step.new_sqlite_classes):
            yield from self._create("new_sqlite_classes", index, name, "sqlite")
        for index, transfer in enumerate(step.transferred_classes):
            yield from self._transfer(index, transfer, worker_name)

    def _delete(self, index: int, name: str, tag: str) -> Iterator[Refusal]:
        if name not in self.live:
            yield _refusal("deleted_classes", index, "non-existent", name)
        self.live.pop(name, None)
        self.gone[name] = f'deleted by migration "{tag}"'
        self.renamed = {old: new for old, new in self.renamed.items() if new != name}

    def _rename(self, index: int, rename: RenamedClass, tag: str) -> Iterator[Refusal]:
        old, new = rename.from_class, rename.to_class
        if old not in self.live:
            yield _refusal("renamed_classes", index, "non-existent", old)
        storage = self.live.pop(old, None)
        if new in self.live:
            yield _refusal("renamed_classes", index, "existing", new)
        self.gone[old] = f'renamed to "{new}" by migration "{tag}"'
        self.renamed = {k: new if v == old else v for k, v in self.renamed.items()} | {old: new}
        self._appear(new, storage)

    def _create(self, key: str, index: int, name: str, storage: str) -> Iterator[Refusal]:
        if name in self.live:
            yield _refusal(key, index, "existing", name)
        self._appear(name, storage)

    def _transfer(
        self, index: int, transfer: TransferredClass, worker_name: str
    ) -> Iterator[Refusal]:
        if transfer.to_class in self.live:
            yield _refusal("transferred_classes", index, "existing", transfer.to_class)
        if transfer.from_script == worker_name:
            message = f'"{worker_name}" is this Worker itself; within it, use renamed_classes.'
            yield "transferred_classes", index, message
        self._appear(transfer.to_class, None)

    def _appear(self, name: str, storage: str | None) -> None:
        self.live[name] = storage
        self.gone.pop(name, None)
        self.renamed.pop(name, None)


@dataclass(frozen=True, slots=True)
class Declared:
    """How a configuration declares classes.

    Attributes:
        missing: What is to be said of a class that it does not declare.
        way_to_add: Returns what to write to have a class of a name.
    """

    missing: str
    way_to_add: Callable[[str], str]


def check_migrations(
    report: Report, path: KeyPath, steps: Sequence[MigrationStep], worker_name: str
) -> Lineage:
    """Report steps that cannot take effect, and return the classes that remain.

    The steps stand at ``path``: ``migrations``, at the top level or in an environment.
    """
    seen: set[str] = set()
    lineage = Lineage()
    for index, step in enumerate(steps):
        if step.tag and step.tag in seen:
            message = f'The tag "{step.tag}" is used by an earlier migration.'
            hint = "A step is applied once, and known by its tag: give this one a tag of its own."
            report.error((*path, index, "tag"), message, hint)
        seen.add(step.tag)
        for key, item, message in lineage.take(step, worker_name):
            report.error((*path, index, key, item), message)
    return lineage


def check_classes(
    report: Report,
    worker_name: str,
    bindings: Bindings,
    lineage: Lineage,
    declared: Declared,
) -> None:
    """Report bindings to classes of this Worker that are not there, with what to write instead."""
    for binding, path in zip(bindings.items, bindings.paths, strict=True):
        name = binding.class_name
        if binding.script_name in {None, worker_name} and name not in lineage.live:
            what = f"was {lineage.gone[name]}" if name in lineage.gone else declared.missing
            message = f'The binding "{binding.name}" names the class "{name}", which {what}.'
            hint = _way_out(report.document.path, name, lineage, declared.way_to_add(name))
            report.error((*path, "class_name"), message, hint)


def step_for(path: Path, steps: Sequence[MigrationStep], class_name: str) -> str:
    """Return a migration step, as the file has them, that creates a class after ``steps``."""
    return migration(path, next_tag([s.tag for s in steps]), "new_sqlite_classes", [class_name])


def next_tag(tags: Sequence[str]) -> str:
    """Return an unused tag in the manner of those there are: ``v3`` after ``v2``."""
    last = re.fullmatch(r"(.*?)(\d+)", tags[-1]) if tags else None
    prefix, number = (last[1], int(last[2])) if last else ("v", len(tags))
    while (tag := f"{prefix}{number + 1}") in tags:
        number += 1
    return tag


def _way_out(path: Path, name: str, lineage: Lineage, addition: str) -> str:
    if today := lineage.renamed.get(name):
        return f"Write {setting(path, 'class_name', today)}."
    if name in lineage.gone:
        return f"Remove the binding; or, to have the class again with no data, add:\n{addition}"
    if slip := closest(name, lineage.live):
        return f'Did you mean "{slip}"? If {name} is a new class, add:\n{addition}'
    return f"Add:\n{addition}"


def _refusal(key: str, index: int, kind: str, name: str) -> Refusal:
    return key, index, f"Cannot apply {key} migration to {kind} class {name}"
