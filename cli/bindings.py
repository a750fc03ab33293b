"""The table of what a program finds in ``env``."""

from rich.padding import Padding
from rich.table import Table

from ..runtime.config.model import WorkerConfig
from ..runtime.config.report import shown
from ..runtime.observe.printable import printable

HIDDEN = "(hidden)"


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
        table.add_row(binding.name, "Durable Object", binding.class_name, where)
    for name, value in config.vars.items():
        source = config.var_sources.get(name, file_name)
        # What stands in the configuration is committed; .dev.vars and --var are for secrets too.
        text = printable(shown(value)) if source == file_name else HIDDEN
        table.add_row(printable(name), "Variable", text, source)
    return Padding(table, (1, 0, 1, 2), expand=False)
