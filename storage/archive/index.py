"""Where in the archive which actor's records are.

*Promise*: it says what the archive's files say. It can be thrown away and made anew from them.
*Assumes*: those who write, one for each log, and those who read have an ``ArchiveIndex`` each, used
in one thread.
*Rules for editing*: a file of the archive is durable before it is known here, and is not known
here any more before it is deleted.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import apsw

from ..errors import DatabaseFailed
from ..sqlite_errors import name_of
from .copies import Snapshot
from .spans import Span

VERSION = 1
Order = tuple[int, int]  # incarnation and commit, as in Record.order
Actor = tuple[str, bytes]

# Not WAL: beside it SQLite maps a file into memory, and writing there when the disk is full ends
# the process with SIGBUS. (It asks for one byte of each page only; file systems with smaller
# blocks, or which copy on write, have no room for the rest.) Readers are short; a writer waits for
# them. With TRUNCATE, and not with DELETE, the end of a transaction is durable at once.
_SET_UP = """
    PRAGMA journal_mode = TRUNCATE;
    PRAGMA synchronous = FULL;
"""
_SCHEMA = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS files (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, slot TEXT NOT NULL,
        first_lsn INTEGER NOT NULL, last_lsn INTEGER NOT NULL, incarnation INTEGER NOT NULL,
        first_commit INTEGER NOT NULL, last_commit INTEGER NOT NULL,
        first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, size_bytes INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS spans (
        unique_key TEXT NOT NULL, actor_id BLOB NOT NULL,
        incarnation INTEGER NOT NULL, first_commit INTEGER NOT NULL, last_commit INTEGER NOT NULL,
        base_commit INTEGER NOT NULL, base_kind INTEGER NOT NULL,
        first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL, file INTEGER NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (unique_key, actor_id, incarnation, first_commit, file)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS spans_by_file ON spans (file);
    CREATE TABLE IF NOT EXISTS snapshots (
        unique_key TEXT NOT NULL, actor_id BLOB NOT NULL,
        incarnation INTEGER NOT NULL, commit_ INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (unique_key, actor_id, incarnation, commit_)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS ends (
        slot TEXT PRIMARY KEY, last_lsn INTEGER NOT NULL, incarnation INTEGER NOT NULL,
        last_commit INTEGER NOT NULL, last_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    PRAGMA user_version = {VERSION};
    COMMIT;
"""
_FILE_COLUMNS = (
    "name, slot, first_lsn, last_lsn, incarnation, first_commit, last_commit, first_ms, last_ms,"
    " size_bytes"
)
_SPANS = (
    "SELECT files.name, spans.position, spans.incarnation, spans.first_commit, spans.last_commit,"
    " spans.base_commit, spans.base_kind, spans.first_ms, spans.last_ms, spans.size_bytes,"
    " files.slot"
    " FROM spans JOIN files ON files.id = spans.file"
    " WHERE spans.unique_key = ? AND spans.actor_id = ?"
    " ORDER BY spans.incarnation, spans.first_commit"
)
_SNAPSHOTS = (
    "SELECT incarnation, commit_, size_bytes, name FROM snapshots"
    " WHERE unique_key = ? AND actor_id = ? ORDER BY incarnation, commit_"
)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of the archive.

    Attributes:
        name: Its path below the archive's directory.
        slot: Which log it comes from.
        first_lsn: The first record of that log which is in it.
        last_lsn: The last one.
        incarnation: Theirs.
        first_commit: The lowest commit number.
        last_commit: The highest.
        first_ms: When its first record was written, in Unix milliseconds.
        last_ms: When its last one was.
        size_bytes: Its length.
    """

    name: str
    slot: str
    first_lsn: int
    last_lsn: int
    incarnation: int
    first_commit: int
    last_commit: int
    first_ms: int
    last_ms: int
    size_bytes: int

    @property
    def first(self) -> Order:
        """The lowest order of its records."""
        return self.incarnation, self.first_commit

    @property
    def last(self) -> Order:
        """The highest."""
        return self.incarnation, self.last_commit


@dataclass(frozen=True, slots=True)
class End:
    """The last record of a log that is in the archive.

    Attributes:
        lsn: Its number in the log; 0 if there is none.
        order: Its incarnation and commit.
        time_ms: When it was written, in Unix milliseconds.
    """

    lsn: int = 0
    order: Order = (0, 0)
    time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the history that is missing, for whatever actor.

    Attributes:
        before: Order of the last record before it.
        after: Order of the first one after it.
        since_ms: When the last one before it was written, in Unix milliseconds.
    """

    before: Order
    after: Order
    since_ms: int


