"""What actors were: bookmarks, and the states they stand for.

What takes long happens in a thread and is awaited; that, and the catalog, is all in storage/
that is asynchronous.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from .archive.past import Past
from .bookmark import Bookmark
from .durable_append import all_durable
from .errors import HistoryUnavailable
from .log import CommitLog
from .logformat import RecordKind


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One commit of an actor.

    Attributes:
        bookmark: The state after it.
        time_ms: When it was made, in Unix milliseconds.
        size_bytes: Of its record.
        kind: What it was.
    """

    bookmark: Bookmark
    time_ms: int
    size_bytes: int
    kind: RecordKind


class History:
    """The past of all actors of a data directory, as the owner of one log sees it."""

    __slots__ = ("_log", "_past")

    def __init__(self, log: CommitLog, past: Past) -> None:
        self._log = log
        self._past = past

    def current(self, unique_key: str, actor_id: bytes) -> Bookmark:
        """Return the bookmark of what an actor has committed by now, durable or not."""
        log = self._log
        return Bookmark.of(unique_key, actor_id, log.incarnation, log.last_commit)

    async def at_time(self, unique_key: str, actor_id: bytes, time_ms: int) -> Bookmark:
        """Return the bookmark of an actor's state at a time, in Unix milliseconds.

        Raises:
            HistoryUnavailable: That state is not kept.
            ArchiveDamaged: What it would be made from cannot be read.
        """
        await all_durable(self._log)  # what is not cannot be found
        order = await asyncio.to_thread(self._past.order_at, (unique_key, actor_id), time_ms)
        return Bookmark.of(unique_key, actor_id, *order)

    async def entries(
        self, unique_key: str, actor_id: bytes, limit: int = 100
    ) -> list[HistoryEntry]:
        """Return an actor's last commits that are kept, the newest first."""
        await all_durable(self._log)
        records = await asyncio.to_thread(self._past.newest, (unique_key, actor_id), limit)
        return [
            HistoryEntry(
                Bookmark.of(unique_key, actor_id, record.incarnation, record.commit),
                record.time_ms,
                record.size,
                record.change.kind,
            )
            for record in records
        ]

    async def check(self, unique_key: str, actor_id: bytes, bookmark: Bookmark) -> None:
        """Raise unless a bookmark is one of this actor, whose state can be had.

        Raises:
            InvalidBookmark: It is another actor's, or was mistyped.
            HistoryUnavailable: Its state is not kept, or is still to come.
        """
        await self._check_past(unique_key, actor_id, bookmark)
        await asyncio.to_thread(self._past.check, (unique_key, actor_id), bookmark.order)

    async def build(
        self, unique_key: str, actor_id: bytes, bookmark: Bookmark, target: Path
    ) -> bool:
        """Make the file that an actor had; return whether it had one.

        Args:
            unique_key: The actor's namespace.
            actor_id: Its id.
            bookmark: Of the state that is wanted.
            target: The file to make: a SQLite database. Not synced.

        Raises:
            InvalidBookmark: It is another actor's, or was mistyped.
            HistoryUnavailable: That state is not kept, or is still to come.
            ArchiveDamaged: What it would be made from cannot be read.
            OSError: A file cannot be read or written.
        """
        await self._check_past(unique_key, actor_id, bookmark)
        actor = (unique_key, actor_id)
        return await asyncio.to_thread(self._past.build, actor, bookmark.order, target)

    async def _check_past(self, unique_key: str, actor_id: bytes, bookmark: Bookmark) -> None:
        bookmark.check_for(unique_key, actor_id)
        if bookmark.order > self.current(unique_key, actor_id).order:
            problem = f"bookmark {bookmark} stands for a state that is still to come"
            raise HistoryUnavailable(self._past.archive_dir, problem)
        await all_durable(self._log)
