"""Which namespace, and which actor, an operator means."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from ....actors.ids import DurableObjectId, IdFactory, InvalidActorId
from ....storage.catalog import Catalog, NamespaceRecord
from ....storage.errors import DatabaseFailed
from ....storage.layout import Layout
from ....storage.peek import peek
from ...config.errors import did_you_mean
from .errors import ActorElsewhere, AmbiguousNamespace, NoSuchActor, NoSuchNamespace, OperatorError
from .house import House

# Fewer digits than these name too many.
_DIGITS = re.compile(r"[0-9a-f]{4,63}")
_DIGITS_OF_ID = re.compile(r"[0-9a-f]{64}")
# So many names are looked through for one that is similar.
_SIMILAR_MAX = 2000


class Named(Protocol):
    """Where names are looked up: a ``House``, or what stands for all houses of a server."""

    @property
    def layout(self) -> Layout: ...
    @property
    def bindings(self) -> Mapping[str, str]: ...
    @property
    def owns(self) -> Callable[[str, bytes], bool]: ...


@dataclass(frozen=True, slots=True)
class Address:
    """An actor that exists or might: its namespace, and its id.

    Attributes:
        namespace: Its namespace.
        id: With the name that was given; None if it was addressed by its id.
        path: Its file.
    """

    namespace: NamespaceRecord
    id: DurableObjectId
    path: Path

    @property
    def unique_key(self) -> str:
        return self.namespace.unique_key

    @property
    def text(self) -> str:
        """How a person would name it."""
        return f"{self.namespace.class_name} {self.id.name or self.id}"


async def namespaces_of(house: Named) -> list[NamespaceRecord]:
    """Return the namespaces that have data, or may have it."""
    async with await Catalog.open(house.layout.catalog_file) as catalog:
        return [record for record in await catalog.namespaces() if record.state == "live"]


async def find_namespace(house: Named, text: str) -> NamespaceRecord:
    """Return the namespace whose class, binding or unique key is ``text``.

    Raises:
        NoSuchNamespace: There is none.
        AmbiguousNamespace: There are several.
    """
    records = await namespaces_of(house)
    for record in records:
        if record.unique_key == text:
            return record
    bound = house.bindings.get(text)
    found = [r for r in records if r.unique_key == bound or r.class_name == text]
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousNamespace(text, [record.unique_key for record in found])
    names = {record.class_name for record in records} | set(house.bindings)
    hint = did_you_mean(text, sorted(names))
    if not hint and records:
        hint = f"There are: {', '.join(sorted(names))}."
    raise NoSuchNamespace(f'There is no namespace "{text}" in {house.layout.root}', hint)


async def address(house: Named, namespace: str, name: str | None, id_text: str | None) -> Address:
    """Return what is meant by a namespace and either a name or an id; it need not exist.

    Raises:
        OperatorError: There is no such namespace, or the id is none of it.
        ActorElsewhere: Another process has it.
    """
    record = await find_namespace(house, namespace)
    ids = IdFactory(record.unique_key)
    if (name is None) == (id_text is None):
        raise OperatorError("An actor is named by its name or by its id", "Give one of the two")
    try:
        if name is not None:
            actor_id = ids.id_from_name(name)
        else:
            actor_id = ids.id_from_string(_complete(house.layout, record, (id_text or "").lower()))
    except InvalidActorId as error:
        hint = f"An id of {record.class_name} is 64 hexadecimal digits; perdure actors list"
        raise OperatorError(f"{id_text or name}: {error}", hint) from error
    if not house.owns(record.unique_key, actor_id.raw):
        raise ActorElsewhere(f"{record.class_name} {name or actor_id} is another worker's")
    return Address(record, actor_id, house.layout.actor_file(record.unique_key, actor_id.raw))


def _complete(layout: Layout, record: NamespaceRecord, digits: str) -> str:
    """Return the one id that begins with ``digits``, or ``digits`` if there is none.

    Raises:
        OperatorError: There are several.
    """
    if not _DIGITS.fullmatch(digits):
        return digits
    folder = layout.namespace_dir(record.unique_key) / digits[:2]
    found = [path.stem for path in sorted(folder.glob(f"{digits}*.db"))]
    if len(found) > 1:
        hint = f"They begin with {found[0]} and {found[1]}; give more digits"
        raise OperatorError(f"{len(found)} ids of {record.class_name} begin with {digits}", hint)
    return found[0] if found else digits


async def existing(house: House, namespace: str, name: str | None, id_text: str | None) -> Address:
    """Return the same of an actor that has stored something.

    Raises:
        NoSuchActor: It has not.
        OperatorError: As ``address``.
    """
    found = await address(house, namespace, name, id_text)
    if exists(house, found):
        return found
    hint = ""
    if name is not None:
        names = await asyncio.to_thread(_names, house.layout, found.unique_key)
        names += house.host.custody.live_names(found.unique_key)
        hint = did_you_mean(name, names)
    class_name = found.namespace.class_name
    hint = hint or f"perdure actors list {class_name} shows those that have"
    raise NoSuchActor(f'{class_name} "{name or id_text}" has nothing stored', hint)


def exists(house: House, found: Address) -> bool:
    """Say whether an actor has stored something, be it durable yet, or damaged, or not."""
    if not found.path.exists():
        return False
    try:
        with house.host.custody.borrow(found.unique_key, found.id.raw) as database:
            return bool(database.rows("SELECT 1"))
    except DatabaseFailed:
        return True


def actor_files(layout: Layout, unique_key: str, after: str = "") -> Iterable[Path]:
    """Yield the files of a namespace's actors, by their ids, those after the id ``after`` only."""
    root = layout.namespace_dir(unique_key)
    if not root.is_dir():
        return
    for folder in sorted(root.iterdir()):
        if folder.name < after[:2]:
            continue
        for path in sorted(folder.glob("*.db")):
            if path.stem > after:
                yield path


def own_files(house: Named, unique_key: str, after: str = "") -> Iterator[Path]:
    """Yield likewise those that are this process's."""
    for path in actor_files(house.layout, unique_key, after):
        if _DIGITS_OF_ID.fullmatch(path.stem) and house.owns(unique_key, bytes.fromhex(path.stem)):
            yield path


def _names(layout: Layout, unique_key: str) -> list[str]:
    files = islice(actor_files(layout, unique_key), _SIMILAR_MAX)
    return [name for path in files if (name := peek(path).name) is not None]
