"""``create_backup`` and ``restore_backup``: a folder of a sandbox, kept outside."""

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
import math
import posixpath
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from ....actors.records import Record
from ..asking import Output
from ..backups.store import BackupFacts, BackupStore, checked_id
from ..errors import SandboxBackupError, SandboxError
from .commands import Commands

log = logging.getLogger("perdure.sandbox")

TTL_S: Final = 3 * 86_400.0
ROOTS: Final = ("/workspace", "/tmp")  # noqa: S108  # names inside
NAME_SIZE_MAX: Final = 256
EXCLUDES_MAX: Final = 1000
_WORKSPACE: Final = "/workspace"
_AT_ONCE_BYTES: Final = 1024 * 1024
# Folders in which a restore puts what it has not finished. They are in no backup.
_UNFINISHED: Final = ".perdure-restore-"
_NOT_FOUND: Final = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryBackup(Record):
    """A backup, as programs keep it: ``{"id": backup.id, "dir": backup.dir}`` will do as well.

    Attributes:
        id: Its own. Whoever has it can restore the backup.
        dir: Where it is restored to: the folder that it was made of, or another one.
    """

    id: str
    dir: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreBackupResult(Record):
    """A backup was restored.

    Attributes:
        success: True: all else is an error.
        dir: The folder that is as it was.
        id: The backup's.
    """

    success: bool
    dir: str
    id: str


