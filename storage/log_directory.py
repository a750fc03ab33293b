"""The directory of one commit log, ``log/<slot>/``: its lock and its checkpoint.

    LOCK          held by the one process that writes this log
    OWNER         who opened it last (storage/log_ownership.py)
    HELD          whoever has it locked reads the log whole (storage/log_hold.py)
    CHECKPOINT    from where on the log is needed
    <n>.seg       segments (storage/segments.py)

*Promise*: while a ``LogDirectory`` is open no other process has the same one open; if that was
broken by force, the older one can tell, and replaces no CHECKPOINT any more. CHECKPOINT is
replaced as a whole or not at all.
"""

import contextlib
import fcntl
import json
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from .durable_files import make_directory, write_file
from .errors import DirectoryInUse, LogCorrupt
from .log_ownership import LogOwnership


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """From where on a log is needed: all before it is in the actors' files, durably.

    Attributes:
        lsn: The last record that is not needed any more.
        segment: The number of the first segment that is needed.
        epoch: Which opening of the log wrote this.
        is_clean: The log was closed in good order; there is nothing to replay.
        commit: No record of the log had a higher commit number.
        incarnation: Which history of the directory this belongs to.
    """

    lsn: int = 0
    segment: int = 1
    epoch: int = 0
    is_clean: bool = True
    commit: int = 0
    incarnation: int = 1


class LogDirectory:
    """A log's directory, locked; close it when done.

    Attributes:
        path: The directory.
        ownership: Says whether somebody has opened it all the same; None if it is only read.
    """

    __slots__ = ("_lock", "ownership", "path")

    def __init__(
        self, path: Path, lock: int | None = None, ownership: LogOwnership | None = None
    ) -> None:
        self.path = path
        self.ownership = ownership
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> "LogDirectory":
        """Lock the log at ``path``, whose directory is made if it is not there.

        Raises:
            DirectoryInUse: Another process writes this log.
            OSError: It cannot be made or opened.
        """
        make_directory(path)
        lock = os.open(path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            hint = "Stop that process first"
            raise DirectoryInUse(path, "is written by another process", hint) from error
        except BaseException:
            os.close(lock)
            raise
        try:
            return cls(path, lock, LogOwnership.take(path))
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        """Let others open it; closing twice does nothing."""
        lock, self._lock = self._lock, None
        if self.ownership is not None:
            self.ownership.close()
        if lock is not None:
            os.close(lock)

    def read_checkpoint(self) -> Checkpoint:
        """Return what was written last; that of an empty log if nothing ever was.

        Raises:
            LogCorrupt: It is damaged.
            OSError: It cannot be read.
        """
        path = self.path / "CHECKPOINT"
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return Checkpoint()
        with contextlib.suppress(ValueError, TypeError, KeyError):
            fields = json.loads(text)
            if fields.pop("crc32") == _crc32(fields):
                return Checkpoint(**fields)
        raise LogCorrupt(path, "is damaged, so that nobody knows where the log begins")

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace what was written; durable on return.

        Raises:
            OwnershipLost: Another process has opened the log.
            OSError: It could not be; what was there is still there.
        """
        if self.ownership is not None:
            self.ownership.check_there()
        fields = asdict(checkpoint)
        text = json.dumps({**fields, "crc32": _crc32(fields)})
        write_file(self.path / "CHECKPOINT", text.encode() + b"\n")


def _crc32(fields: dict[str, int | bool]) -> int:
    return zlib.crc32(json.dumps(fields, sort_keys=True).encode())
