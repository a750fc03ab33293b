"""Deletes an actor, lists what was deleted, and brings it back.

A deleted actor lies in the trash as its namespace would: ``trash/<time>-<namespace>/<ab>/<id>.db``,
and is purged with it.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ....storage.bookmark import Bookmark
from ....storage.catalog import Catalog, NamespaceRecord
from ....storage.durable_files import make_directory, sync_directory
from ....storage.errors import DatabaseFailed, StorageError
from ....storage.layout import Layout, quote, trash_time_ms
from ....storage.peek import peek
from .errors import ActorExists, NoSuchActor
from .house import House, Told, Values
from .naming import Address, Named, address, existing, exists, find_namespace
from .replacing import put, replace

_DELETED = "the operator has deleted this object"
_BROUGHT_BACK = "the operator has brought this object back"


@dataclass(frozen=True, slots=True)
class DeleteArguments:
    """Which actor is meant.

    Attributes:
        namespace: A class, binding or unique key.
        name: The actor's name, or None.
        id: Its id, or None.
    """

    namespace: str
    name: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ListDeletedArguments:
    """Which deleted actors are wanted.

    Attributes:
        namespace: A class, binding or unique key; None for all.
    """

    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """An actor in the trash.

    Attributes:
        namespace: Its class, or the name of its directory if nobody knows that any more.
        id: 64 hexadecimal digits.
        name: The name its id was made from; None if it is not known.
        size_bytes: Of its database.
        deleted_ms: When it was deleted, in Unix milliseconds.
    """

    namespace: str
    id: str
    name: str | None
    size_bytes: int
    deleted_ms: int


async def delete_actor(house: House, arguments: DeleteArguments, told: Told) -> Values:
    """Delete an actor; it goes to the trash.

    Returns:
        ``namespace``, ``id``, ``name``, ``undo`` (a bookmark).

    Raises:
        NoSuchActor: It has nothing stored.
    """
    del told
    found = await existing(house, arguments.namespace, arguments.name, arguments.id)
    undo = await replace(house, found, _DELETED, lambda: _delete(house, found))
    name = None if found.id.name is None else found.id.name
    return {
        "namespace": found.namespace.class_name,
        "id": str(found.id),
        "name": name,
        "undo": str(undo),
    }


async def _delete(house: House, found: Address) -> Bookmark:
    key = (found.unique_key, found.id.raw)
    database = house.store.database(*key)
    try:
        database.rows("SELECT 1")
        await house.durable(database)
    except DatabaseFailed:  # it is damaged, and goes to the trash as it is
        return await house.store.replacements.delete(*key, await _trash(house, found))
    finally:
        database.close()  # which brings the file up to date
    if found.path.with_name(found.path.name + "-wal").exists():
        raise StorageError(found.path, "the file could not be brought up to date", "Try it again")
    return await house.store.replacements.delete(*key, await _trash(house, found))


async def _trash(house: House, found: Address) -> Path:
    """Return a place in the trash that nobody has, and that nobody takes any more."""
    entry = await asyncio.to_thread(
        _new_entry, house.layout, found.unique_key, house.clock.time_ms()
    )
    return entry / found.path.parent.name / found.path.name


def _new_entry(layout: Layout, unique_key: str, time_ms: int) -> Path:
    while True:
        entry = layout.trash_entry(unique_key, time_ms)
        try:
            make_directory(entry.parent)
            entry.mkdir()  # not a look first: another process may do the same at this moment
            sync_directory(entry.parent)
        except FileExistsError:
            time_ms += 1
        except OSError as error:
            raise StorageError(entry, f"cannot be made: {error.strerror or error}") from error
        else:
            return entry


async def list_deleted(house: Named, arguments: ListDeletedArguments, told: Told) -> Values:
    """Tell of each actor in the trash as an item, a Deleted, the latest first; return ``count``."""
    wanted = None
    if arguments.namespace is not None:
        wanted = await find_namespace(house, arguments.namespace)
    async with await Catalog.open(house.layout.catalog_file) as catalog:
        records = await catalog.namespaces()
    found = await asyncio.to_thread(_look, house.layout, records, wanted)
    for deleted in found:
        await told.item(asdict(deleted))
    return {"count": len(found)}


async def bring_back(house: House, arguments: DeleteArguments, told: Told) -> Values:
    """Give an actor back what it had when it was deleted last; return it as ``Replaced``.

    Raises:
        NoSuchActor: It is not in the trash.
        ActorExists: It has stored something since.
    """
    del told
    found = await address(house, arguments.namespace, arguments.name, arguments.id)
    if exists(house, found):
        hint = "Set it to an earlier state with --to; perdure bookmarks lists them"
        raise ActorExists(f"{found.text} is not deleted", hint)
    entries = await asyncio.to_thread(_entries, house.layout, found.unique_key)
    parts = (found.path.parent.name, found.path.name)
    paths = [path for entry in entries if (path := entry.joinpath(*parts)).exists()]
    if not paths:
        hint = "perdure actors list --deleted shows what is; bookmarks may reach further back"
        raise NoSuchActor(f"{found.text} is not in the trash", hint)
    result = await put(house, found, paths[-1], _BROUGHT_BACK)
    await asyncio.to_thread(_forget, paths[-1])
    return result


def _entries(layout: Layout, unique_key: str) -> list[Path]:
    """Return what was deleted of a namespace, the latest last."""
    suffix = f"-{quote(unique_key)}"
    if not layout.trash_dir.is_dir():
        return []
    return [
        entry
        for entry in sorted(layout.trash_dir.iterdir())
        if trash_time_ms(entry.name) is not None and entry.name[15:] == suffix
    ]


def _look(
    layout: Layout, records: list[NamespaceRecord], wanted: NamespaceRecord | None
) -> list[Deleted]:
    names = {quote(record.unique_key): record.class_name for record in records}
    found = []
    for entry, deleted_ms in _all_entries(layout):
        home = entry.name[16:]
        if wanted is not None and home != quote(wanted.unique_key):
            continue
        for path in sorted(entry.glob("*/*.db")):
            size = path.stat().st_size
            seen = peek(path)
            found.append(Deleted(names.get(home, home), path.stem, seen.name, size, deleted_ms))
    return found


def _all_entries(layout: Layout) -> Iterator[tuple[Path, int]]:
    if layout.trash_dir.is_dir():
        for entry in sorted(layout.trash_dir.iterdir(), reverse=True):
            time_ms = trash_time_ms(entry.name)
            if time_ms is not None:
                yield entry, time_ms


def _forget(path: Path) -> None:
    """Take out of the trash what was brought back, and its directories if they are empty."""
    path.unlink()
    for folder in (path.parent, path.parent.parent):
        if any(folder.iterdir()):
            return
        folder.rmdir()
