"""``[triggers]``: when a Worker is run without being asked."""

from .cron import Cron, CronError
from .report import Table, shown


def read_crons(layer: Table) -> tuple[str, ...] | None:
    """Read the times of a layer, the top level or an environment; None when it has no triggers."""
    table = layer.find_table("triggers")
    if table is None:
        return None
    table.warn_of_unknown_keys(["crons"])
    value = table.values.get("crons")
    if value is not None and not isinstance(value, list):
        message = f'Expected "{table.name("crons")}" to be an array but got {shown(value)}.'
        table.report.error(table.key("crons"), message)
        return None
    crons = table.find_strings("crons") or ()
    for index, text in enumerate(crons):
        try:
            Cron.parse(text)
        except CronError as error:
            table.report.error((*table.key("crons"), index), str(error))
    return crons
