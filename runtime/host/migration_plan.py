"""What the migrations of a configuration would do to a data directory.

# Pure: it compares two descriptions; ``migrations.py`` reads the one and carries out the plan.

A step is applied once and recorded by its tag. A namespace gets its unique key when its class
is first created, ``<worker>-<class>``, and keeps it through renames and transfers, so that the
ids of its objects never change. The key of a deleted namespace is never given out again.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...storage.catalog import NamespaceRecord, Storage
from ...storage.errors import UsageError
from ..config.errors import Problem
from ..config.lineage import Lineage, next_tag
from ..config.model import MigrationStep, TransferredClass, WorkerConfig
from ..config.positions import path_text
from ..config.snippets import migration, setting

LISTS: Mapping[str, str] = {"kv": "new_classes", "sqlite": "new_sqlite_classes"}
# Under these, with a number, is recorded what ``exports`` changed, which has no tags.
EXPORTS_TAG = "exports:"
ANOTHER_DIRECTORY = "use another data directory: --data DIR"


class MigrationRefused(UsageError):
    """The configuration does not fit the data directory; nothing was changed.

    Attributes:
        problems: Why, each with what to do.
    """

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a data directory knows; all empty for one that is new.

    Attributes:
        workers: Names of the Workers that used it.
        applied_tags: Of this Worker, in the order they were applied.
        namespaces: Of all Workers, deleted ones included.
    """

    workers: Sequence[str] = ()
    applied_tags: Sequence[str] = ()
    namespaces: Sequence[NamespaceRecord] = ()


@dataclass(frozen=True, slots=True)
class Namespace:
    """The objects of one class.

    Attributes:
        unique_key: From which their ids are made, and under which their data lies.
        class_name: The class's name, once the plan is carried out.
        storage: ``sqlite``, or ``kv`` for a class without ``storage.sql``.
    """

    unique_key: str
    class_name: str
    storage: Storage


@dataclass(frozen=True, slots=True)
class Created:
    """A namespace that begins, empty."""

    namespace: Namespace

    def __str__(self) -> str:
        kind = "SQLite" if self.namespace.storage == "sqlite" else "key-value"
        return f"create {self.namespace.class_name} ({kind})"


@dataclass(frozen=True, slots=True)
class Renamed:
    """A namespace that goes on under another class name."""

    from_class: str
    namespace: Namespace

    def __str__(self) -> str:
        return f"rename {self.from_class} to {self.namespace.class_name}"


@dataclass(frozen=True, slots=True)
class Deleted:
    """A namespace that ends; its objects go to the trash."""

    namespace: Namespace

    @property
    def class_name(self) -> str:
        return self.namespace.class_name

    def __str__(self) -> str:
        return f"delete {self.namespace.class_name} and all its objects"


@dataclass(frozen=True, slots=True)
class Transferred:
    """A namespace that another Worker hands over."""

    from_script: str
    from_class: str
    namespace: Namespace

    def __str__(self) -> str:
        to = self.namespace.class_name
        return f"take over {self.from_class} of {self.from_script} as {to}"


