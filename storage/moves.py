"""Actors that change from one log of a data directory to another.

*Promise*: whatever is killed when, what was acknowledged of an actor is in its file or in the log
that has it now; the log that it left never sets it back. The log it left gives out its database
no more, and the numbers of its commits, so its bookmarks too, go on growing.
*Assumes*: the logs are of one directory; one move of an actor at a time, and one log that takes
it over: who moves it sees to that, here nobody knows of the other logs.
*Rules for editing*: all that a recovery would take from the log before HANDED_OVER is durable
before that is appended: the file, its name or that it has none any more, the directories that
hold it, what is saved of its alarm. For a recovery skips those records.
*Considered and refused*: moving an actor's records along. They stay where they are; whoever asks
for its past puts them in order (storage/archive/past.py).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from .checkpointer import Checkpointer, SaveAlarms
from .durable_append import all_durable, append_durably
from .durable_files import sync_directory, sync_file
from .engine import ActorDatabase
from .errors import DatabaseFailed, InternalError, OwnershipLost, StorageError
from .layout import Layout
from .log import CommitLog
from .logformat import ALARM_UNCHANGED, NO_ALARM, Change, RecordKind
from .marks import Marks
from .metadata import Metadata
from .wal import WalUnreadable

_Actor = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Move:
    """What the log that an actor left tells the one that takes it over.

    Attributes:
        unique_key: The actor's namespace.
        actor_id: Its id.
        incarnation: Which history of the directory it has been in.
        commit: None of its commits has a higher number.
        alarm_ms: Its alarm, as storage/logformat.py says it; ALARM_UNCHANGED of a damaged file,
            which nobody can ask.
    """

    unique_key: str
    actor_id: bytes
    incarnation: int
    commit: int
    alarm_ms: int


class Moves:
    """Lets actors go from one log, and takes others in."""

    def __init__(
        self,
        layout: Layout,
        log: CommitLog,
        checkpointer: Checkpointer,
        marks: Marks,
        save_alarms: SaveAlarms,
        reopen: Callable[[str, bytes], ActorDatabase],
    ) -> None:
        """Prepare.

        Args:
            layout: The directory.
            log: The log.
            checkpointer: Brings files up to date.
            marks: Of single actors.
            save_alarms: As the checkpointer's.
            reopen: Returns an actor's database, whether it may be given out or not.
        """
        self._layout = layout
        self._log = log
        self._checkpointer = checkpointer
        self._marks = marks
        self._save_alarms = save_alarms
        self._reopen = reopen
        self._gone: set[_Actor] = set()
        self._given: WeakValueDictionary[_Actor, ActorDatabase] = WeakValueDictionary()

    def give(self, unique_key: str, actor_id: bytes, database: ActorDatabase) -> ActorDatabase:
        """Return ``database``, which its owner asks for; it is remembered until it is closed.

        Raises:
            InternalError: There is one already that is not closed.
            OwnershipLost: The actor is in another log.
        """
        actor = (unique_key, actor_id)
        if actor in self._gone:
            problem = "the actor was handed over, and is in use elsewhere"
            raise OwnershipLost(database.path, problem, "Ask those who have it now")
        self._check_unused(actor)
        self._given[actor] = database
        return database

    def _check_unused(self, actor: _Actor) -> None:
        given = self._given.get(actor)
        if given is not None and given.failure is None and not given.is_closed:
            raise InternalError(f"{given.path} is in use: its database was not closed")

    async def hand_over(self, unique_key: str, actor_id: bytes) -> Move:
        """Let another log of the directory have an actor, whose database must be closed.

        From this moment on its database is given out no more. It is again if this raises anything
        but ``StorageBroken``, or once it is taken over here.

        Returns:
            What the other log must be told.

        Raises:
            InternalError: The actor's database is not closed.
            OwnershipLost: The actor was handed over already.
            StorageError: The actor's file cannot be brought up to date; it stays here.
            StorageBroken: The log has failed.
        """
        actor = (unique_key, actor_id)
        path = self._layout.actor_file(unique_key, actor_id)
        if actor in self._gone:
            raise OwnershipLost(path, "the actor was handed over already")
        self._check_unused(actor)
        self._gone.add(actor)
        try:
            alarm_ms = await self._make_ready(actor, path)
        except BaseException:
            self._gone.discard(actor)
            raise
        await append_durably(self._log, Change(RecordKind.HANDED_OVER, *actor))
        return Move(*actor, self._log.incarnation, self._log.last_commit, alarm_ms)

    async def take_over(self, move: Move) -> None:
        """Have an actor that was handed over.

        Raises:
            InternalError: It comes from another history of the directory.
            StorageError: A mark of it cannot be read.
            StorageBroken: The log has failed.
        """
        log = self._log
        if move.incarnation != log.incarnation:
            problem = f"of incarnation {move.incarnation} was taken over by {log.incarnation}"
            raise InternalError(f"an actor {problem}")
        self._marks.look_again(move.unique_key, move.actor_id)
        log.last_commit = max(log.last_commit, move.commit)
        await append_durably(
            log,
            Change(
                RecordKind.TAKEN_OVER,
                move.unique_key,
                move.actor_id,
                alarm_ms=move.alarm_ms,
            ),
        )
        self._gone.discard((move.unique_key, move.actor_id))

    async def _make_ready(self, actor: _Actor, path: Path) -> int:
        """Have durable without the log all that it knows of an actor; return its alarm."""
        await all_durable(self._log)
        try:
            is_done = self._checkpointer.tidy_up(*actor)
            alarm_ms = self._alarm_ms(actor)
            await asyncio.to_thread(_sync, path, self._layout.actors_dir)
            await asyncio.to_thread(self._save_alarms(self._log.synced_lsn))
        except (OSError, WalUnreadable) as error:
            problem = f"cannot be handed over: {error}"
            raise StorageError(path, problem, "Make room, or mend the disk") from error
        if not is_done:
            raise StorageError(path, "cannot be handed over: it could not be brought up to date")
        return alarm_ms

    def _alarm_ms(self, actor: _Actor) -> int:
        database = self._reopen(*actor)
        try:
            alarm_ms = Metadata(database).get_alarm_ms()
        except DatabaseFailed as error:
            if not error.is_damage:
                raise
            return ALARM_UNCHANGED
        finally:
            database.close()
        return NO_ALARM if alarm_ms is None else alarm_ms


def _sync(path: Path, actors_dir: Path) -> None:
    """Make durable what an actor's file is, or that there is none, and the way to it."""
    if path.exists():
        sync_file(path)
    for directory in path.parents:
        if directory.is_dir():
            sync_directory(directory)
        if directory == actors_dir:
            return
