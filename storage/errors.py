"""The root of all our errors, and those of the disk.

They answer *whose fault, and what now*: ``UsageError`` is yours, ``StorageError`` the disk's,
``InternalError`` ours. ``ActorError`` (the other side's) stands in ``actors/errors.py``.

    PerdureError
    ├── UsageError
    │   ├── ValueNotSerializable (also TypeError)
    │   ├── InvalidArgument      (also TypeError)
    │   ├── LimitExceeded        (also ValueError)
    │   ├── InvalidBookmark
    │   ├── SqlError
    │   └── ConstraintsViolatedAtCommit
    ├── StorageError
    │   ├── DirectoryInUse
    │   ├── UnknownFormat
    │   ├── DatabaseFailed
    │   ├── CommitTooLarge
    │   ├── SpaceLow
    │   ├── LogCorrupt
    │   ├── ArchiveDamaged
    │   ├── HistoryUnavailable
    │   ├── OwnershipLost
    │   └── StorageBroken
    │       └── LogTakenOver     (also OwnershipLost)
    ├── ValueCorrupt             (also ValueError)
    └── InternalError
"""

from pathlib import Path


class PerdureError(Exception):
    """Everything perdure raises on purpose."""


class UsageError(PerdureError):
    """Your code or your request asked for something that cannot be; it was not done."""


class ValueNotSerializable(UsageError, TypeError):
    """A value cannot be stored or sent.

    Attributes:
        type_name: The type that was refused, as ``module.Class``.
        where: Where inside the value it stood, for instance ``value["users"][3]``.
    """

    def __init__(self, type_name: str, where: str, hint: str = "") -> None:
        self.type_name = type_name
        self.where = where
        self.hint = hint
        super().__init__(type_name, where, hint)

    def __str__(self) -> str:
        text = f"{self.where} is of type {self.type_name}, which cannot be stored or sent"
        return f"{text}: {self.hint}" if self.hint else text


class InvalidArgument(UsageError, TypeError):
    """A call got an argument of the wrong type, or two that exclude each other."""


class LimitExceeded(UsageError, ValueError):
    """Something is larger, or there is more of it, than a documented limit allows.

    Attributes:
        limit: The setting under ``[perdure.limits]`` that says how much is allowed.
        allowed: Its value.
        actual: What was asked for.
    """

    def __init__(self, what: str, limit: str, allowed: int, actual: int) -> None:
        self.what = what
        self.limit = limit
        self.allowed = allowed
        self.actual = actual
        super().__init__(what, limit, allowed, actual)

    def __str__(self) -> str:
        return (
            f"{self.what}: {self.actual}, and no more than {self.allowed} is allowed "
            f"(perdure.limits.{self.limit})"
        )


class SqlError(UsageError):
    """SQLite refused a statement; nothing of that statement was done.

    ``str()`` is ``message[ at offset N]: CODE[ (extended: CODE)]``, as in workerd.

    Attributes:
        message: SQLite's message.
        code: The primary result code, for instance ``SQLITE_CONSTRAINT``; None where we refused.
        extended: The extended code when it says more, for instance ``SQLITE_CONSTRAINT_UNIQUE``.
        offset: Byte offset of the offending token in the query, when SQLite knows it.
    """

    def __init__(
        self,
        message: str,
        code: str | None = None,
        extended: str | None = None,
        offset: int | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.extended = extended
        self.offset = offset
        super().__init__(message, code, extended, offset)

    def __str__(self) -> str:
        text = self.message
        if self.offset is not None:
            text += f" at offset {self.offset}"
        if self.code:
            text += f": {self.code}"
        if self.extended:
            text += f" (extended: {self.extended})"
        return text


class ConstraintsViolatedAtCommit(UsageError):
    """A turn ended with a deferred constraint violated; everything it wrote was undone.

    The turn's handlers may have returned already, so the actor's memory now knows what the
    disk does not: like ``DatabaseFailed`` it ends with the actor starting again from disk.

    Attributes:
        message: What SQLite said, in the form of ``SqlError``.
    """

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)

    def __str__(self) -> str:
        return (
            "Durable Object was reset and rolled back to its last known good state because the "
            "application left the database in a state where constraints were violated: "
            f"{self.message}"
        )


class InvalidBookmark(UsageError):
    """A text is no bookmark of this actor.

    Attributes:
        text: What was given.
        problem: What is wrong with it.
    """

    def __init__(self, text: str, problem: str) -> None:
        self.text = text
        self.problem = problem
        super().__init__(text, problem)

    def __str__(self) -> str:
        return f"{self.text!r} {self.problem}"


