"""What can go wrong with a sandbox, as programs catch it.

The codes are those of the system that programs may come from (docs/sandbox.md has the table);
a code belongs to one class, and a class to one kind of fault.
"""

from collections.abc import Mapping
from typing import Any

from ...storage.errors import PerdureError


class SandboxError(PerdureError):
    """A sandbox could not do what was asked.

    Attributes:
        code: What programs look at, such as ``FILE_NOT_FOUND``.
        message: What was wrong, and what to do.
        context: What it is about: ``path``, ``process_id``, ``port``...
        http_status: What a server would answer with.
    """

    http_status: int = 500

    def __init__(self, code: str, message: str, context: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, message, dict(context or {}))
        self.code = code
        self.message = message
        self.context = dict(context or {})
        self.http_status = _STATUS_OF.get(code, type(self).http_status)

    def __str__(self) -> str:
        return self.message


class SandboxFileError(SandboxError):
    """A file is not there, is there already, may not be used, or is of another kind."""


class SandboxFileNotFound(SandboxFileError):
    """There is no file or folder of that path."""

    http_status = 404


class SandboxFileDenied(SandboxFileError):
    """The system inside does not allow it, or there is no room."""

    http_status = 403


class SandboxFileConflict(SandboxFileError):
    """There is something of that path already, or something of another kind."""

    http_status = 409


class SandboxCommandError(SandboxError):
    """A command could not be run to its end."""


class SandboxProcessError(SandboxError):
    """A process in the background cannot be found, started or ended."""

    http_status = 404


class SandboxNotReady(SandboxProcessError):
    """A process has not said or done in time what was waited for, or ended before."""

    http_status = 408


class SandboxPortError(SandboxError):
    """A port cannot be exposed or reached."""

    http_status = 409


class SandboxPortNotFound(SandboxPortError):
    """The port is not exposed."""

    http_status = 404


class SandboxSecurityError(SandboxError):
    """Refused because it would not be safe: an id, a port, a token."""

    http_status = 400


class SandboxSessionError(SandboxError):
    """A session is there already, or is gone."""

    http_status = 409


class SandboxGitError(SandboxError):
    """Git could not do it."""

    http_status = 502


class SandboxInterpreterError(SandboxError):
    """What runs code could not be started, or has ended."""

    http_status = 503


class SandboxContextNotFound(SandboxInterpreterError):
    """There is no such code context, or none any more: its variables are gone."""

    http_status = 404


class SandboxLanguageUnavailable(SandboxInterpreterError):
    """Nothing here runs code of that language; the message says what to install."""

    http_status = 501


class SandboxBackupError(SandboxError):
    """A backup could not be made, found or restored."""


class SandboxWatchError(SandboxError):
    """A path cannot be watched."""


class SandboxUnavailable(SandboxError):
    """The sandbox does not run, or stopped meanwhile: what was asked may have been done."""

    http_status = 503


class SandboxInvalid(SandboxError):
    """What was asked for makes no sense; the message says which argument."""

    http_status = 400


