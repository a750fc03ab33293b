"""``[[durable_objects.bindings]]``: names under which a program finds its classes."""

from collections.abc import Mapping, Sequence

from .model import DurableObjectBinding
from .positions import KeyPath
from .report import Table, shown

KEYS = ("name", "class_name", "script_name", "environment")


class Bindings:
    """The bindings of one environment, with the key path of each for later messages."""

    def __init__(self) -> None:
        self.items: list[DurableObjectBinding] = []
        self.paths: list[KeyPath] = []

    @property
    def names(self) -> Sequence[str]:
        return [binding.name for binding in self.items]


def read_bindings(layer: Table) -> Bindings | None:
    """Read the bindings of a layer, the top level or an environment; None when it has none."""
    table = layer.find_table("durable_objects")
    if table is None:
        return None
    found = Bindings()
    table.warn_of_unknown_keys(["bindings"])
    if "bindings" not in table:
        message = f'The field "{table.label}" is missing the required "bindings" property.'
        table.report.error(table.path, message)
    elif not isinstance(value := table.values["bindings"], list):
        message = f'The field "{table.name("bindings")}" should be an array but got {shown(value)}.'
        table.report.error(table.key("bindings"), message)
    for entry in table.find_tables("bindings"):
        if binding := _read_binding(entry):
            found.items.append(binding)
            found.paths.append(entry.path)
    return found


def _read_binding(entry: Table) -> DurableObjectBinding | None:
    report = entry.report
    for key in ("name", "class_name"):
        value = entry.values.get(key)
        if not isinstance(value, str) or not value:
            report.error(entry.key(key), f'binding should have a string "{key}" field.')
    for key in ("script_name", "environment"):
        if not isinstance(entry.values.get(key, ""), str):
            message = f'the field "{key}", when present, should be a string.'
            report.error(entry.key(key), message)
    if "environment" in entry and "script_name" not in entry:
        message = 'binding should have a "script_name" field if "environment" is present.'
        report.error(entry.key("environment"), message)
    entry.warn_of_unknown_keys(KEYS)
    match entry.values:
        case {"name": str(name), "class_name": str(class_name)} if name and class_name:
            line = report.line(entry.path)
            return DurableObjectBinding(name, class_name, _script(entry.values), line)
    return None


def _script(values: Mapping[str, object]) -> str | None:
    """Return the Worker a binding means; an environment of a Worker is a Worker of its own."""
    match values:
        case {"script_name": str(script), "environment": str(environment)}:
            return f"{script}-{environment}"
        case {"script_name": str(script)}:
            return script
    return None
