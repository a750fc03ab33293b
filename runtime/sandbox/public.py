"""The names that ``perdure`` has for sandboxes, loaded when the first of them is asked for."""

from .api.backups import DirectoryBackup, RestoreBackupResult
from .api.events import parse_sse_stream
from .api.exposed_port import ExposedPort
from .api.git import GitCheckoutResult
from .api.process import Process
from .api.session import ExecutionSession, SessionFacts
from .api.watching import CheckChangesResult
from .client import SandboxStub, get_sandbox
from .errors import (
    SandboxBackupError,
    SandboxCommandError,
    SandboxError,
    SandboxFileConflict,
    SandboxFileDenied,
    SandboxFileError,
    SandboxFileNotFound,
    SandboxGitError,
    SandboxInterpreterError,
    SandboxInvalid,
    SandboxNotReady,
    SandboxPortError,
    SandboxPortNotFound,
    SandboxProcessError,
    SandboxSecurityError,
    SandboxSessionError,
    SandboxUnavailable,
    SandboxWatchError,
)
from .file_stream import CollectedFile, FileMetadata, collect_file, stream_file
from .preview.proxy import proxy_to_sandbox
from .results import (
    DeleteFileResult,
    ExecResult,
    FileExistsResult,
    FileInfo,
    ListFilesResult,
    MkdirResult,
    MoveFileResult,
    ProcessLogs,
    ReadFileResult,
    RenameFileResult,
    SandboxStatus,
    WaitForExitResult,
    WaitForLogResult,
    WriteFileResult,
)
from .sandbox import Sandbox

__all__ = [
    "CheckChangesResult",
    "CollectedFile",
    "DeleteFileResult",
    "DirectoryBackup",
    "ExecResult",
    "ExecutionSession",
    "ExposedPort",
    "FileExistsResult",
    "FileInfo",
    "FileMetadata",
    "GitCheckoutResult",
    "ListFilesResult",
    "MkdirResult",
    "MoveFileResult",
    "Process",
    "ProcessLogs",
    "ReadFileResult",
    "RenameFileResult",
    "RestoreBackupResult",
    "Sandbox",
    "SandboxBackupError",
    "SandboxCommandError",
    "SandboxError",
    "SandboxFileConflict",
    "SandboxFileDenied",
    "SandboxFileError",
    "SandboxFileNotFound",
    "SandboxGitError",
    "SandboxInterpreterError",
    "SandboxInvalid",
    "SandboxNotReady",
    "SandboxPortError",
    "SandboxPortNotFound",
    "SandboxProcessError",
    "SandboxSecurityError",
    "SandboxSessionError",
    "SandboxStatus",
    "SandboxStub",
    "SandboxUnavailable",
    "SandboxWatchError",
    "SessionFacts",
    "WaitForExitResult",
    "WaitForLogResult",
    "WriteFileResult",
    "collect_file",
    "get_sandbox",
    "parse_sse_stream",
    "proxy_to_sandbox",
    "stream_file",
]
