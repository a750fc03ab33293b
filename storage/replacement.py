"""Puts another file in an actor's place, or takes its file away: restore, import, delete.

*Promise*: an actor's file is the old one or the new one, whatever is killed when; once a call has
returned it is the new one, durably. The state before can be had back, by the bookmark that is
returned, for as long as history is kept.
*Assumes*: nobody has the actor's database open, from before the call until after it; one call for
an actor at a time.
*Rules for editing*: the new file, synced, in ``drafts/``; its copy for the archive; the record,
durable; the rename. Until that is done the checkpointer is held at the record, else it would
be forgotten before what it tells of has happened. Before the record a failure leaves nothing
behind; after it nothing is taken back: the next opening finishes what the log says.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from .archive.past import PENDING
from .bookmark import Bookmark
from .checkpointer import Checkpointer
from .durable_append import all_durable, append_durably
from .durable_files import make_directory, sync_directory, sync_file
from .errors import DatabaseFailed, StorageError
from .history import History
from .immutable import open_immutable
from .journal import Leftovers
from .layout import Layout
from .log import CommitLog
from .logformat import NO_ALARM, Change, RecordKind
from .marks import Marks
from .recovery import WAL_SUFFIXES
from .sqlite_errors import name_of
from .template import (
    APPLICATION_ID,
    PAGE_SIZE_BYTES,
    READ_VERSION,
    WAL,
    WRITE_VERSION,
    standard_template,
)
from .wal import WalUnreadable

_OURS = "SELECT count(*) FROM sqlite_schema WHERE name IN ('_cf_KV', '_cf_METADATA')"
_ALARM = "SELECT value FROM _cf_METADATA WHERE key = 'alarm'"

# Namespace, actor's id, when its alarm is due (Unix milliseconds) or None, the log's record.
AlarmChanged = Callable[[str, bytes, int | None, int], None]


class Replacements:
    """Replaces the files of one log's actors."""

    def __init__(
        self,
        layout: Layout,
        log: CommitLog,
        checkpointer: Checkpointer,
        history: History,
        leftovers: Leftovers,
        marks: Marks,
        alarm_changed: AlarmChanged,
        *,
        has_archive: bool,
    ) -> None:
        self._layout = layout
        self._log = log
        self._checkpointer = checkpointer
        self._slot = log.slot
        self._recorded: set[Path] = set()
        self._has_archive = has_archive
        self._history = history
        self._leftovers = leftovers
        self._marks = marks
        self._alarm_changed = alarm_changed

    async def restore(self, unique_key: str, actor_id: bytes, bookmark: Bookmark) -> Bookmark:
        """Set an actor back, or forth, to a state it was in.

        Returns:
            The bookmark of the state it is in now, before that: restore it to undo this.

        Raises:
            InvalidBookmark: It is not one of this actor.
            HistoryUnavailable: That state is not kept.
            StorageError: A file cannot be read or written; the actor is as it was.
        """
        with self._new_draft() as draft:
            if not await self._history.build(unique_key, actor_id, bookmark, draft):
                draft.write_bytes(standard_template().data)
            return await self._put(unique_key, actor_id, draft)

    async def replace(self, unique_key: str, actor_id: bytes, source: Path) -> Bookmark:
        """Make an actor a copy of a SQLite file that has our tables.

        Returns:
            The bookmark of the state before that.

        Raises:
            DatabaseFailed: The file is none that can be an actor's.
            StorageError: A file cannot be read or written; the actor is as it was.
        """
        with self._new_draft(source) as draft:
            await asyncio.to_thread(shutil.copyfile, source, draft)
            return await self._put(unique_key, actor_id, draft)

    async def delete(self, unique_key: str, actor_id: bytes, trash: Path) -> Bookmark:
        """Take an actor's file away, and let it be found as ``trash``.

        Returns:
            The bookmark of the state before that.

        Raises:
            StorageError: A file cannot be read or written; the actor is as it was.
        """
        path = self._layout.actor_file(unique_key, actor_id)
        if not path.exists():
            return self._history.current(unique_key, actor_id)
        await all_durable(self._log)
        change = Change(RecordKind.DELETE, unique_key, actor_id, alarm_ms=NO_ALARM)
        try:
            self._checkpointer.tidy_up(unique_key, actor_id)
            # Another name of the same file: it is not written any more.
            await asyncio.to_thread(_link, path, trash)
            undo = self._history.current(unique_key, actor_id)
            await self._record(change, lambda: _remove(path))
        except (OSError, WalUnreadable) as error:
            raise _unusable(path, error) from error
        self._clear_marks(unique_key, actor_id)
        return undo

    @contextlib.contextmanager
    def _new_draft(self, source: Path | None = None) -> Iterator[Path]:
        """Give the name of a file to make; it, and its copy, are gone if they are not needed."""
        draft = self._layout.drafts_dir / self._slot / f"{os.urandom(16).hex()}.db"
        try:
            make_directory(draft.parent)
            yield draft
        except BaseException as error:
            if draft not in self._recorded:
                for path in (draft, self._pending(draft)):
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _unusable(source or draft, error) from error
            raise
        finally:
            self._recorded.discard(draft)

    def _pending(self, draft: Path) -> Path:
        return self._layout.archive_dir / PENDING / self._slot / draft.name

    async def _put(self, unique_key: str, actor_id: bytes, draft: Path) -> Bookmark:
        pending = self._pending(draft) if self._has_archive else None
        path = self._layout.actor_file(unique_key, actor_id)
        alarm_ms = await asyncio.to_thread(_make_ready, draft, pending, path.parent)
        undo = self._history.current(unique_key, actor_id)
        change = Change(
            RecordKind.REPLACED,
            unique_key,
            actor_id,
            alarm_ms=NO_ALARM if alarm_ms is None else alarm_ms,
            page_size=PAGE_SIZE_BYTES,
            images=draft.stem.encode(),
        )

        def put() -> None:
            _remove_wals(path)
            draft.replace(path)

        self._recorded.add(draft)  # whatever happens from here on, the log may know of it
        await self._record(change, put)
        self._clear_marks(unique_key, actor_id)
        return undo

    def _clear_marks(self, unique_key: str, actor_id: bytes) -> None:
        """What was said of the file before does not hold for the one that is there now."""
        self._marks.clear("quarantine", unique_key, actor_id)
        self._marks.clear("restore", unique_key, actor_id)

    async def _record(self, change: Change, act: Callable[[], None]) -> None:
        """Have ``change`` durable, and ``act`` in the same moment.

        Between the two the log must not be shortened beyond it. If ``act`` cannot be done, what
        the log says did not happen: only a new start can mend that.
        """
        log, held = self._log, self._checkpointer.held
        lsn = log.appended_lsn + 1
        held.add(lsn)

        def is_durable(lsn: int) -> None:
            self._leftovers.pop(change.actor, None)
            try:
                act()
            except OSError as error:
                log.give_up(error)
                return
            # Before the log may forget it: what is saved of the alarms has to have it then.
            alarm_ms = None if change.alarm_ms == NO_ALARM else change.alarm_ms
            self._alarm_changed(change.unique_key, change.actor_id, alarm_ms, lsn)
            held.discard(lsn)

        try:
            await append_durably(log, change, is_durable)
        finally:
            if log.appended_lsn < lsn:
                held.discard(lsn)


