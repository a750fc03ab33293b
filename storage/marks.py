"""What is to be remembered of single actors while none of their files is open.

*Promise*: a mark that ``set`` returned for is there after a crash of the machine, one that
``clear`` returned for is not. Asking for one costs a look into a dict.
*Assumes*: the data directory is locked; of one actor only one process changes the marks. Each has
a ``Marks`` of its own, used from one thread; those of other processes' actors may be out of date.
*Rules for editing*: the disk first, then the dict. A mark that cannot be read refuses to be
loaded: to go on without it would open a damaged file, or forget a restore that was asked for.
*Considered and refused*: rows of alarms.db: it may be thrown away and built anew, marks may not.
The actor's own file: it is what may be damaged. The log: a mark must be readable before it is.

A mark is one small file, ``marks/<namespace>/<64 hex>.<kind>.json``:

    quarantine   the actor's file is damaged; no event is served until it has been replaced
    restore      what the actor is to be set back to when it is started next
"""

import contextlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from .durable_files import make_directory, sync_directory, write_file
from .errors import StorageError
from .layout import Layout

log = logging.getLogger("perdure.storage")

MarkKind = Literal["quarantine", "restore"]
KINDS: tuple[MarkKind, ...] = get_args(MarkKind)
MarkData = dict[str, str | int | None]
_SUFFIX = ".json"


class Marks:
    """The marks of one data directory, all in memory; there are few."""

    __slots__ = ("_kinds", "_layout")

    def __init__(self, layout: Layout) -> None:
        """Read what is there.

        Raises:
            StorageError: A mark cannot be read.
        """
        self._layout = layout
        self._kinds: dict[MarkKind, dict[tuple[str, bytes], MarkData]] = {k: {} for k in KINDS}
        try:
            for path in sorted(layout.marks_dir.glob(f"*/*{_SUFFIX}")):
                with contextlib.suppress(FileNotFoundError):  # another process has cleared it
                    kind, unique_key, actor_id, data = _read(path)
                    self._kinds[kind][unique_key, actor_id] = data
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(layout.marks_dir, f"cannot be read: {reason}") from error

    def get(self, kind: MarkKind, unique_key: str, actor_id: bytes) -> MarkData | None:
        """Return what was said with the mark, or None if the actor has none of this kind."""
        return self._kinds[kind].get((unique_key, actor_id))

    def of_kind(self, kind: MarkKind) -> Mapping[tuple[str, bytes], MarkData]:
        """Return all marks of a kind by (namespace's key, actor's id); it changes with them."""
        return self._kinds[kind]

    def look_again(self, unique_key: str, actor_id: bytes) -> None:
        """Read the marks of one actor, which another process may have changed.

        Raises:
            StorageError: A mark cannot be read.
        """
        for kind, marks in self._kinds.items():
            path = self._path(kind, unique_key, actor_id)
            marks.pop((unique_key, actor_id), None)
            try:
                if path.exists():
                    marks[unique_key, actor_id] = _read(path)[3]
            except OSError as error:
                raise StorageError(path, f"cannot be read: {error.strerror or error}") from error

    def set(self, kind: MarkKind, unique_key: str, actor_id: bytes, data: MarkData) -> None:
        """Mark an actor, durably on return; replaces its mark of this kind.

        Raises:
            StorageError: It cannot be written; the mark before, if any, still counts.
        """
        path = self._path(kind, unique_key, actor_id)
        content = {"unique_key": unique_key, "actor": actor_id.hex(), "kind": kind, "data": data}
        try:
            make_directory(path.parent)
            sync_directory(path.parent.parent)  # another process may have just made it
            write_file(path, json.dumps(content).encode() + b"\n")
        except OSError as error:
            raise _unwritable(path, error) from error
        self._kinds[kind][unique_key, actor_id] = data

    def quarantine(
        self, unique_key: str, actor_id: bytes, name: str | None, since_ms: int, problem: str
    ) -> None:
        """Mark an actor whose file is damaged, durably on return.

        Raises:
            StorageError: It cannot be written.
        """
        data: MarkData = {"name": name, "since_ms": since_ms, "problem": problem}
        self.set("quarantine", unique_key, actor_id, data)
        log.error("actor.quarantined", extra={"actor": actor_id.hex(), "cause": problem})

    def clear(self, kind: MarkKind, unique_key: str, actor_id: bytes) -> None:
        """Take a mark away, durably on return; nothing happens if there is none.

        Raises:
            StorageError: It cannot be taken away, and still counts.
        """
        if (unique_key, actor_id) not in self._kinds[kind]:
            return
        path = self._path(kind, unique_key, actor_id)
        try:
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
        del self._kinds[kind][unique_key, actor_id]

    def clear_namespace(self, unique_key: str) -> None:
        """Take away all marks of a namespace's actors, durably on return.

        Raises:
            StorageError: Some cannot be taken away.
        """
        directory = self._layout.marks_of_namespace_dir(unique_key)
        try:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(directory)
                sync_directory(directory.parent)
        except OSError as error:
            raise _unwritable(directory, error) from error
        for marks in self._kinds.values():
            for actor in [actor for actor in marks if actor[0] == unique_key]:
                del marks[actor]

    def _path(self, kind: MarkKind, unique_key: str, actor_id: bytes) -> Path:
        directory = self._layout.marks_of_namespace_dir(unique_key)
        return directory / f"{actor_id.hex()}.{kind}{_SUFFIX}"


def _read(path: Path) -> tuple[MarkKind, str, bytes, MarkData]:
    try:
        content = json.loads(path.read_text())
        unique_key, actor_id = content["unique_key"], bytes.fromhex(content["actor"])
        kind = KINDS[KINDS.index(content["kind"])]
        data = dict(content["data"])
        is_named_so = path.name == f"{actor_id.hex()}.{kind}{_SUFFIX}"
    except (ValueError, TypeError, KeyError) as error:
        raise _unreadable(path) from error
    if not is_named_so:
        raise _unreadable(path)
    return kind, unique_key, actor_id, data


def _unreadable(path: Path) -> StorageError:
    problem = "is no mark that this version can read"
    hint = (
        "Restore it from a backup; or delete it, and what it says of its actor is forgotten "
        "(a quarantine is found out again, a restore that was asked for is not)"
    )
    return StorageError(path, problem, hint)


def _unwritable(path: Path, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(path, f"cannot be changed: {reason}", "Make room, or mend the disk")
