"""Gives an actor other data: a file's, another actor's, or none.

*Promise*: the actor has the old data or the new, durably, whatever is killed when, and the old can
be had back by the bookmark that is told. Whoever asked may go away in the middle: what was begun is
brought to its end.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ....storage.bookmark import Bookmark
from ....storage.durable_files import make_directory
from ....storage.foreign import Identity, rename, take_in
from .errors import ActorExists, SourceUnusable
from .exporting import copy_actor
from .house import House, Told, Values
from .naming import Address, address, existing, exists

_IMPORTED = "the operator has imported other data"


@dataclass(frozen=True, slots=True)
class ImportArguments:
    """Which file is to be which actor.

    Attributes:
        namespace: A class, binding or unique key.
        source: A SQLite file, absolute.
        name: The actor's name, or None.
        id: Its id, or None.
        force: Replace an actor that exists.
        without_alarm: Leave out an alarm that is in the file.
    """

    namespace: str
    source: str
    name: str | None = None
    id: str | None = None
    force: bool = False
    without_alarm: bool = False


@dataclass(frozen=True, slots=True)
class ForkArguments:
    """Which actor is to be copied, and what the copy is to be called.

    Attributes:
        namespace: A class, binding or unique key.
        to: The copy's name.
        name: The actor's name, or None.
        id: Its id, or None.
        force: Replace an actor that has the copy's name.
        with_alarm: The copy has the alarm, too.
    """

    namespace: str
    to: str
    name: str | None = None
    id: str | None = None
    force: bool = False
    with_alarm: bool = False


@dataclass(frozen=True, slots=True)
class Replaced:
    """What became of an actor.

    Attributes:
        namespace: Its class.
        id: 64 hexadecimal digits.
        name: Its name, if known.
        size_bytes: Of its data now.
        undo: The bookmark of what it was before; None if it was nothing.
    """

    namespace: str
    id: str
    name: str | None
    size_bytes: int
    undo: str | None


async def import_actor(house: House, arguments: ImportArguments, told: Told) -> Values:
    """Make an actor of a SQLite file; return it as ``Replaced``.

    Raises:
        SourceUnusable: There is no such file.
        ActorExists: There is such an actor, and it is not to be replaced.
        StorageError: The file cannot be an actor's, or something failed.
    """
    source = Path(arguments.source)
    if not await asyncio.to_thread(source.is_file):
        raise SourceUnusable(source, "is no file that the server can read")
    found = await address(house, arguments.namespace, arguments.name, arguments.id)
    check_free(house, found, force=arguments.force)
    async with draft_in(house) as draft:
        await told.progress(f"Reading {source.name}", 0, None)
        identity = Identity(found.id.name, keeps_alarm=not arguments.without_alarm)
        await asyncio.to_thread(take_in, source, draft, identity)
        return await put(house, found, draft, _IMPORTED)


async def fork_actor(house: House, arguments: ForkArguments, told: Told) -> Values:
    """Copy an actor; return the copy as ``Replaced``.

    Raises:
        NoSuchActor: There is nothing to copy.
        ActorExists: There is an actor of the copy's name, and it is not to be replaced.
    """
    source = await existing(house, arguments.namespace, arguments.name, arguments.id)
    target = await address(house, arguments.namespace, arguments.to, None)
    if target.id == source.id:
        raise ActorExists(f"{target.text} is the object itself", "Choose another name")
    check_free(house, target, force=arguments.force)
    async with draft_in(house) as draft:
        await copy_actor(house, source, draft, told)
        identity = Identity(target.id.name, keeps_alarm=arguments.with_alarm)
        await asyncio.to_thread(rename, draft, identity)
        return await put(house, target, draft, _IMPORTED)


def check_free(house: House, found: Address, *, force: bool) -> None:
    """Return if an actor may be made there.

    Raises:
        ActorExists: There is one already.
    """
    if not force and exists(house, found):
        hint = "Replace its data with --force; that can be undone"
        raise ActorExists(f"{found.text} exists already", hint)


@asynccontextmanager
async def draft_in(house: House) -> AsyncIterator[Path]:
    """Give the name for a file in the data directory that is gone afterwards, even after a kill."""
    make_directory(house.layout.drafts_dir)
    draft = house.layout.drafts_dir / f"{os.urandom(8).hex()}.draft"
    try:
        yield draft
    finally:
        for path in (draft, draft.with_name(draft.name + "-journal")):
            path.unlink(missing_ok=True)


async def put(house: House, found: Address, draft: Path, reason: str) -> Values:
    """Make an actor a copy of ``draft``, which is an actor's database; return the ``Replaced``."""
    was_there = exists(house, found)
    size = (await asyncio.to_thread(draft.stat)).st_size
    undo = await replace(
        house,
        found,
        reason,
        lambda: house.store.replacements.replace(found.unique_key, found.id.raw, draft),
    )
    return asdict(
        Replaced(
            found.namespace.class_name,
            str(found.id),
            found.id.name,
            size,
            str(undo) if was_there else None,
        )
    )


async def replace(
    house: House, found: Address, reason: str, work: Callable[[], Awaitable[Bookmark]]
) -> Bookmark:
    """Await ``work()`` with nobody at the actor, to its end even if this is cancelled.

    What uses ``work`` may be gone by then: it must not depend on it.
    """
    async with house.no_backup:
        return await finish(house.host.custody.without(found.id, reason, work))


async def finish(work: Awaitable[Bookmark]) -> Bookmark:
    """Await ``work`` to its end; a cancellation is passed on after that."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