def _make_ready(draft: Path, pending: Path | None, home: Path) -> int | None:
    """Check a file that is to be an actor's, and sync it; return when its alarm is due."""
    alarm_ms = _check(draft)
    with draft.open("r+b") as file:
        for at in (READ_VERSION, WRITE_VERSION):
            file.seek(at)
            file.write(bytes([WAL]))
    sync_file(draft)
    sync_directory(draft.parent)
    if pending is not None:
        make_directory(pending.parent)
        shutil.copyfile(draft, pending)
        sync_file(pending)
        sync_directory(pending.parent)
    make_directory(home)
    return alarm_ms


def _check(path: Path) -> int | None:
    """Return when the alarm in a file is due, if there is one.

    Raises:
        DatabaseFailed: It cannot be an actor's.
    """
    hint = "Import it with `perdure actors import`, which adds what is missing"
    try:
        with contextlib.closing(open_immutable(path)) as connection:
            found = (
                connection.execute("PRAGMA application_id").get,
                connection.execute("PRAGMA page_size").get,
                connection.execute(_OURS).get,
            )
            if found != (APPLICATION_ID, PAGE_SIZE_BYTES, 2):
                problem = "was not made by perdure"
                raise DatabaseFailed(path, problem, hint, code="SQLITE_NOTADB")
            alarm_ms: int | None = connection.execute(_ALARM).get
            return alarm_ms
    except apsw.Error as error:
        problem = f"cannot be an actor's database: {error}"
        raise DatabaseFailed(path, problem, hint, code=name_of(error)) from error


def _link(path: Path, trash: Path) -> None:
    make_directory(trash.parent)
    sync_file(path)
    trash.hardlink_to(path)
    try:
        sync_directory(trash.parent)
    except OSError:
        trash.unlink()  # the file goes on to be written
        raise


def _remove(path: Path) -> None:
    _remove_wals(path)
    path.unlink(missing_ok=True)


def _remove_wals(path: Path) -> None:
    for suffix in WAL_SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _unusable(path: Path, error: OSError | WalUnreadable) -> StorageError:
    reason = (isinstance(error, OSError) and error.strerror) or str(error)
    return StorageError(path, f"cannot be used: {reason}", "Make room, or mend the disk")
