"""``[[migrations]]``: the steps that make, rename and delete a Worker's classes, as written."""

from collections.abc import Iterator

from .model import MigrationStep, RenamedClass, TransferredClass
from .positions import KeyPath
from .report import Report, Table, shown

RENAMED = ("from", "to")
TRANSFERRED = ("from", "from_script", "to")
KEYS = (
    "tag", "new_classes", "new_sqlite_classes",
    "renamed_classes", "deleted_classes", "transferred_classes",
)  # fmt: skip


def read_migrations(layer: Table) -> tuple[MigrationStep, ...] | None:
    """Read the steps of a layer, the top level or an environment; None when it has none.

    Malformed parts are reported and left out.
    """
    value = layer.values.get("migrations")
    if value is None:
        return None
    if not isinstance(value, list):
        message = f'The optional "migrations" field should be an array, but got {shown(value)}'
        layer.report.error(layer.key("migrations"), message)
    return tuple(_read_step(step) for step in layer.find_tables("migrations"))


def _read_step(table: Table) -> MigrationStep:
    if "tag" not in table:
        table.report.error(table.key("tag"), f'"{table.name("tag")}" is a required field.')
    tag = table.find_string("tag")
    if tag == "":
        table.report.error(table.key("tag"), f'"{table.name("tag")}" should not be empty.')
    table.warn_of_unknown_keys(KEYS)
    renamed = _entries(table, "renamed_classes", RENAMED)
    transferred = _entries(table, "transferred_classes", TRANSFERRED)
    return MigrationStep(
        tag=tag or "",
        deleted_classes=_class_names(table, "deleted_classes"),
        renamed_classes=tuple(RenamedClass(e["from"], e["to"]) for e in renamed),
        new_classes=_class_names(table, "new_classes"),
        new_sqlite_classes=_class_names(table, "new_sqlite_classes"),
        transferred_classes=tuple(
            TransferredClass(e["from"], e["from_script"], e["to"]) for e in transferred
        ),
        line=table.report.line(table.path),
    )


def _class_names(table: Table, key: str) -> tuple[str, ...]:
    names = table.find_strings(key) or ()
    for index, name in enumerate(names):
        check_class_name(table.report, (*table.key(key), index), name)
    return names


def _entries(table: Table, key: str, fields: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the entries of ``renamed_classes`` or ``transferred_classes``; all or none."""
    value = table.values.get(key)
    if value is None:
        return
    if not isinstance(value, list) or not all(_is_entry(item, fields) for item in value):
        shape = ", ".join(f"{name}: string" for name in fields)
        message = f'Expected "{table.name(key)}" to be an array of "{{{shape}}}" objects'
        table.report.error(table.key(key), f"{message} but got {shown(value)}.")
        return
    for entry in table.find_tables(key):
        entry.warn_of_unknown_keys(fields)
        for name in RENAMED:
            check_class_name(table.report, entry.key(name), str(entry.values[name]))
        yield {name: str(entry.values[name]) for name in fields}


def _is_entry(item: object, fields: tuple[str, ...]) -> bool:
    return isinstance(item, dict) and all(isinstance(item.get(name), str) for name in fields)


def check_class_name(report: Report, path: KeyPath, name: str) -> None:
    """Report what cannot name a class."""
    # It is also a part of directory names and of ids, which rely on there being no "-" in it.
    if not name.isidentifier():
        report.error(path, f"{shown(name)} cannot be the name of a Python class.")
