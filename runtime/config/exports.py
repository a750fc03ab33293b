"""``exports``: the classes of a Worker as they are to be, where ``migrations`` has steps."""

from collections.abc import Mapping, Sequence
from typing import get_args

from .lineage import Lineage
from .migrations import check_class_name
from .model import ExportedClass, ExportState
from .report import Report, Table

TYPES = ("durable-object", "worker", "workflow")
STATES: Sequence[ExportState] = get_args(ExportState)
STORAGES: Mapping[str, str] = {"sqlite": "sqlite", "legacy-kv": "kv"}
# The fields that a state has beside "type" and "state"; all but "container" are required.
FIELDS: Mapping[str, Sequence[str]] = {
    "created": ("storage", "container"),
    "deleted": (),
    "renamed": ("renamed_to",),
    "transferred": ("transferred_to",),
    "expecting-transfer": ("storage", "transfer_from", "container"),
}
KEYS = tuple(dict.fromkeys(("type", "state", *(f for fields in FIELDS.values() for f in fields))))


def read_exports(layer: Table) -> Sequence[ExportedClass] | None:
    """Read the classes of a layer, the top level or an environment; None when it has none.

    Malformed ones are reported and left out. What is exported beside classes of objects needs no
    declaration here.
    """
    table = layer.find_table("exports")
    if table is None:
        return None
    found = []
    for name in table.values:
        entry = table.find_table(name)
        if entry is not None and entry.find_choice("type", TYPES) == "durable-object":
            found.append(_read_class(name, entry))
        elif entry is not None and "type" not in entry:
            message = f'"{entry.name("type")}" is a required field.'
            table.report.error(entry.key("type"), message)
    return tuple(one for one in found if one is not None)


def check_exports(
    report: Report, exports: Sequence[ExportedClass], table: Table, worker_name: str
) -> Lineage:
    """Report classes that lead nowhere, and return those that remain."""
    by_name = {one.name: one for one in exports}
    lineage = Lineage()
    for one in exports:
        entry = (*table.key("exports"), one.name)
        if one.state in {"created", "expecting-transfer"}:
            lineage.live[one.name] = None if one.state == "expecting-transfer" else one.storage
        if one.state == "deleted":
            lineage.gone[one.name] = "deleted by `exports`"
        if one.renamed_to is not None:
            lineage.gone[one.name] = f'renamed to "{one.renamed_to}" by `exports`'
            final = renamed_at_last(by_name, one)
            if final is None:
                lack = "leads to none that is created"
                why = lack if one.renamed_to in by_name else "`exports` lacks"
                message = f'"{one.name}" is renamed to "{one.renamed_to}", which {why}.'
                hint = "A chain of renames ends at a class whose state is created."
                report.error((*entry, "renamed_to"), message, hint)
            else:
                lineage.renamed[one.name] = final
        if one.transferred_to is not None:
            lineage.gone[one.name] = f'handed over to "{one.transferred_to}" by `exports`'
        for key, other in (
            ("transferred_to", one.transferred_to), ("transfer_from", one.transfer_from),
        ):  # fmt: skip
            if other is not None and other == worker_name:
                message = f'"{other}" is this Worker itself; within it, rename the class.'
                report.error((*entry, key), message)
    return lineage


def renamed_at_last(by_name: Mapping[str, ExportedClass], one: ExportedClass) -> str | None:
    """Return the name that a class has once all renames are done; None when they lead nowhere."""
    seen: set[str] = set()
    while one.renamed_to is not None:
        if one.name in seen or one.renamed_to not in by_name:
            return None
        seen.add(one.name)
        one = by_name[one.renamed_to]
    return one.name if one.state == "created" else None


def _read_class(name: str, entry: Table) -> ExportedClass | None:
    report = entry.report
    check_class_name(report, entry.path, name)
    state = entry.find_choice("state", STATES) if "state" in entry else "created"
    if state is None:
        entry.warn_of_unknown_keys(KEYS)
        return None
    fields = FIELDS[state]
    for key in entry.values:
        if key in KEYS and key not in ("type", "state", *fields):
            message = f'"{entry.name(key)}" does not go with the state "{state}".'
            report.error(entry.key(key), message)
    entry.warn_of_unknown_keys(KEYS)
    for key in fields:
        if key not in entry and key != "container":
            report.error(entry.key(key), f'"{entry.name(key)}" is a required field.')
    if "container" in fields and "container" in entry:
        message = f'"{entry.name("container")}" is known to wrangler, but not provided by perdure.'
        report.warning(entry.key("container"), message)
    storage = entry.find_choice("storage", STORAGES)
    texts = {
        key: entry.find_string(key) for key in ("renamed_to", "transferred_to", "transfer_from")
    }
    if not report.is_sound(entry.path):
        return None
    return ExportedClass(
        name=name,
        state=next(one for one in STATES if one == state),
        storage="kv" if storage == "legacy-kv" else "sqlite",
        line=report.line(entry.path),
        **texts,
    )
