"""Makes a plain SQLite file of an actor, while the actor goes on.

*Promise*: the file is one state that the actor had, durable; it appears under its name as a
whole, and survives a power failure, before anybody is told of it.
"""

import asyncio
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ....storage.copying import CopyInterrupted, DatabaseCopy
from ....storage.durable_files import sync_directory
from ....storage.engine import ActorDatabase
from .errors import TargetUnusable
from .house import QUIET_LOOK_S, House, Told, Values
from .naming import Address, existing


@dataclass(frozen=True, slots=True)
class ExportArguments:
    """Which actor is wanted, and where.

    Attributes:
        namespace: A class, binding or unique key.
        target: The file, absolute.
        name: The actor's name, or None.
        id: Its id, or None.
        force: Replace a file that is there.
    """

    namespace: str
    target: str
    name: str | None = None
    id: str | None = None
    force: bool = False


async def export_actor(house: House, arguments: ExportArguments, told: Told) -> Values:
    """Write the file; return what is in it.

    Returns:
        ``target``, ``size_bytes``, ``namespace``, ``id``, ``name``.

    Raises:
        NoSuchActor: It has nothing stored.
        TargetUnusable: The file is there already, or cannot be written.
    """
    found = await existing(house, arguments.namespace, arguments.name, arguments.id)
    target = Path(arguments.target)
    check_target(target, force=arguments.force)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        await copy_actor(house, found, draft, told)
        size = draft.stat().st_size
        await asyncio.to_thread(_publish, draft, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise TargetUnusable(target, f"cannot be written: {reason}") from error
    finally:
        draft.unlink(missing_ok=True)
    return {
        "target": str(target),
        "size_bytes": size,
        "namespace": found.namespace.class_name,
        "id": str(found.id),
        "name": found.id.name,
    }


def check_target(target: Path, *, force: bool) -> None:
    """Return if a file may be written there.

    Raises:
        TargetUnusable: Something is there already.
    """
    if target.exists() and not (force and target.is_file()):
        hint = "" if target.is_dir() else "Name another file, or replace it with --force"
        raise TargetUnusable(target, "is there already", hint)


async def copy_actor(house: House, found: Address, target: Path, told: Told) -> None:
    """Copy an actor's database to ``target``, which is not synced; what is in it is durable.

    Raises:
        OSError: The target cannot be made.
        StorageError: Something cannot be read or written.
    """
    is_there = False
    while not is_there:
        # For its owner alone: nobody asked the actor who may see what it has stored.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        with house.host.custody.borrow(found.unique_key, found.id.raw) as database:
            is_there = await _copy(database, target, found.text, told)
            if is_there:
                await house.durable(database)


async def _copy(database: ActorDatabase, target: Path, what: str, told: Told) -> bool:
    """Copy all pages; return False if the actor left memory meanwhile."""
    before = (0, 0)
    with DatabaseCopy(database, target) as copy:
        try:
            while not copy.step():
                pages = copy.pages
                await told.progress(f"Copying {what}", *pages)
                # No progress: the actor has a transaction open, which may take a while.
                await asyncio.sleep(0 if pages != before else QUIET_LOOK_S)
                before = pages
        except CopyInterrupted:
            return False
    return True


def _publish(draft: Path, target: Path) -> None:
    """Give the file its name, durably; runs in a thread."""
    descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(target)
    sync_directory(target.parent)