class StorageError(PerdureError):
    """The disk, or what lies on it, does not do what it should.

    Attributes:
        path: The file or directory.
        problem: What is wrong with it.
        hint: What the operator can do.
    """

    def __init__(self, path: Path, problem: str, hint: str = "") -> None:
        self.path = path
        self.problem = problem
        self.hint = hint
        super().__init__(path, problem, hint)

    def __str__(self) -> str:
        text = f"{self.path}: {self.problem}"
        return f"{text}. {self.hint}" if self.hint else text


class DirectoryInUse(StorageError):
    """Another server holds this data directory.

    Attribute ``pid`` is that server's process id, or None when it is not known (yet).
    """

    def __init__(self, path: Path, problem: str, hint: str = "", *, pid: int | None = None) -> None:
        self.pid = pid
        super().__init__(path, problem, hint)


class UnknownFormat(StorageError):
    """The data directory was written by another version, or is not a data directory."""


class DatabaseFailed(StorageError):
    """An actor's database failed in a way that leaves its state in doubt.

    The actor that meets it must stop and start again from disk. Attribute ``code`` is
    SQLite's primary result code, for instance ``SQLITE_FULL`` or ``SQLITE_CORRUPT``.
    """

    def __init__(self, path: Path, problem: str, hint: str = "", *, code: str = "") -> None:
        self.code = code
        super().__init__(path, problem, hint)

    @property
    def is_damage(self) -> bool:
        """The file itself is damaged: to open it again would meet the same."""
        return self.code in _DAMAGE_CODES


_DAMAGE_CODES = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})


class OwnershipLost(StorageError):
    """An actor is in use elsewhere: its commits go to another log, or come from another process.

    Nothing was read or written here.
    """


class CommitTooLarge(StorageError):
    """What one actor has changed does not fit into one record of the commit log.

    All of it was undone, and the actor starts again from disk; others go on.

    Attributes:
        actual: How much it is.
        allowed: How much there may be.
    """

    def __init__(
        self, path: Path, problem: str, hint: str = "", *, actual: int = 0, allowed: int = 0
    ) -> None:
        self.actual = actual
        self.allowed = allowed
        super().__init__(path, problem, hint)

    @classmethod
    def of(
        cls, path: Path, what: str, actual: int, allowed: int, hint: str = ""
    ) -> "CommitTooLarge":
        """Return the error for ``what`` of which there is too much."""
        problem = f"{what}: {actual}, and no more than {allowed} is possible"
        return cls(path, problem, hint, actual=actual, allowed=allowed)


class SpaceLow(StorageError):
    """The disk is so full that no new actor is begun; those that exist go on.

    Attributes:
        free_size_bytes: What was left.
        size_bytes_min: Below how much new actors are refused.
    """

    def __init__(
        self,
        path: Path,
        problem: str,
        hint: str = "",
        *,
        free_size_bytes: int = 0,
        size_bytes_min: int = 0,
    ) -> None:
        self.free_size_bytes = free_size_bytes
        self.size_bytes_min = size_bytes_min
        super().__init__(path, problem, hint)

    @classmethod
    def of(cls, path: Path, free_size_bytes: int, size_bytes_min: int) -> "SpaceLow":
        """Return the error for a file system with so much left."""
        problem = (
            f"the file system has {free_size_bytes:,} bytes left, and below {size_bytes_min:,} no "
            "new actor is begun; those that exist go on"
        )
        hint = "Make room on it, or change perdure.free_space_size_bytes_min"
        return cls(
            path, problem, hint, free_size_bytes=free_size_bytes, size_bytes_min=size_bytes_min
        )


class LogCorrupt(StorageError):
    """The commit log lacks something that was durable once; starting would lose it for good."""


class ArchiveDamaged(StorageError):
    """A file of the archive cannot be read: states that need it cannot be had any more.

    What the actors hold now does not depend on it.
    """


class HistoryUnavailable(StorageError):
    """A state of an actor is asked for that is not kept: too old, or never there."""


class StorageBroken(StorageError):
    """The commit log failed. It is final for this process: nothing can be made durable any more.

    What was acknowledged is on the disk; the next process recovers it.
    """

    @classmethod
    def of(cls, path: Path, error: Exception) -> "StorageBroken":
        """Return what ``error`` means for all storage of this process."""
        problem = f"the commit log failed, and all storage of this process: {error}"
        if isinstance(error, OwnershipLost):
            return LogTakenOver(path, problem)
        hint = "Mend the disk or make room on it, and start again; what was acknowledged is there"
        return cls(path, problem, hint)


class LogTakenOver(StorageBroken, OwnershipLost):
    """Another process has opened this one's commit log, although its lock forbids it.

    As final as any ``StorageBroken``. What was not acknowledged may be in the log or not.
    """


class ValueCorrupt(PerdureError, ValueError):
    """Bytes that should hold a value do not: damaged, or written by a later version.

    Attributes:
        problem: What is wrong with them.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        return f"the bytes of this value cannot be read back: {self.problem}"


class InternalError(PerdureError):
    """A bug of perdure's own; please report it."""