class Backups(Commands):
    """Keeps folders outside, and brings them back, also in another sandbox of the program."""

    _backing_up: asyncio.Lock | None = None

    async def create_backup(
        self,
        *,
        dir: str = _WORKSPACE,  # noqa: A002  # the original's word
        name: str | None = None,
        ttl: float = TTL_S,
        excludes: Sequence[str] = (),
        gitignore: bool = False,
    ) -> DirectoryBackup:
        """Keep what is in a folder, in the server's data directory.

        It is on the disk when this returns, and stays when the sandbox is destroyed. Programs may
        go on meanwhile; what they write then is in it, or not.

        Args:
            dir: A folder at or below ``/workspace`` or ``/tmp``.
            name: For people, at most 256 characters.
            ttl: How long it is kept, in seconds; three days by default. Those whose time is over
                are removed when another one is made.
            excludes: Patterns of what to leave out: "node_modules", "*.log", "/dist" (only at the
                top).
            gitignore: Leave out what git ignores there, if it is a repository, or part of one.

        Raises:
            SandboxBackupError: An argument is none, or it cannot be made: it is larger, packed,
                than ``disk_size_bytes_max``, a file cannot be read, or the disk is full.
            SandboxFileNotFound: There is no such folder.
        """
        folder = _checked_folder(dir)
        _check(name, ttl, gitignore=gitignore)
        patterns = [*_patterns(excludes), f"{_UNFINISHED}*"]
        async with self._one_at_a_time() as store:
            await asyncio.to_thread(store.remove_expired)
            ignored = await self._ignored(folder) if gitignore else b""
            facts = await self._packed(store, folder, patterns, ignored, (name, float(ttl)))
        return DirectoryBackup(id=facts.id, dir=folder)

    async def restore_backup(
        self, backup: DirectoryBackup | Mapping[str, Any]
    ) -> RestoreBackupResult:
        """Put what was kept in the place of what is in a folder.

        All of it, or nothing: it is unpacked beside the folder first, so there has to be room for
        both. What is in the folder and not in the backup is gone afterwards. Programs that are in a
        folder below ``/workspace`` stay in the old one, which has no name any more.

        Args:
            backup: What ``create_backup`` gave, of any sandbox of the program; ``dir`` may be
                another folder.

        Raises:
            SandboxBackupError: There is no such backup, its time is over, or it is damaged or
                cannot be unpacked: then the folder is as it was.
        """
        backup_id, folder = _handle(backup)
        async with self._one_at_a_time() as store:
            facts = await asyncio.to_thread(store.find, backup_id)
            parent = folder if folder == _WORKSPACE else posixpath.dirname(folder)
            try:
                await self._unpack(store, facts, folder, parent)
            except SandboxError as error:
                if isinstance(error, SandboxBackupError) and error.code != "BACKUP_RESTORE_FAILED":
                    raise
                text = f"Backup {backup_id} cannot be restored to {folder}: {error}"
                context = {**error.context, "dir": folder, "backup_id": backup_id}
                raise SandboxBackupError("BACKUP_RESTORE_FAILED", text, context) from None
            with contextlib.suppress(SandboxError):  # it is restored, whatever else lies about
                await self._tidy(parent)
        return RestoreBackupResult(success=True, dir=folder, id=backup_id)

    async def delete_backup(self, backup: DirectoryBackup | Mapping[str, Any]) -> bool:
        """Remove a backup, before its time is over; say whether it was there.

        Raises:
            SandboxBackupError: It is none.
        """
        backup_id, _ = _handle(backup)
        return await asyncio.to_thread(BackupStore(self._home.folder).remove, backup_id)

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncIterator[BackupStore]:
        if self._backing_up is None:
            self._backing_up = asyncio.Lock()
        async with self._backing_up:
            yield BackupStore(self._home.folder)

    async def _packed(
        self,
        store: BackupStore,
        folder: str,
        patterns: list[str],
        ignored: bytes,
        told: tuple[str | None, float],
    ) -> BackupFacts:
        limit_bytes = self._home.config.disk_size_bytes_max
        fields = {"path": folder, "exclude": patterns, "listed": bool(ignored), "compressed": True}
        writer = await asyncio.to_thread(store.begin, limit_bytes)
        try:
            async with self._stream("archive", **fields) as stream:
                await stream.write(ignored)
                stream.end()
                waiting = bytearray()
                async for item in stream:
                    waiting += item.data if isinstance(item, Output) else b""
                    if len(waiting) >= _AT_ONCE_BYTES:
                        await asyncio.to_thread(writer.write, bytes(waiting))
                        waiting.clear()
            await asyncio.to_thread(writer.write, bytes(waiting))
            return await asyncio.to_thread(writer.commit, folder, *told)
        except BaseException:
            writer.discard()
            raise

    async def _unpack(
        self, store: BackupStore, facts: BackupFacts, folder: str, parent: str
    ) -> None:
        fresh = f"{parent}/{_UNFINISHED}{secrets.token_hex(8)}"
        await self._ask("mkdir", path=fresh, recursive=True)
        try:
            with await asyncio.to_thread(store.open, facts) as file:
                digest = hashlib.sha256()
                async with self._stream("unarchive", path=fresh, compressed=True) as stream:
                    async for piece in _pieces(file):
                        digest.update(piece)
                        await stream.write(piece)
                    stream.end()
                    await stream.answer()
            _check_digest(facts, digest.hexdigest())
            await self._ask("mkdir", path=folder, recursive=True)
            await self._ask("replace", path=folder, **{"with": fresh})
        except BaseException:
            with contextlib.suppress(SandboxError):  # the reason is what counts
                await self._ask("delete", path=fresh, recursive=True, forced=True)
            raise

    async def _tidy(self, parent: str) -> None:
        """Remove what an earlier restore has left whose worker, or sandbox, was killed."""
        for line in await self._lines("list", path=parent, hidden=True):
            name = json.loads(line)["name"]
            if name.startswith(_UNFINISHED):
                path = f"{parent}/{name}"
                with contextlib.suppress(SandboxError):
                    await self._ask("delete", path=path, recursive=True, forced=True)

    async def _ignored(self, folder: str) -> bytes:
        """What git ignores in a folder, a path for each line."""
        command = "git ls-files -z --others --ignored --exclude-standard --directory"
        result = await Commands.exec(
            self, command, cwd=folder, env={"GIT_CONFIG_NOSYSTEM": "1"}, encoding="base64"
        )
        if result.exit_code == _NOT_FOUND:
            text = "sandbox.backup_without_gitignore"
            log.warning(text, extra={"sandbox": self._id, "why": "there is no git inside"})
        if not result.success:
            return b""
        if result.dropped_bytes:
            text = f"git ignores too many paths below {folder}: name them in excludes"
            raise SandboxBackupError("BACKUP_CREATE_FAILED", text, {"dir": folder})
        paths = base64.b64decode(result.stdout).split(b"\0")
        # tar(1) reads them by lines: a name with a newline in it is kept.
        return b"".join(b"./" + p.rstrip(b"/") + b"\n" for p in paths if p and b"\n" not in p)


