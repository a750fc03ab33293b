"""Shows what an actor was, and sets it back to that.

A preview and the restore that follows it are two operations: between them somebody is asked.
"""

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path

from ....storage.bookmark import Bookmark
from ....storage.comparison import compare
from ....storage.errors import DatabaseFailed
from ....storage.template import standard_template
from .errors import OperatorError
from .exporting import copy_actor
from .house import House, Told, Values
from .naming import Address, address, exists
from .replacing import draft_in, replace

_RESTORED = "the operator has restored an earlier state"


@dataclass(frozen=True, slots=True)
class BookmarksArguments:
    """Whose bookmarks are wanted.

    Attributes:
        namespace: A class, binding or unique key.
        name: The actor's name, or None.
        id: Its id, or None.
        limit: At most so many, the newest.
    """

    namespace: str
    name: str | None = None
    id: str | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class RestoreArguments:
    """Which state an actor is to have; one of ``bookmark`` and ``time_ms``.

    Attributes:
        namespace: A class, binding or unique key.
        name: The actor's name, or None.
        id: Its id, or None.
        bookmark: Of that state.
        time_ms: When it had it, in Unix milliseconds.
    """

    namespace: str
    name: str | None = None
    id: str | None = None
    bookmark: str | None = None
    time_ms: int | None = None


async def list_bookmarks(house: House, arguments: BookmarksArguments, told: Told) -> Values:
    """Tell of each commit that is kept as an item, the newest first.

    An item has ``bookmark``, ``time_ms``, ``size_bytes`` (of the commit's record) and ``kind``.

    Returns:
        ``count``, and ``current``: the bookmark of the actor as it is.
    """
    found = await address(house, arguments.namespace, arguments.name, arguments.id)
    key = (found.unique_key, found.id.raw)
    entries = await house.store.history.entries(*key, limit=arguments.limit)
    for entry in entries:
        item = {
            "bookmark": str(entry.bookmark),
            "time_ms": entry.time_ms,
            "size_bytes": entry.size_bytes,
            "kind": entry.kind.name.lower(),
        }
        await told.item(item)
    return {"count": len(entries), "current": str(house.store.history.current(*key))}


async def preview_restore(house: House, arguments: RestoreArguments, told: Told) -> Values:
    """Tell of each table that would change as an item, a TableChange.

    Returns:
        ``bookmark`` of the state that is meant, ``exists`` now, ``existed`` then, ``damage``: why
        what it is now cannot be read, so that nothing can be compared; else None.
    """
    found = await address(house, arguments.namespace, arguments.name, arguments.id)
    bookmark = await _bookmark(house, found, arguments)
    await house.store.history.check(found.unique_key, found.id.raw, bookmark)
    is_there = exists(house, found)
    damage: str | None = None
    async with draft_in(house) as before, draft_in(house) as after:
        was_there = await _build(house, found, bookmark, after)
        try:
            await _present(house, found, before, told, is_there=is_there)
            await told.progress("Comparing", 0, None)
            for change in await asyncio.to_thread(compare, before, after):
                await told.item(asdict(change))
        except DatabaseFailed as error:
            damage = error.problem
    return {
        "bookmark": str(bookmark),
        "exists": is_there,
        "existed": was_there,
        "damage": damage,
    }


async def _present(
    house: House, found: Address, target: Path, told: Told, *, is_there: bool
) -> None:
    """Make the file of the state it has; an empty one if it does not exist."""
    if is_there:
        await copy_actor(house, found, target, told)
    else:
        await asyncio.to_thread(target.write_bytes, standard_template().data)


async def restore_actor(house: House, arguments: RestoreArguments, told: Told) -> Values:
    """Set an actor back, or forth.

    Returns:
        ``bookmark`` of the state it has now, ``undo``: that of the state it had.

    Raises:
        InvalidBookmark: The bookmark is another actor's, or was mistyped.
        HistoryUnavailable: That state is not kept.
    """
    del told
    found = await address(house, arguments.namespace, arguments.name, arguments.id)
    bookmark = await _bookmark(house, found, arguments)
    key = (found.unique_key, found.id.raw)
    undo = await replace(
        house, found, _RESTORED, lambda: house.store.replacements.restore(*key, bookmark)
    )
    return {"bookmark": str(bookmark), "undo": str(undo)}


async def _bookmark(house: House, found: Address, arguments: RestoreArguments) -> Bookmark:
    if arguments.bookmark is not None:
        return Bookmark.parse(arguments.bookmark)
    if arguments.time_ms is None:
        raise OperatorError("Neither a bookmark nor a time was given", "Say which with --to")
    return await house.store.history.at_time(found.unique_key, found.id.raw, arguments.time_ms)


async def _build(house: House, found: Address, bookmark: Bookmark, target: Path) -> bool:
    """Make the file of that state; an empty one if the actor did not exist then."""
    if await house.store.history.build(found.unique_key, found.id.raw, bookmark, target):
        return True
    await asyncio.to_thread(target.write_bytes, standard_template().data)
    return False