Change = Created | Renamed | Deleted | Transferred
# By the names of Workers, and by those of classes.
NamespacesByWorker = Mapping[str, Mapping[str, Namespace]]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One tag that is due, and what it changes, in this order."""

    tag: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """What applying the migrations would do.

    Attributes:
        worker: The Worker's name.
        steps: The steps that are due.
        namespaces: Class name to namespace, once the steps are applied.
        destroyed: The deletions among the steps that end a namespace which exists by now.
        unfinished: Keys of namespaces whose deletion an earlier start began and did not finish.
        others: Those of Workers that are started together with this one.
    """

    worker: str
    steps: Sequence[PlannedStep]
    namespaces: Mapping[str, Namespace]
    destroyed: Sequence[Deleted]
    unfinished: Sequence[str]
    others: Sequence["MigrationPlan"] = ()

    @property
    def plans(self) -> Sequence["MigrationPlan"]:
        """This one, and those of the Workers that are started together with it."""
        return (self, *self.others)

    @property
    def is_destructive(self) -> bool:
        """Carrying it out puts objects that may exist into the trash."""
        return any(plan.destroyed for plan in self.plans)

    @property
    def all_destroyed(self) -> Sequence[Deleted]:
        """The deletions of all Workers that end a namespace which exists by now."""
        return [deleted for plan in self.plans for deleted in plan.destroyed]

    @property
    def all_namespaces(self) -> "NamespacesByWorker":
        """Those of all Workers, once the steps are applied."""
        return {plan.worker: plan.namespaces for plan in self.plans}


Confirm = Callable[[MigrationPlan], bool]
"""Asked before migrations delete data: whether they may."""


def agree(plan: MigrationPlan) -> bool:
    """Agree to everything, as ``--yes`` does."""
    del plan
    return True


def plan(
    config: WorkerConfig, recorded: Recorded, beside: Collection[str] = frozenset()
) -> MigrationPlan:
    """Compare a configuration with what a data directory knows.

    Args:
        config: Of one Worker.
        recorded: What the directory knows.
        beside: The names of the Workers that are started with it, who share the directory.

    Raises:
        MigrationRefused: They do not fit; the problems say how they can.
    """
    sources = {t.from_script for step in config.migrations for t in step.transferred_classes}
    problem = other_worker(config, recorded, {*sources, *beside}) or _other_tags(config, recorded)
    if problem:
        raise MigrationRefused(problem)
    planning = _Planning(config, recorded)
    planning.check_applied()
    planning.raise_problems()
    steps = [planning.step(step) for step in config.migrations[len(recorded.applied_tags) :]]
    planning.check_bindings()
    planning.raise_problems()
    existing = {record.unique_key for record in recorded.namespaces}
    deleted = [change for step in steps for change in step.changes if isinstance(change, Deleted)]
    return MigrationPlan(
        worker=config.name,
        steps=tuple(steps),
        namespaces=planning.live,
        destroyed=tuple(it for it in deleted if it.namespace.unique_key in existing),
        unfinished=tuple(r.unique_key for r in recorded.namespaces if r.state == "deleting"),
    )


def other_worker(
    config: WorkerConfig, recorded: Recorded, others: Collection[str]
) -> Problem | None:
    """Return what is wrong if a data directory is other Workers', and not to be entered.

    Args:
        config: What is to be run.
        recorded: What the directory knows.
        others: Workers that it may be of: those which something is to be taken over from, and
            those that are started together with this one.
    """
    if not recorded.workers or config.name in recorded.workers:
        return None
    if any(other in recorded.workers for other in others):
        return None
    owners = " and ".join(f'"{name}"' for name in recorded.workers)
    message = f'The data directory is that of the Worker {owners}; this one is "{config.name}".'
    back = f"Put the old name back: {setting(config.path, 'name', recorded.workers[0])}"
    if config.env_name and f"{recorded.workers[0]}-{config.env_name}" == config.name:
        back = f"Leave out -e {config.env_name}"
    hint = f"{back}; or {ANOTHER_DIRECTORY}"
    return Problem(config.path, "name", None, None, message, hint)


def _other_tags(config: WorkerConfig, recorded: Recorded) -> Problem | None:
    """The tags that were applied must be the first ones of the configuration."""
    tags, applied = [step.tag for step in config.migrations], list(recorded.applied_tags)
    if tags[: len(applied)] == applied:
        return None
    if applied[-1].startswith(EXPORTS_TAG) and applied[-1] not in tags:
        message = (
            "The data directory was last changed by `exports`, which no migrations can follow."
        )
        hint = f"Put `exports` back; to start anew, {ANOTHER_DIRECTORY}"
        return Problem(config.path, "migrations", None, None, message, hint)
    place = next(i for i, tag in enumerate(applied) if tags[i : i + 1] != [tag])
    there = f'has "{tags[place]}"' if place < len(tags) else "ends"
    lost = ", ".join(f'"{tag}"' for tag in applied[place:] if tag not in tags)
    line = config.migrations[place].line if place < len(tags) else None
    return Problem(
        config.path,
        path_text(("migrations", place)) if place < len(tags) else "migrations",
        line,
        None,
        f'The migration "{applied[place]}" was applied to the data directory, which is at '
        f'"{applied[-1]}", but the configuration {there} where it stood.',
        f"Put back what was applied{lost and f' ({lost})'}, in the same order, and new steps "
        f"after it. There is no way back to an older tag; to start anew, {ANOTHER_DIRECTORY}",
    )


def free_key(worker: str, class_name: str, taken: Collection[str]) -> str:
    """Return the key of a new namespace; that of one which was deleted is not given again."""
    key = first = f"{worker}-{class_name}"
    number = 1
    while key in taken:
        number += 1
        key = f"{first}-{number}"
    return key


class Planning:
    """One comparison: the namespaces as what was planned so far leaves them.

    Attributes:
        live: Those of the Worker, by their classes.
    """

    def __init__(self, config: WorkerConfig, recorded: Recorded) -> None:
        self._problems: list[Problem] = []
        self._config = config
        self._workers = recorded.workers
        self.live: dict[str, Namespace] = {}
        self._theirs: dict[tuple[str, str], Namespace] = {}
        for record in recorded.namespaces:
            name, worker = record.class_name, record.worker
            if record.state == "live":
                namespace = Namespace(record.unique_key, name, record.storage)
                if worker == config.name:
                    self.live[name] = namespace
                else:
                    self._theirs[worker, name] = namespace

    def raise_problems(self) -> None:
        if self._problems:
            raise MigrationRefused(*self._problems)

    def _not_taken_over(self, script: str, name: str) -> tuple[str, str]:
        """Tell why a class of another Worker is not there to be taken over, and what to do."""
        if script in self._workers:
            has = ", ".join(theirs for worker, theirs in self._theirs if worker == script)
            why, hint = f"it has {has or 'no classes'}", "Write the name the class has there."
        else:
            why = "the data directory knows no Worker of this name"
            hint = f"Start with the data directory that {script} used: --data DIR"
        return f'The class "{name}" of "{script}" cannot be taken over: {why}.', hint


class _Planning(Planning):
    """One run of ``plan``, step by step."""

    def __init__(self, config: WorkerConfig, recorded: Recorded) -> None:
        super().__init__(config, recorded)
        self._applied = len(recorded.applied_tags)
        self._owners = {record.unique_key: record.worker for record in recorded.namespaces}
        # Class name: the Worker that has taken the class over since; None when unknown.
        self._heirs: dict[str, str | None] = {}

    def check_applied(self) -> None:
        """Check that the steps which were applied say what they said when they were."""
        lineage = Lineage()
        then = _Planning(self._config, Recorded())
        for step in self._config.migrations[: self._applied]:
            refusals = list(lineage.take(step, self._config.name))
            assert not refusals, "a loaded configuration was checked against itself"
            then.step(step)
        for name, storage in lineage.live.items():
            if name not in self.live:
                self._check_missing(name, storage, then.live.get(name))
            elif storage not in {None, self.live[name].storage}:
                self._refuse_other_storage(name, self.live[name].storage)
        for name, namespace in self.live.items():
            if name not in lineage.live:
                self._refuse_unnamed(name, namespace.storage)

    def step(self, step: MigrationStep) -> PlannedStep:
        return PlannedStep(step.tag, tuple(self._changes(step)))

    def check_bindings(self) -> None:
        """Check that each binding has its namespace; only a transfer can have taken it away."""
        for index, binding in enumerate(self._config.bindings):
            is_own = self._config.owner_of(binding) == self._config.name
            if is_own and binding.class_name not in self.live:
                heir = self._heirs[binding.class_name]
                key = path_text(("durable_objects", "bindings", index, "class_name"))
                message = f'The objects of "{binding.class_name}" were taken over by "{heir}".'
                hint = f'Remove the binding "{binding.name}".'
                if heir is None:
                    message = f'The objects of "{binding.class_name}" are not here.'
                    hint = (
                        "If its transfer was added to a migration that was applied already, put "
                        "it into a new one; if another Worker took the class over, remove the "
                        f'binding "{binding.name}".'
                    )
                self._refuse(message, hint, key, binding.line)

    def _changes(self, step: MigrationStep) -> Iterator[Change]:
        """Let a step take effect, in wrangler's order.

        What a step says of a class that another Worker has taken over means nothing here.
        """
        for name in step.deleted_classes:
            if namespace := self.live.pop(name, None):
                yield Deleted(namespace)
        for rename in step.renamed_classes:
            if namespace := self.live.pop(rename.from_class, None):
                yield Renamed(rename.from_class, self._put(namespace, rename.to_class))
            elif rename.from_class in self._heirs:
                self._heirs[rename.to_class] = self._heirs.pop(rename.from_class)
        for name in step.new_classes:
            yield Created(self._create(name, "kv"))
        for name in step.new_sqlite_classes:
            yield Created(self._create(name, "sqlite"))
        for index, transfer in enumerate(step.transferred_classes):
            script, name = transfer.from_script, transfer.from_class
            if namespace := self._theirs.pop((script, name), None):
                yield Transferred(script, name, self._put(namespace, transfer.to_class))
            else:
                self._refuse_transfer(step, index, transfer)

    def _put(self, namespace: Namespace, class_name: str) -> Namespace:
        self.live[class_name] = namespace = replace(namespace, class_name=class_name)
        return namespace

    def _create(self, name: str, storage: Storage) -> Namespace:
        key = free_key(self._config.name, name, self._owners)
        self._owners[key] = self._config.name
        return self._put(Namespace(key, name, storage), name)

    def _refuse_transfer(self, step: MigrationStep, index: int, transfer: TransferredClass) -> None:
        message, hint = self._not_taken_over(transfer.from_script, transfer.from_class)
        place = self._config.migrations.index(step)
        key = path_text(("migrations", place, "transferred_classes", index))
        self._refuse(message, hint, key, step.line)

    def _check_missing(self, name: str, storage: str | None, then: Namespace | None) -> None:
        """Tell why a class is not here that a step which was applied brings."""
        owner = self._owners.get(then.unique_key, "") if then else None
        if owner and owner != self._config.name:
            self._heirs[name] = owner
        elif storage is None:
            self._heirs[name] = None  # transferred to us: its key, and so its way, is not known
        else:
            self._refuse_late(name, storage)

    def _refuse_late(self, name: str, storage: str) -> None:
        hint = f"Take it out there, and add:\n{self._new_step(LISTS[storage], name)}"
        message = f'The class "{name}" was added to a migration after that was applied.'
        self._refuse(message, hint)

    def _refuse_unnamed(self, name: str, storage: str) -> None:
        message = f'The data directory has objects of the class "{name}", which no migration names.'
        hint = (
            f'Put "{name}" back into {LISTS[storage]} of the migration that created it. To be rid '
            f"of its objects, do that and add:\n{self._new_step('deleted_classes', name)}"
        )
        self._refuse(message, hint)

    def _refuse_other_storage(self, name: str, storage: str) -> None:
        message = f'The class "{name}" was created by {LISTS[storage]}, which is for good.'
        self._refuse(message, f'Put "{name}" back into {LISTS[storage]}.')

    def _new_step(self, key: str, name: str) -> str:
        tag = next_tag([step.tag for step in self._config.migrations])
        return migration(self._config.path, tag, key, [name])

    def _refuse(
        self, message: str, hint: str, key: str = "migrations", line: int | None = None
    ) -> None:
        self._problems.append(Problem(self._config.path, key, line, None, message, hint))
