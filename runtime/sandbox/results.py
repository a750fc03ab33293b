"""What a sandbox answers: values, which calls between actors carry as they are.

The names of the fields are those of the system that programs may come from, in snake_case.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ...actors.records import Record


def timestamp_of(time_s: float | None = None) -> str:
    """A moment, given in Unix seconds, as ISO 8601 in UTC; now by default."""
    moment = datetime.fromtimestamp(time.time() if time_s is None else time_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult(Record):
    """How a command ended, and what it wrote.

    Attributes:
        success: It ended by itself, with exit code 0.
        exit_code: That of the shell: 128 + n after signal n.
        stdout: Text; bytes that are no UTF-8 are replaced. Or base64, if that was asked for.
        stderr: Likewise.
        command: What was run.
        duration: In milliseconds.
        timestamp: When it began.
        session_id: In which session; None for the default one.
        dropped_bytes: How much of its output is missing, since it was more than is kept; the oldest
            goes first, and a line in its place says so.
    """

    success: bool
    exit_code: int
    stdout: str
    stderr: str
    command: str
    duration: float
    timestamp: str
    session_id: str | None = None
    dropped_bytes: int = 0


ProcessStatus = Literal["starting", "running", "completed", "failed", "killed", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLogs(Record):
    """What a process in the background has written, as far as it is kept.

    Attributes:
        stdout: Text; bytes that are no UTF-8 are replaced.
        stderr: Likewise.
        process_id: Whose.
        timestamp: When this was asked.
        dropped_bytes: How much of the oldest output is not kept any more.
    """

    stdout: str
    stderr: str
    process_id: str
    timestamp: str
    dropped_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForLogResult(Record):
    """The line that was waited for.

    Attributes:
        line: It, without its end.
        match: What of it the pattern matched: the whole match, then its groups. Empty for a text.
    """

    line: str
    match: list[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForExitResult(Record):
    """How a process ended.

    Attributes:
        exit_code: As in ``ExecResult``.
    """

    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFileResult(Record):
    """A file was written. ``size`` is in bytes."""

    success: bool
    path: str
    size: int
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFileResult(Record):
    """What is in a file.

    Attributes:
        success: True: all else is an error.
        path: Which file.
        content: Text, or base64.
        encoding: "utf-8" or "base64".
        is_binary: The content is no text, which is why it is base64.
        mime_type: What its name and content say it is.
        size: Of the file, in bytes.
        timestamp: When it was read.
    """

    success: bool
    path: str
    content: str
    encoding: Literal["utf-8", "base64"]
    is_binary: bool
    mime_type: str
    size: int
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MkdirResult(Record):
    """A folder was made."""

    success: bool
    path: str
    recursive: bool
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFileResult(Record):
    """A file was deleted."""

    success: bool
    path: str
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameFileResult(Record):
    """A file or folder has another name."""

    success: bool
    path: str
    new_path: str
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFileResult(Record):
    """A file or folder is elsewhere."""

    success: bool
    path: str
    new_path: str
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo(Record):
    """One entry of a folder.

    Attributes:
        name: Its own name.
        absolute_path: Where it is.
        relative_path: Likewise, from the folder that was listed.
        type: What it is.
        size: In bytes.
        modified_at: When it was changed.
        mode: As ``ls`` shows it: ``rwxr-xr-x``.
        permissions: What the user of the sandbox may do: readable, writable, executable.
    """

    name: str
    absolute_path: str
    relative_path: str
    type: Literal["file", "directory", "symlink", "other"]
    size: int
    modified_at: str
    mode: str
    permissions: dict[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFilesResult(Record):
    """What is in a folder."""

    success: bool
    path: str
    files: list[FileInfo]
    count: int
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileExistsResult(Record):
    """Whether there is something."""

    success: bool
    path: str
    exists: bool
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KillAllResult(Record):
    """Processes in the background were killed.

    Attributes:
        killed: How many of those that ``start_process`` had started.
    """

    success: bool
    killed: int
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxStatus(Record):
    """How a sandbox is.

    Attributes:
        is_running: Its processes can run; if not, all that follows is empty.
        is_walled: It is behind a wall.
        uptime_s: How long it runs.
        idle_s: How long nobody has asked it for anything.
        processes: How many processes of ``start_process`` run.
        disk_bytes: What its files take, if that is limited.
        usage: memory_bytes, memory_peak_bytes, processes, cpu_s... as far as they are known.
    """

    is_running: bool
    is_walled: bool = False
    uptime_s: float = 0.0
    idle_s: float = 0.0
    processes: int = 0
    disk_bytes: int | None = None
    usage: dict[str, Any] | None = None
