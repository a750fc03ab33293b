"""What an operator asks of a server that is to have new code, or another number of workers."""

from dataclasses import dataclass

from ..host.operations.errors import OperatorError
from ..host.operations.house import Told, Values
from .desk import Desk


@dataclass(frozen=True, slots=True)
class ReloadArguments:
    """How to reload.

    Attributes:
        yes: Migrations may delete data.
    """

    yes: bool = False


@dataclass(frozen=True, slots=True)
class ResizeArguments:
    """How many workers there are to be."""

    workers: int


def refuse_changes(desk: Desk) -> None:
    """Have a server of one process say why it cannot be changed while it runs."""
    desk.add("reload", ReloadArguments, _refuse)
    desk.add("resize", ResizeArguments, _refuse)


async def _refuse(arguments: ReloadArguments | ResizeArguments, told: Told) -> Values:
    del arguments, told
    problem = "This server is one process: it has its code and its clients' connections"
    raise OperatorError(problem, "Stop it, and start it with --workers 1 or more")
