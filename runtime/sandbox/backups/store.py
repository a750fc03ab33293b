"""Where backups are kept: each a file that nobody outside unpacks, and one that tells of it.

*Promise*: what ``find`` gives is whole and on the disk, whenever the machine was switched off:
first the archive, then what says that there is one. Who reads one goes on when it is removed.
*Assumes*: blocking; called in threads.
"""

import contextlib
import json
import math
import os
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

from ..errors import SandboxBackupError

FOLDER_NAME: Final = "backups"
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_ARCHIVE, _FACTS, _PART = ".tar.gz", ".json", ".part"
# What a server left behind that was killed.
_ABANDONED_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFacts:
    """What is known of a backup.

    Attributes:
        id: Its own.
        dir: Of which folder.
        name: For people.
        created_at_s: Unix time.
        ttl_s: How long it is kept.
        size_bytes: Of the archive.
        digest: Of the archive: SHA-256, hex.
    """

    id: str
    dir: str
    name: str | None
    created_at_s: float
    ttl_s: float
    size_bytes: int
    digest: str

    @property
    def expires_at_s(self) -> float:
        """When it is to be removed."""
        return self.created_at_s + self.ttl_s


class BackupStore:
    """All of one data directory.

    Args:
        sandboxes: The folder of all sandboxes, in which they have one of their own.
    """

    def __init__(self, sandboxes: Path) -> None:
        self._folder = sandboxes / FOLDER_NAME

    def begin(self, limit_bytes: int | None) -> "BackupWriter":
        """Begin a new one, of at most so many bytes.

        Raises:
            SandboxBackupError: The disk is full.
        """
        backup_id = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return BackupWriter(self._folder, backup_id, limit_bytes)
        except OSError as error:
            raise _not_made(f"No backup can be begun: {error}") from None

    def find(self, backup_id: str) -> BackupFacts:
        """What is known of one.

        Raises:
            SandboxBackupError: There is none, or its time is over.
        """
        facts = self._facts(self._folder / f"{checked_id(backup_id)}{_FACTS}")
        if facts is None:
            text = f"There is no backup {backup_id}: it was deleted, or belongs to another server"
            raise SandboxBackupError("BACKUP_NOT_FOUND", text, {"backup_id": backup_id})
        if facts.expires_at_s <= time.time():
            text = f"The time of backup {backup_id} is over: it was kept for {facts.ttl_s:g} s"
            raise SandboxBackupError("BACKUP_EXPIRED", text, {"backup_id": backup_id})
        return facts

    def open(self, facts: BackupFacts) -> BinaryIO:
        """The archive of one.

        Raises:
            SandboxBackupError: It is gone.
        """
        try:
            return (self._folder / f"{facts.id}{_ARCHIVE}").open("rb")
        except OSError as error:
            text = f"The archive of backup {facts.id} cannot be read: {error.strerror}"
            raise SandboxBackupError("BACKUP_NOT_FOUND", text, {"backup_id": facts.id}) from None

    def remove(self, backup_id: str) -> bool:
        """Remove one; say whether it was there."""
        path = self._folder / checked_id(backup_id)
        try:
            path.with_name(f"{backup_id}{_FACTS}").unlink()
        except FileNotFoundError:
            was_there = False
        else:
            was_there = True
        path.with_name(f"{backup_id}{_ARCHIVE}").unlink(missing_ok=True)
        return was_there

    def remove_expired(self) -> int:
        """Remove those whose time is over, and what was never finished; say how many there were."""
        now_s, count = time.time(), 0
        for path in self._entries():
            if path.suffix == _FACTS:
                facts = self._facts(path)
                if facts is not None and facts.expires_at_s <= now_s:
                    count += self.remove(facts.id)
            elif self._is_abandoned(path, now_s):
                path.unlink(missing_ok=True)
        return count

    def _entries(self) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError):
            yield from sorted(self._folder.iterdir())

    def _is_abandoned(self, path: Path, now_s: float) -> bool:
        """Whether a file belongs to no backup, and to none that is being made."""
        if path.name.endswith(_ARCHIVE):
            if path.with_name(f"{path.name.removesuffix(_ARCHIVE)}{_FACTS}").exists():
                return False
        elif path.suffix != _PART:
            return False
        with contextlib.suppress(FileNotFoundError):
            return now_s - path.stat().st_mtime > _ABANDONED_S
        return False

    def _facts(self, path: Path) -> BackupFacts | None:
        try:
            told = json.loads(path.read_bytes())
            facts = BackupFacts(**told)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return None  # not one of ours
        numbers = facts.created_at_s, facts.ttl_s, facts.size_bytes
        is_ours = facts.id == path.stem and _ID.fullmatch(path.stem)
        return facts if is_ours and all(type(each) in {int, float} for each in numbers) else None


class BackupWriter:
    """One that is being made.

    Attributes:
        id: Its own.
    """

    def __init__(self, folder: Path, backup_id: str, limit_bytes: int | None) -> None:
        self.id = backup_id
        self._folder = folder
        self._limit_bytes = math.inf if limit_bytes is None else limit_bytes
        self._part = folder / f"{backup_id}{_ARCHIVE}{_PART}"
        self._size_bytes = 0
        self._digest = sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._part, flags, 0o600), "wb", buffering=0)

    def write(self, data: bytes) -> None:
        """Take what comes.

        Raises:
            SandboxBackupError: It is too much, or the disk is full.
        """
        self._size_bytes += len(data)
        if self._size_bytes > self._limit_bytes:
            text = (
                f"The backup is larger than {self._limit_bytes:,} bytes, packed: leave something "
                "out (excludes), or raise [perdure.sandbox] disk_size_bytes_max"
            )
            raise _not_made(text)
        self._digest.update(data)
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise _not_made(f"The backup cannot be written: {error.strerror}") from None

    def commit(self, folder: str, name: str | None, ttl_s: float) -> BackupFacts:
        """Have all of it on the disk, and be found from now on.

        Raises:
            SandboxBackupError: The disk is full.
        """
        facts = BackupFacts(
            id=self.id,
            dir=folder,
            name=name,
            created_at_s=time.time(),
            ttl_s=ttl_s,
            size_bytes=self._size_bytes,
            digest=self._digest.hexdigest(),
        )
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.rename(self._folder / f"{self.id}{_ARCHIVE}")
            self._write_facts(facts)
        except OSError as error:
            raise _not_made(f"The backup cannot be written: {error.strerror}") from None
        return facts

    def discard(self) -> None:
        """Leave nothing of one that was not finished."""
        with contextlib.suppress(OSError):
            self._file.close()
        for ending in (_FACTS, _FACTS + _PART, _ARCHIVE, _ARCHIVE + _PART):
            with contextlib.suppress(OSError):
                (self._folder / f"{self.id}{ending}").unlink(missing_ok=True)

    def _write_facts(self, facts: BackupFacts) -> None:
        path = self._folder / f"{self.id}{_FACTS}"
        part = path.with_name(path.name + _PART)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(facts), file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        for folder in (self._folder, self._folder.parent):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def checked_id(backup_id: Any) -> str:
    """The id of a backup, which is part of a path.

    Raises:
        SandboxBackupError: It is none.
    """
    if not isinstance(backup_id, str) or not _ID.fullmatch(backup_id):
        text = "A backup's id is what create_backup gave: eight-four-four-four-twelve hex digits"
        raise SandboxBackupError("INVALID_BACKUP_CONFIG", text, {"reason": "id"})
    return backup_id


def _not_made(text: str) -> SandboxBackupError:
    return SandboxBackupError("BACKUP_CREATE_FAILED", text)