@dataclass(frozen=True, slots=True)
class SpanPlace:
    """Where some of an actor's records are, and from which log; see ``Span``.

    ``size_bytes`` is what has to be read to have them.
    """

    file: str
    position: int
    incarnation: int
    first_commit: int
    last_commit: int
    base_commit: int
    base_kind: int
    first_ms: int
    last_ms: int
    size_bytes: int
    slot: str

    @property
    def first(self) -> Order:
        """Order of the first of them."""
        return self.incarnation, self.first_commit

    @property
    def last(self) -> Order:
        """Order of the last."""
        return self.incarnation, self.last_commit

    @property
    def base(self) -> Order | None:
        """Order of the last one that what was before does not matter to."""
        return (self.incarnation, self.base_commit) if self.base_commit else None


class ArchiveIndex:
    """The index of one archive; close it when done."""

    __slots__ = ("_connection", "_identity", "_path")

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the index at ``path``, which is made if it is not there.

        Raises:
            DatabaseFailed: It cannot be opened, is damaged, or is of another version.
        """
        self._path = path
        self._identity: tuple[int, int] | None = None
        try:
            if read_only:
                # SQLite's word for it is not used: who has that may not put back what a process
                # had begun that was killed.
                self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
                self._connection.set_busy_timeout(10_000)
                return
            is_new = not path.exists()
            self._connection = apsw.Connection(str(path))
        except apsw.Error as error:
            raise self._failure(error) from error
        try:
            self._connection.set_busy_timeout(10_000)
            self._set_up(is_new=is_new)
            self._identity = _identity(path)
        except DatabaseFailed:
            self.close()
            raise

    def _set_up(self, *, is_new: bool) -> None:
        if is_new:
            self._execute(_SCHEMA)
        ((version,),) = self._execute("PRAGMA user_version")
        if version != VERSION:
            problem = f"the index of the archive has version {version}"
            raise DatabaseFailed(self._path, problem, code="SQLITE_NOTADB")
        self._execute(_SET_UP)
        ((verdict,),) = self._execute("PRAGMA quick_check(1)")
        if verdict != "ok":
            problem = f"the index of the archive is damaged: {verdict}"
            raise DatabaseFailed(self._path, problem, code="SQLITE_CORRUPT")

    @property
    def is_current(self) -> bool:
        """The file is still the one at its path; who makes an index anew replaces it."""
        return _identity(self._path) == self._identity

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with contextlib.suppress(apsw.Error):
            self._connection.close()

    # --- files -------------------------------------------------------------------------------

    def files(self) -> list[ArchiveFile]:
        """Return all files, the one that was added first at the front."""
        sql = f"SELECT {_FILE_COLUMNS} FROM files ORDER BY id"  # noqa: S608  # our own
        return [ArchiveFile(*row) for row in self._execute(sql)]

    def add_file(self, file: ArchiveFile, spans: Iterable[Span]) -> None:
        """Know ``file``, which is durable, and what is in it."""
        with self._transaction():
            sql = (
                f"INSERT INTO files ({_FILE_COLUMNS})"  # noqa: S608  # our own
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
            )
            ((number,),) = self._execute(sql, astuple(file))
            sql = "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            rows = (_row(span, number) for span in spans)
            self._connection.executemany(sql, rows)
            end = (file.slot, file.last_lsn, file.incarnation, file.last_commit, file.last_ms)
            self._execute("INSERT OR REPLACE INTO ends VALUES (?, ?, ?, ?, ?)", end)

    def remove_file(self, name: str, ends: Mapping[Actor, Order]) -> list[str]:
        """Know the file of this name no more, nor copies of actors from before their ``ends``.

        In one step: from such a copy and without the file's records a wrong state would be made.

        Returns:
            The names of those copies.
        """
        with self._transaction():
            of_file = "file = (SELECT id FROM files WHERE name = ?)"
            self._execute(f"DELETE FROM spans WHERE {of_file}", (name,))  # noqa: S608  # our own
            self._execute("DELETE FROM files WHERE name = ?", (name,))
            sql = (
                "DELETE FROM snapshots WHERE unique_key = ? AND actor_id = ?"
                " AND (incarnation, commit_) < (?, ?) RETURNING name"
            )
            rows = [self._execute(sql, (*actor, *end)) for actor, end in ends.items()]
            return [copy for found in rows for (copy,) in found]

    def ends(self) -> dict[str, End]:
        """Return by slot the last record of its log that was ever here."""
        rows = self._execute("SELECT slot, last_lsn, incarnation, last_commit, last_ms FROM ends")
        return {slot: End(lsn, (number, commit), ms) for slot, lsn, number, commit, ms in rows}

    def size_bytes(self) -> int:
        """Return how much all files and snapshots take."""
        sql = (
            "SELECT (SELECT coalesce(sum(size_bytes), 0) FROM files)"
            " + (SELECT coalesce(sum(size_bytes), 0) FROM snapshots)"
        )
        ((size,),) = self._execute(sql)
        return int(size)

    # --- actors ------------------------------------------------------------------------------

    def spans(self, actor: Actor) -> list[SpanPlace]:
        """Return where an actor's records are, in their order."""
        return [SpanPlace(*row) for row in self._execute(_SPANS, actor)]

    def actors_in(self, name: str) -> list[Actor]:
        """Return whose records are in a file."""
        sql = (
            "SELECT DISTINCT unique_key, actor_id FROM spans"
            " WHERE file = (SELECT id FROM files WHERE name = ?)"
        )
        return [(key, actor_id) for key, actor_id in self._execute(sql, (name,))]

    def namespaces(self) -> list[str]:
        """Return the namespaces of all actors whose records are here."""
        return [key for (key,) in self._execute("SELECT DISTINCT unique_key FROM spans")]

    def snapshots(self, actor: Actor) -> list[Snapshot]:
        """Return an actor's snapshots, in their order."""
        rows = self._execute(_SNAPSHOTS, actor)
        return [Snapshot((number, commit), size, name) for number, commit, size, name in rows]

    def all_snapshots(self) -> list[tuple[Actor, Snapshot]]:
        """Return the snapshots of all actors."""
        sql = "SELECT unique_key, actor_id, incarnation, commit_, size_bytes, name FROM snapshots"
        return [
            ((key, actor_id), Snapshot((number, commit), size, name))
            for key, actor_id, number, commit, size, name in self._execute(sql)
        ]

    def add_snapshot(self, actor: Actor, snapshot: Snapshot) -> None:
        """Know a snapshot, which is durable."""
        row = (*actor, *snapshot.order, snapshot.size_bytes, snapshot.name)
        self._execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?)", row)

    def remove_snapshot(self, actor: Actor, order: Order) -> None:
        """Know a snapshot no more."""
        sql = (
            "DELETE FROM snapshots WHERE unique_key = ? AND actor_id = ?"
            " AND incarnation = ? AND commit_ = ?"
        )
        self._execute(sql, (*actor, *order))

    @contextlib.contextmanager
    def as_one(self) -> Iterator[None]:
        """Have all that is read meanwhile be of one moment."""
        self._execute("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(apsw.Error):
                self._connection.execute("COMMIT")

    # --- below -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE: who only finds out later that somebody else writes cannot wait any more.
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(apsw.Error):
                self._connection.execute("ROLLBACK")
            if isinstance(error, apsw.Error):
                raise self._failure(error) from error
            raise

    def _execute(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: apsw.Error) -> DatabaseFailed:
        problem = f"the index of the archive failed: {error}"
        return DatabaseFailed(self._path, problem, code=name_of(error))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _row(span: Span, file: int) -> tuple[Any, ...]:
    return (
        span.unique_key,
        span.actor_id,
        span.incarnation,
        span.first_commit,
        span.last_commit,
        span.base_commit,
        span.base_kind,
        span.first_ms,
        span.last_ms,
        span.stored_size_bytes,
        file,
        span.position,
    )
