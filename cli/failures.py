"""What became of a command that failed: its message, and the exit code.

0  good
2  the configuration, the program or the command line is at fault: mend it
1  anything else
"""

import platform
import traceback
from collections.abc import Sequence

from rich.text import Text

from ..runtime.config.errors import ConfigError, Problem, Severity
from ..runtime.config.tls import CertificateRefused
from ..runtime.control.protocol import OperationFailed
from ..runtime.errors import MigrationDeclined
from ..runtime.host.loader import LoadError, MainFailed
from ..runtime.host.migration_plan import MigrationRefused
from ..runtime.observe.printable import printable_lines
from ..runtime.shards.supervisor.errors import ChildFailed
from ..storage.errors import InternalError, PerdureError, StorageError
from .output import Output
from .problems import INDENT, counted, show_problems
from .version import VERSION

CONFIGURATION = 2
OTHER = 1
WITH_PROBLEMS = (CertificateRefused, ConfigError, LoadError, MigrationRefused)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code that tells of ``error``."""
    if isinstance(error, OperationFailed):
        return CONFIGURATION if error.failure.is_usage else OTHER
    if isinstance(error, ChildFailed):
        return CONFIGURATION if error.is_usage else OTHER
    mendable = (*WITH_PROBLEMS, MigrationDeclined)
    return CONFIGURATION if isinstance(error, mendable) else OTHER


def text_of(error: PerdureError) -> str:
    """Return what its author reads of a program that cannot be used, in whichever process."""
    return error.why if isinstance(error, ChildFailed) and error.is_usage else str(error)


def show_failure(output: Output, error: BaseException) -> None:
    """Tell the operator what went wrong, where, and what to do."""
    if isinstance(error, WITH_PROBLEMS):
        show_problems(output, error.problems, with_source=not isinstance(error, MainFailed))
        if isinstance(error, MainFailed):
            output.message(printable_lines(error.traceback), indent=INDENT)
            output.message()
    elif isinstance(error, MigrationDeclined):
        names = ", ".join(deleted.class_name for deleted in error.plan.all_destroyed)
        _headline(output, f"The migrations would delete all objects of {names}.")
        hint = "Nothing was changed. If that is meant, agree with --yes; perdure check shows all."
        output.message(hint, indent=INDENT)
    elif isinstance(error, OperationFailed):
        _headline(output, error.failure.message)
        if error.failure.hint:
            output.message(printable_lines(error.failure.hint), indent=INDENT)
    elif isinstance(error, StorageError):
        _headline(output, f"{error.path}: {error.problem}")
        if error.hint:
            output.message(printable_lines(error.hint), indent=INDENT)
    elif isinstance(error, ChildFailed) and error.is_usage:  # no matter in which process
        _show_text(output, error.why)
    elif isinstance(error, PerdureError) and not isinstance(error, InternalError):
        _headline(output, str(error))
    else:
        _show_bug(output, error)


def _show_text(output: Output, text: str) -> None:
    """Tell what another process has put into words; problems are told with their place."""
    first, _, rest = text.partition("\n")
    if f" {Severity.ERROR.value}: " in first:
        output.message(printable_lines(first))
    else:
        _headline(output, first)
    if rest:
        output.message(printable_lines(rest), indent=INDENT)


def show_summary(output: Output, problems: Sequence[Problem]) -> None:
    """End a list of problems with their number."""
    output.message(f"{counted(problems)}. Nothing was started or changed.")


def _headline(output: Output, message: str) -> None:
    output.message(Text.assemble(("error: ", "error"), printable_lines(message)))


def _show_bug(output: Output, error: BaseException) -> None:
    output.message("".join(traceback.format_exception(error)).rstrip("\n"))
    output.message()
    system = f"Python {platform.python_version()}, {platform.system()}"
    _headline(output, f"This is a bug in perdure {VERSION} ({system}), not in your project.")
    output.message("Please report it, with the traceback above.", indent=INDENT)
