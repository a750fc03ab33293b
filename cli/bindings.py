"""The table of what a program finds in ``env``."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..runtime.config.model import WorkerConfig
from ..runtime.config.report import shown
from ..runtime.observe.printable import printable
from .problems import shown_path

HIDDEN = "(hidden)"
MISSING = "(not available)"


def has_bindings(config: WorkerConfig) -> bool:
    """Tell whether a program finds anything in ``env``."""
    served = config.bindings or config.services or (config.assets and config.assets.binding)
    return bool(served or config.unserved or config.vars)


def programs(config: WorkerConfig) -> Iterator[RenderableType]:
    """Yield what to show of the Workers of a start: each with its file and its ``env``."""
    for program in config.programs:
        yield Text.assemble((program.name, "name"), (f"  {shown_path(program.path)}", "dim"))
        if has_bindings(program):
            yield bindings_table(program)
        else:
            yield Text("No bindings and no vars.", "dim")


def bindings_table(config: WorkerConfig) -> Padding:
    """Return names, kinds and values; a value that may be a secret is not shown."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("Binding", style="name", overflow="fold")
    table.add_column("Kind", overflow="fold")
    table.add_column("Value", overflow="fold")
    table.add_column("From", style="dim", overflow="fold")
    file_name = config.path.name
    for binding in config.bindings:
        where = f"{file_name}:{binding.line}" if binding.line else file_name
        owner = config.owner_of(binding)
        script = "" if owner == config.name else f" of {owner}"
        table.add_row(binding.name, "Durable Object", f"{binding.class_name}{script}", where)
    for service in config.services:
        where = f"{file_name}:{service.line}" if service.line else file_name
        entrypoint = f".{service.entrypoint}" if service.entrypoint else ""
        table.add_row(service.name, "Service", f"{service.worker}{entrypoint}", where)
    if config.assets is not None and config.assets.binding is not None:
        where = f"{file_name}:{config.assets.line}" if config.assets.line else file_name
        files = printable(shown_path(config.assets.directory))
        table.add_row(config.assets.binding, "Assets", files, where)
    for unserved in config.unserved:
        where = f"{file_name}:{unserved.line}" if unserved.line else file_name
        kind = unserved.kind[0].upper() + unserved.kind[1:]
        table.add_row(unserved.name, kind, MISSING, where)
    for name, value in config.vars.items():
        source = config.var_sources.get(name, file_name)
        # What stands in the configuration is committed; .dev.vars and --var are for secrets too.
        text = printable(shown(value)) if source == file_name else HIDDEN
        table.add_row(printable(name), "Variable", text, source)
    return Padding(table, (1, 0, 1, 2), expand=False)