_CLASSES: Mapping[type[SandboxError], str] = {
    SandboxFileNotFound: "FILE_NOT_FOUND",
    SandboxFileDenied: "PERMISSION_DENIED READ_ONLY NO_SPACE TOO_MANY_FILES RESOURCE_BUSY",
    SandboxFileConflict: "FILE_EXISTS IS_DIRECTORY NOT_DIRECTORY",
    SandboxFileError: "FILESYSTEM_ERROR NAME_TOO_LONG TOO_MANY_LINKS FILE_TOO_LARGE",
    SandboxCommandError: (
        "COMMAND_NOT_FOUND COMMAND_PERMISSION_DENIED COMMAND_EXECUTION_ERROR INVALID_COMMAND "
        "STREAM_START_ERROR"
    ),
    SandboxProcessError: "PROCESS_NOT_FOUND PROCESS_PERMISSION_DENIED PROCESS_ERROR",
    SandboxNotReady: "PROCESS_READY_TIMEOUT PROCESS_EXITED_BEFORE_READY",
    SandboxPortError: (
        "PORT_ALREADY_EXPOSED PORT_IN_USE SERVICE_NOT_RESPONDING PORT_OPERATION_ERROR "
        "CUSTOM_DOMAIN_REQUIRED"
    ),
    SandboxPortNotFound: "PORT_NOT_EXPOSED",
    SandboxSecurityError: "INVALID_PORT INVALID_TOKEN INVALID_SANDBOX_ID",
    SandboxSessionError: "SESSION_ALREADY_EXISTS SESSION_DESTROYED SESSION_TERMINATED",
    SandboxGitError: (
        "GIT_REPOSITORY_NOT_FOUND GIT_BRANCH_NOT_FOUND GIT_AUTH_FAILED GIT_NETWORK_ERROR "
        "INVALID_GIT_URL GIT_CLONE_FAILED GIT_CHECKOUT_FAILED GIT_OPERATION_FAILED"
    ),
    SandboxInterpreterError: "INTERPRETER_NOT_READY CODE_EXECUTION_ERROR",
    SandboxContextNotFound: "CONTEXT_NOT_FOUND",
    SandboxLanguageUnavailable: "PYTHON_NOT_AVAILABLE JAVASCRIPT_NOT_AVAILABLE",
    SandboxBackupError: (
        "BACKUP_CREATE_FAILED BACKUP_RESTORE_FAILED BACKUP_NOT_FOUND BACKUP_EXPIRED "
        "INVALID_BACKUP_CONFIG"
    ),
    SandboxWatchError: "WATCH_START_ERROR WATCH_NOT_FOUND",
    SandboxUnavailable: "CONTAINER_UNAVAILABLE OPERATION_INTERRUPTED TOO_MANY_REQUESTS",
    SandboxInvalid: "VALIDATION_FAILED NOT_AVAILABLE",
}
CLASS_OF: Mapping[str, type[SandboxError]] = {
    code: cls for cls, codes in _CLASSES.items() for code in codes.split()
}

# Of codes whose status is not that of their class.
_STATUS_OF: Mapping[str, int] = {
    code: status
    for status, codes in {
        400: "IS_DIRECTORY NOT_DIRECTORY NAME_TOO_LONG INVALID_COMMAND CUSTOM_DOMAIN_REQUIRED "
        "INVALID_GIT_URL BACKUP_EXPIRED INVALID_BACKUP_CONFIG",
        401: "GIT_AUTH_FAILED",
        403: "COMMAND_PERMISSION_DENIED PROCESS_PERMISSION_DENIED",
        404: "COMMAND_NOT_FOUND GIT_REPOSITORY_NOT_FOUND GIT_BRANCH_NOT_FOUND BACKUP_NOT_FOUND "
        "WATCH_NOT_FOUND",
        409: "RESOURCE_BUSY OPERATION_INTERRUPTED",
        410: "SESSION_DESTROYED SESSION_TERMINATED",
        413: "FILE_TOO_LARGE",
        429: "TOO_MANY_REQUESTS",
        500: "NO_SPACE TOO_MANY_FILES PROCESS_ERROR PROCESS_EXITED_BEFORE_READY "
        "PORT_OPERATION_ERROR GIT_CLONE_FAILED GIT_CHECKOUT_FAILED GIT_OPERATION_FAILED "
        "CODE_EXECUTION_ERROR",
        501: "NOT_AVAILABLE",
        502: "SERVICE_NOT_RESPONDING",
    }.items()
    for code in codes.split()
}


def error_of(code: str, message: str, context: Mapping[str, Any] | None = None) -> SandboxError:
    """The error of a code; what has no class of its own is a ``SandboxError``."""
    return CLASS_OF.get(code, SandboxError)(code, message, context)
