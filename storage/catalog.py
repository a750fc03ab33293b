"""What a data directory holds: its workers, their namespaces, the migrations applied.

It is read at the start of a server and written by migrations, off every hot path, so it may be
asynchronous where the rest of storage is not.

*Promise*: each step is applied wholly or not at all, and is durable when ``apply`` returns.
A namespace is deleted in three moves, each of which may be repeated after a crash: ``apply``
marks it ``deleting``; its files go to the trash (storage/directory.py); ``mark_deleted``.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import aiosqlite

from .errors import InternalError, StorageError, UnknownFormat

Storage = Literal["sqlite", "kv"]
NamespaceState = Literal["live", "deleting", "deleted"]

_SCHEMA_VERSION = 1
_SCHEMA = f"""
    CREATE TABLE workers (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE namespaces (
        unique_key TEXT PRIMARY KEY,
        worker TEXT NOT NULL,
        class_name TEXT NOT NULL,
        storage TEXT NOT NULL CHECK (storage IN ('sqlite', 'kv')),
        state TEXT NOT NULL CHECK (state IN ('live', 'deleting', 'deleted')),
        created_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE migrations (
        worker TEXT NOT NULL,
        tag TEXT NOT NULL,
        position INTEGER NOT NULL,
        applied_ms INTEGER NOT NULL,
        PRIMARY KEY (worker, tag)
    ) WITHOUT ROWID;
    PRAGMA user_version = {_SCHEMA_VERSION};
"""
_SAME_CLASS_TWICE = (
    "SELECT worker, class_name FROM namespaces WHERE state = 'live'"
    " GROUP BY worker, class_name HAVING count(*) > 1"
)


@dataclass(frozen=True, slots=True)
class NamespaceRecord:
    """A namespace: the actors of one class of one worker.

    Attributes:
        unique_key: From which ids are made, and under which data lies; it never changes.
        worker: The worker that has the class now.
        class_name: The class's name now.
        storage: ``sqlite``, or ``kv`` for a class from ``new_classes``.
        state: ``live``; ``deleting`` while its files are on their way to the trash; ``deleted``.
        created_ms: When it was created, in Unix milliseconds.
    """

    unique_key: str
    worker: str
    class_name: str
    storage: Storage
    state: NamespaceState
    created_ms: int


@dataclass(frozen=True, slots=True)
class CreateNamespace:
    """A new class; its key must be free, or that of a namespace deleted before."""

    unique_key: str
    class_name: str
    storage: Storage


@dataclass(frozen=True, slots=True)
class RenameNamespace:
    """A live namespace's class has another name now."""

    unique_key: str
    class_name: str


@dataclass(frozen=True, slots=True)
class TransferNamespace:
    """A live namespace, until now of another worker, belongs to the step's worker."""

    unique_key: str
    class_name: str


@dataclass(frozen=True, slots=True)
class DeleteNamespace:
    """A live namespace is to be deleted."""

    unique_key: str


Change = CreateNamespace | RenameNamespace | TransferNamespace | DeleteNamespace


@dataclass(frozen=True, slots=True)
class CatalogStep:
    """One migration of one worker.

    Attributes:
        worker: The worker.
        tag: The migration's tag.
        time_ms: Now, in Unix milliseconds.
        changes: What it does, in order.
    """

    worker: str
    tag: str
    time_ms: int
    changes: tuple[Change, ...] = ()


class Catalog:
    """The catalog of a data directory; close it, or use it in an ``async with``."""

    __slots__ = ("_connection", "_path", "_turn")

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self._path = path
        self._connection = connection
        self._turn = asyncio.Lock()  # one connection has one transaction at a time

    @classmethod
    async def open(cls, path: Path) -> "Catalog":
        """Open the catalog at ``path``, which is made if it is not there.

        Raises:
            UnknownFormat: A later version wrote it.
            StorageError: It cannot be opened, or is damaged.
        """
        try:
            # aiosqlite's thread may outlive the loop if it is its connecting that fails.
            await asyncio.to_thread(_try_to_open, path)
            # No implicit transactions of sqlite3's own: ours are explicit.
            connection = await aiosqlite.connect(path, isolation_level=None)
        except sqlite3.Error as error:
            raise _failure(path, error) from error
        catalog = cls(path, connection)
        try:
            await catalog._set_up()
        except StorageError:
            await catalog.close()
            raise
        return catalog

    async def __aenter__(self) -> "Catalog":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the file; closing twice does nothing."""
        await self._connection.close()

    async def worker_names(self) -> list[str]:
        """Return the names of all workers that have used this directory, sorted."""
        return [name for (name,) in await self._rows("SELECT name FROM workers ORDER BY name")]

    async def record_worker(self, name: str) -> None:
        """Remember that this worker uses the directory; it may be known already."""
        async with self._transaction():
            await self._run("INSERT OR IGNORE INTO workers VALUES (?)", (name,))

    async def namespaces(self, worker: str | None = None) -> list[NamespaceRecord]:
        """Return the namespaces of a worker, or of all, in whatever state, by their keys."""
        sql = (
            "SELECT unique_key, worker, class_name, storage, state, created_ms FROM namespaces"
            " WHERE ? IS NULL OR worker = ? ORDER BY unique_key"
        )
        return [NamespaceRecord(*row) for row in await self._rows(sql, (worker, worker))]

    async def applied_tags(self, worker: str) -> list[str]:
        """Return the tags of the worker's migrations, in the order in which they were applied."""
        sql = "SELECT tag FROM migrations WHERE worker = ? ORDER BY position"
        return [tag for (tag,) in await self._rows(sql, (worker,))]

    async def apply(self, step: CatalogStep) -> None:
        """Record a migration together with what it changes; durable on return.

        Raises:
            InternalError: The step does not fit the catalog (its tag was applied before, a
                namespace is not in the state the change needs, two live namespaces would have
                one class); nothing was changed.
        """
        async with self._transaction():
            tags = await self.applied_tags(step.worker)
            if step.tag in tags:
                raise InternalError(f"migration {step.tag!r} of {step.worker!r} is applied already")
            for change in step.changes:
                await self._change(step, change)
            if twice := await self._rows(_SAME_CLASS_TWICE):
                raise InternalError(f"two namespaces would be of class {twice[0]}")
            await self._run("INSERT OR IGNORE INTO workers VALUES (?)", (step.worker,))
            row = (step.worker, step.tag, len(tags), step.time_ms)
            await self._run("INSERT INTO migrations VALUES (?, ?, ?, ?)", row)

    async def mark_deleted(self, unique_key: str) -> None:
        """Say that the files of a namespace that was ``deleting`` are in the trash.

        It may have been said before.
        """
        async with self._transaction():
            sql = "UPDATE namespaces SET state = 'deleted' WHERE unique_key = ? AND state <> 'live'"
            await self._change_one(sql, (unique_key,), f"deletion of {unique_key!r}")

    async def _change(self, step: CatalogStep, change: Change) -> None:
        key = change.unique_key
        if isinstance(change, CreateNamespace):
            sql = (
                "INSERT INTO namespaces VALUES (?, ?, ?, ?, 'live', ?)"
                " ON CONFLICT (unique_key) DO UPDATE SET worker = excluded.worker,"
                " class_name = excluded.class_name, storage = excluded.storage,"
                " state = 'live', created_ms = excluded.created_ms WHERE state = 'deleted'"
            )
            row: tuple[Any, ...]
            row = (key, step.worker, change.class_name, change.storage, step.time_ms)
        elif isinstance(change, RenameNamespace):
            sql = (
                "UPDATE namespaces SET class_name = ?"
                " WHERE unique_key = ? AND worker = ? AND state = 'live'"
            )
            row = (change.class_name, key, step.worker)
        elif isinstance(change, TransferNamespace):
            sql = (
                "UPDATE namespaces SET worker = ?, class_name = ?"
                " WHERE unique_key = ? AND state = 'live'"
            )
            row = (step.worker, change.class_name, key)
        else:
            sql = (
                "UPDATE namespaces SET state = 'deleting'"
                " WHERE unique_key = ? AND worker = ? AND state = 'live'"
            )
            row = (key, step.worker)
        await self._change_one(sql, row, f"{change} in migration {step.tag!r}")

    async def _change_one(self, sql: str, row: tuple[Any, ...], what: str) -> None:
        if await self._run(sql, row) != 1:
            raise InternalError(f"the catalog does not allow {what}")

    async def _set_up(self) -> None:
        # EXCLUSIVE is left out: `perdure check` reads the catalog beside a running server. And
        # without it not WAL, for the reason in storage/archive/index.py.
        await self._run("PRAGMA journal_mode = TRUNCATE")
        await self._run("PRAGMA synchronous = FULL")
        async with self._transaction():
            ((version,),) = await self._rows("PRAGMA user_version")
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    await self._run(statement)
            elif version != _SCHEMA_VERSION:
                problem = f"has version {version}; {_SCHEMA_VERSION} is known"
                raise UnknownFormat(self._path, problem, "Use a later version of perdure")

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._turn:
            try:
                await self._run("BEGIN IMMEDIATE")
                yield
                await self._run("COMMIT")
            except BaseException:
                # A cancelled call still runs to its end in aiosqlite's thread, before this one.
                # This one fails where there is nothing to undo any more.
                with suppress(StorageError):
                    await self._run("ROLLBACK")
                raise

    async def _run(self, sql: str, bindings: tuple[Any, ...] = ()) -> int:
        try:
            async with self._connection.execute(sql, bindings) as cursor:
                return cursor.rowcount
        except sqlite3.Error as error:
            raise _failure(self._path, error) from error

    async def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return list(await self._connection.execute_fetchall(sql, bindings))
        except sqlite3.Error as error:
            raise _failure(self._path, error) from error


def _try_to_open(path: Path) -> None:
    sqlite3.connect(path).close()


def _failure(path: Path, error: sqlite3.Error) -> StorageError:
    return StorageError(path, f"the catalog cannot be used: {error}")
