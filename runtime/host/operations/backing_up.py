"""Makes a whole data directory of another, while that is in use: one that starts."""

import asyncio
import itertools
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from ....storage.backup import (
    Actor,
    CopiedFile,
    copy_catalog,
    copy_checkpoints,
    copy_file,
    copy_files,
    copy_log,
)
from ....storage.durable_files import make_directory, sync_file_system
from ....storage.layout import FIRST_SLOT, Layout
from ....storage.log_hold import hold_logs
from .errors import TargetUnusable
from .house import House, Told, Values

# So many files are copied between two looks at who waits.
_BATCH_FILES = 64
_TITLE = "Copying"
_LSN_MAX = 2**63
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BackupArguments:
    """Where the copy is to be.

    Attributes:
        target: A directory, absolute, that is empty or not there.
    """

    target: str


@dataclass(frozen=True, slots=True)
class HoldArguments:
    """Nothing can be chosen."""


@dataclass(frozen=True, slots=True)
class AlarmsArguments:
    """Where alarms are to be copied.

    Attributes:
        target: A file that is not there, absolute.
    """

    target: str


class CopyAlarms(Protocol):
    """Has all alarms of a directory copied, by those who have them in memory."""

    async def __call__(self, target: Layout) -> None: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A data directory that can be copied: no file takes an actor's place but by the log.

    Attributes:
        layout: Where things lie.
        known: The last record of each log that is written to when this began, by its slot.
        copy_alarms: Copies those.
    """

    layout: Layout
    known: Mapping[str, int]
    copy_alarms: CopyAlarms


async def back_up(house: House, arguments: BackupArguments, told: Told) -> Values:
    """Copy the data directory; the copy holds all that was durable when this ends, or more.

    Returns:
        ``target``, ``files``, ``size_bytes``.

    Raises:
        TargetUnusable: Something is there already, or it cannot be written.
        ActorBusy: Some object's data is being replaced.
    """

    async def copy_alarms(target: Layout) -> None:
        await asyncio.to_thread(house.times.copy_to, target.alarms_file)

    @asynccontextmanager
    async def source() -> AsyncIterator[Source]:
        async with house.no_backup:
            known = {FIRST_SLOT: house.store.log.appended_lsn}
            yield Source(house.layout, known, copy_alarms)

    return await copy_directory(house.layout, Layout(Path(arguments.target)), source, told)


async def hold_still(house: House, arguments: HoldArguments, told: Told) -> Values:
    """Let no actor's file be replaced until whoever asked goes away: a backup is being made.

    Tells one item, when that is so: ``lsn``, that of the last record of this process's log.
    """
    del arguments
    async with house.no_backup:
        await told.item({"lsn": house.store.log.appended_lsn})
        await asyncio.Event().wait()
    raise AssertionError("it is given up, and does not end")


async def copy_alarms_of(house: House, arguments: AlarmsArguments, told: Told) -> Values:
    """Copy the alarms of this process's actors."""
    del told
    await asyncio.to_thread(house.times.copy_to, Path(arguments.target))
    return {}


async def copy_directory(
    layout: Layout,
    target: Layout,
    source: Callable[[], AbstractAsyncContextManager[Source]],
    told: Told,
) -> Values:
    """Make ``target`` a copy of the directory at ``layout``; nothing is left of one that failed.

    Args:
        layout: Where things lie.
        target: Where they are to lie, too.
        source: Holds the directory still, for as long as it is copied.
        told: Whoever asked.

    Returns:
        ``target``, ``files``, ``size_bytes``.

    Raises:
        TargetUnusable: Something is there already, or it cannot be written.
    """
    await asyncio.to_thread(_check_target, layout.root, target.root)
    try:
        async with source() as held:
            with hold_logs(layout):
                files, size = await _copy(held, target, told)
    except OSError as error:
        await asyncio.to_thread(_give_up, target.root)
        reason = error.strerror or str(error)
        raise TargetUnusable(target.root, f"cannot be written: {reason}") from error
    except BaseException:
        await asyncio.to_thread(_give_up, target.root)
        raise
    return {"target": str(target.root), "files": files, "size_bytes": size}


def _check_target(source: Path, target: Path) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise TargetUnusable(target, "lies inside the data directory", "Name another place")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TargetUnusable(target, "is there already", "Name a directory that is not there yet")
    make_directory(target)


async def _copy(held: Source, target: Layout, told: Told) -> tuple[int, int]:
    source, threads = held.layout, _Threads()
    await threads.do(copy_checkpoints, source, target)
    await held.copy_alarms(target)
    total = await threads.do(_size, source)
    files = size = 0
    copying = copy_files(source, target, threads.check)
    while batch := await threads.do(_next, copying):
        files += len(batch)
        size += sum(copied.size_bytes for copied in batch)
        await told.progress(_TITLE, size, max(total, size))
    await threads.do(copy_catalog, source.catalog_file, target.catalog_file)
    last, replaced = await threads.do(_copy_logs, source, target, held.known, threads.check)
    while replaced:  # what was copied of these may be the old file, or half of the new one
        await threads.do(_copy_again, source, target, replaced, threads.check)
        last, replaced = await threads.do(_copy_logs, source, target, last, threads.check)
    await threads.do(_finish, source, target)
    return files, size


class _GivenUp(Exception):
    """Nobody wants the copy any more."""


class _Threads:
    """Does things in threads; who is cancelled while one of them is at work waits for its end.

    Else it would go on writing what is being deleted.
    """

    def __init__(self) -> None:
        self._is_given_up = threading.Event()

    def check(self) -> None:
        """Called in a thread, again and again; raises when it should end."""
        if self._is_given_up.is_set():
            raise _GivenUp

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        thread = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            self._is_given_up.set()
            await asyncio.wait({thread})
            thread.exception()  # that it was given up, as a rule
            raise


def _next(copying: Iterator[CopiedFile]) -> list[CopiedFile]:
    return list(itertools.islice(copying, _BATCH_FILES))


def _size(source: Layout) -> int:
    total = 0
    for folder in (source.actors_dir, source.archive_dir, source.trash_dir):
        for home, _, names in os.walk(folder):
            for name in names:
                if not name.endswith("-wal"):
                    total += _size_of(Path(home) / name)
    return total


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it has gone since it was found; the total is for a bar
        return 0


def _copy_logs(
    source: Layout, target: Layout, known: Mapping[str, int], check: Callable[[], None]
) -> tuple[dict[str, int], set[Actor]]:
    """Copy all logs; return their last records, and whose files were replaced after ``known``."""
    lasts, replaced = dict(known), set[Actor]()
    for log in sorted(target.logs_dir.iterdir()):
        slot = log.name
        # Nobody writes to the others: whoever was replaced was so before this began.
        known_lsn = known.get(slot, _LSN_MAX)
        end, found = copy_log(source.logs_dir / slot, log, known_lsn, check)
        if slot in known:
            lasts[slot] = max(known_lsn, end)
        replaced |= found
    return lasts, replaced


def _copy_again(
    source: Layout, target: Layout, actors: set[Actor], check: Callable[[], None]
) -> None:
    for unique_key, raw_id in actors:
        path = target.actor_file(unique_key, raw_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        copy_file(source.actor_file(unique_key, raw_id), path, check)


def _finish(source: Layout, target: Layout) -> None:
    """Have all of it on the disk before anybody may take it for a data directory."""
    sync_file_system(target.root)
    shutil.copyfile(source.format_file, target.format_file)
    sync_file_system(target.root)


def _give_up(target: Path) -> None:
    for entry in target.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
