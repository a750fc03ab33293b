"""All operations by name, as they are asked for from another process."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .backing_up import BackupArguments, back_up
from .doctoring import DoctorArguments, doctor
from .errors import OperatorError
from .exporting import ExportArguments, export_actor
from .history import (
    BookmarksArguments,
    RestoreArguments,
    list_bookmarks,
    preview_restore,
    restore_actor,
)
from .house import House, Told, Values
from .kicking import KickArguments, kick
from .listing import ListArguments, list_actors
from .querying import SqlArguments, run_sql
from .removing import (
    DeleteArguments,
    ListDeletedArguments,
    bring_back,
    delete_actor,
    list_deleted,
)
from .replacing import ForkArguments, ImportArguments, fork_actor, import_actor
from .showing import ShowArguments, show_actor
from .tailing import TailArguments, tail
from .verifying import VerifyArguments, verify

ANOTHER_VERSION = "Restart the server, so that it is of the same version as this command"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for.

    Attributes:
        arguments: The class of its arguments.
        run: The coroutine function.
        is_given_up: It takes long and changes nothing: nobody waits for it who is to end. Clients
            would wait meanwhile for whoever comes after.
    """

    arguments: type[Any]
    run: Callable[[House, Any, Told], Awaitable[Values]]
    is_given_up: bool = False


OPERATIONS = {
    "list": Operation(ListArguments, list_actors),
    "show": Operation(ShowArguments, show_actor),
    "sql": Operation(SqlArguments, run_sql),
    "export": Operation(ExportArguments, export_actor),
    "import": Operation(ImportArguments, import_actor),
    "fork": Operation(ForkArguments, fork_actor),
    "bookmarks": Operation(BookmarksArguments, list_bookmarks),
    "preview": Operation(RestoreArguments, preview_restore),
    "restore": Operation(RestoreArguments, restore_actor),
    "delete": Operation(DeleteArguments, delete_actor),
    "deleted": Operation(ListDeletedArguments, list_deleted),
    "bring-back": Operation(DeleteArguments, bring_back),
    "backup": Operation(BackupArguments, back_up, is_given_up=True),
    "verify": Operation(VerifyArguments, verify, is_given_up=True),
    "tail": Operation(TailArguments, tail),
    "doctor": Operation(DoctorArguments, doctor),
    "kick": Operation(KickArguments, kick),
}


async def run(house: House, name: str, arguments: Values, told: Told) -> Values:
    """Run an operation; ``arguments`` are the fields of its class of arguments.

    Raises:
        OperatorError: There is no such operation, it has no such arguments, or it was refused.
        PerdureError: It failed.
    """
    operation, given = understood(name, arguments)
    return await operation.run(house, given, told)


def understood(name: str, arguments: Values) -> tuple[Operation, Any]:
    """Return what is asked for, and an instance of its class of arguments.

    Raises:
        OperatorError: There is no such operation, or it has no such arguments.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise OperatorError(f'There is no operation "{name}"', ANOTHER_VERSION)
    try:
        return operation, operation.arguments(**arguments)
    except TypeError as error:
        raise OperatorError(f'"{name}" does not take that: {error}', ANOTHER_VERSION) from error