def _check_digest(facts: BackupFacts, digest: str) -> None:
    if digest != facts.digest:
        raise SandboxBackupError("BACKUP_RESTORE_FAILED", "its archive is damaged")


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(file.read, _AT_ONCE_BYTES):
            yield piece
    except OSError as error:
        text = f"its archive cannot be read: {error.strerror}"
        raise SandboxBackupError("BACKUP_RESTORE_FAILED", text) from None


def _handle(backup: Any) -> tuple[str, str]:
    if isinstance(backup, DirectoryBackup):
        return checked_id(backup.id), _checked_folder(backup.dir)
    if isinstance(backup, Mapping):
        return checked_id(backup.get("id")), _checked_folder(backup.get("dir"))
    raise _invalid("backup", "A backup is what create_backup gave, or a dict of its id and dir")


def _checked_folder(folder: Any) -> str:
    if not isinstance(folder, str) or not folder.startswith("/") or "\0" in folder:
        raise _invalid("dir", "dir is an absolute path inside the sandbox")
    if ".." in folder.split("/"):
        raise _invalid("dir", "dir has no '..' in it")
    path = posixpath.normpath(f"/{folder.lstrip('/')}")
    is_root = path in ROOTS
    if path == "/tmp" or not (is_root or path.startswith(tuple(f"{each}/" for each in ROOTS))):  # noqa: S108  # as above
        raise _invalid("dir", f"dir is /workspace, or a folder below {' or '.join(ROOTS)}")
    return path


def _check(name: Any, ttl: Any, *, gitignore: Any) -> None:
    if name is not None:
        if not isinstance(name, str) or len(name) > NAME_SIZE_MAX:
            raise _invalid("name", f"name is text of at most {NAME_SIZE_MAX} characters")
        if any(ord(each) < ord(" ") or each == "\x7f" for each in name):
            raise _invalid("name", "name has no control characters")
    is_number = isinstance(ttl, int | float) and not isinstance(ttl, bool)
    if not is_number or not 0 < ttl < math.inf:
        raise _invalid("ttl", f"ttl is a number of seconds, more than 0, not {ttl!r}")
    if not isinstance(gitignore, bool):
        raise _invalid("gitignore", "gitignore is true or false")


def _patterns(excludes: Any) -> list[str]:
    if isinstance(excludes, str) or not isinstance(excludes, Sequence):
        raise _invalid("excludes", "excludes is a list of patterns")
    if len(excludes) > EXCLUDES_MAX:
        raise _invalid("excludes", f"excludes has at most {EXCLUDES_MAX:,} patterns")
    return [_pattern(each) for each in excludes]


def _pattern(given: Any) -> str:
    """A pattern as tar(1) has it, whose ``*`` also means slashes."""
    if not isinstance(given, str) or "\0" in given:
        raise _invalid("excludes", "excludes is a list of patterns, which are text")
    pattern = given.rstrip("/")
    while pattern.startswith("**/"):
        pattern = pattern[3:]
    while pattern.endswith("/**"):
        pattern = pattern[:-3].rstrip("/")
    if pattern.strip("*./") == "" or len(pattern) > NAME_SIZE_MAX * 4:
        raise _invalid("excludes", f"excludes: {given!r} would leave out all, or is no pattern")
    return f".{pattern}" if pattern.startswith("/") else pattern


def _invalid(reason: str, text: str) -> SandboxBackupError:
    return SandboxBackupError("INVALID_BACKUP_CONFIG", text, {"reason": reason})
