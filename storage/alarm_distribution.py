"""Which file an alarm is saved in: that of the slot whose process has its actor.

Each process that has actors has a log and a file of alarms of its own (``Layout.alarms_file_of``).
When other slots serve than before, alarms change files, at a start, while nobody is at work.

*Promise*: whatever is killed when, each alarm is in a file, with a time that is not later than
what is true once the logs have been replayed over it; when ``distribute_alarms`` returns, it is
in the one of its slot, durably, and in no other.
*Assumes*: the data directory is locked, and no process of it has a file of alarms open. It comes
before the logs are recovered: what they say of an alarm is later than what is saved, and then
finds the one place where it is.
*Rules for editing*: all targets are durable before a source forgets. Of an actor that is in two
files the earlier time counts: who is woken too early finds nothing to do.
*Considered and refused*: a note of which slots the files are for, so that nobody need look: one
that is wrong would lose alarms for good. 100,000 of them are looked through in 0.2 s.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import InternalError, StorageError
from .layout import FIRST_SLOT, Layout, slot_of_alarms
from .saved_alarms import SavedAlarms

Actor = tuple[str, bytes]
# Namespace's key and actor's id -> the slot that serves it.
SlotOf = Callable[[str, bytes], str]
_Saved = tuple[int, str | None]  # time in Unix milliseconds, and name


@dataclass(slots=True)
class _Removal:
    """What is to change files.

    Attributes:
        arrivals: By the slot they go to.
        departures: By the slot they leave.
    """

    arrivals: dict[str, dict[Actor, _Saved]] = field(default_factory=dict)
    departures: dict[str, list[Actor]] = field(default_factory=dict)


def in_first_slot(_: str, __: bytes) -> str:
    """Say where actors are if one process has all of them."""
    return FIRST_SLOT


def distribute_alarms(layout: Layout, slots: Sequence[str], slot_of: SlotOf) -> int:
    """Have each saved alarm in the file of the slot that serves its actor.

    Files of slots that do not serve are deleted. Where all is in its place nothing is written.

    Args:
        layout: The data directory, locked; nobody has its alarms open.
        slots: Those that will serve.
        slot_of: Which of them an actor is in.

    Returns:
        How many alarms were not in their file.

    Raises:
        DatabaseFailed: A file cannot be read or written; do it again when that is mended.
        UnknownFormat: A later version wrote one.
        StorageError: A file cannot be deleted; likewise.
    """
    there = _files(layout)
    with contextlib.ExitStack() as cleanup:
        files: dict[str, SavedAlarms] = {}

        def open_file(slot: str) -> SavedAlarms:
            if slot not in files:
                files[slot] = SavedAlarms(layout.alarms_file_of(slot))
                cleanup.callback(files[slot].close)
            return files[slot]

        removal = _Removal()
        for slot in there:
            _look(slot, open_file(slot), slots, slot_of, removal)
        for slot, arrivals in removal.arrivals.items():
            target = open_file(slot)
            target.write(_earlier(target, arrivals))
        for slot, departed in removal.departures.items():
            files[slot].write(dict.fromkeys(departed))
        for slot in there:
            if slot not in slots:
                _delete(files[slot], layout.alarms_file_of(slot))
    return sum(map(len, removal.departures.values()))


def save_recovered_alarms(
    layout: Layout, slot_of: SlotOf, alarms: Mapping[Actor, int | None]
) -> None:
    """Put what the logs know of alarms into the files of the slots that serve; durable on return.

    Args:
        layout: The data directory, locked; nobody has its alarms open.
        slot_of: Which slot an actor is in.
        alarms: By actor, when it is due (Unix milliseconds), or None.

    Raises:
        DatabaseFailed: They cannot be saved.
        UnknownFormat: A later version wrote one of the files.
    """
    changes: dict[str, dict[Actor, _Saved | None]] = {}
    for actor, time_ms in alarms.items():
        of_slot = changes.setdefault(slot_of(*actor), {})
        of_slot[actor] = None if time_ms is None else (time_ms, None)
    for slot, of_slot in changes.items():
        with contextlib.closing(SavedAlarms(layout.alarms_file_of(slot))) as file:
            file.write(of_slot)


def _files(layout: Layout) -> list[str]:
    """Return the slots of which there are files of alarms."""
    found = [slot_of_alarms(path.name) for path in layout.root.glob("alarms*.db")]
    return sorted(slot for slot in found if slot is not None)


def _look(
    slot: str, file: SavedAlarms, slots: Sequence[str], slot_of: SlotOf, removal: _Removal
) -> None:
    for unique_key, actor_id, time_ms, name in list(file.rows()):  # slot_of may raise
        wanted = slot_of(unique_key, actor_id)
        if wanted == slot:
            continue
        if wanted not in slots:
            raise InternalError(f"an actor is in slot {wanted!r}, which does not serve")
        actor = (unique_key, actor_id)
        removal.departures.setdefault(slot, []).append(actor)
        arrivals = removal.arrivals.setdefault(wanted, {})
        arrivals[actor] = _first((time_ms, name), arrivals.get(actor))


def _first(one: _Saved, other: _Saved | None) -> _Saved:
    """Return the earlier time, and the name if it is known."""
    return one if other is None else (min(one[0], other[0]), one[1] or other[1])


def _earlier(target: SavedAlarms, arrivals: dict[Actor, _Saved]) -> dict[Actor, _Saved]:
    """Return what is to be saved of ``arrivals``, some of which may be there already."""
    for unique_key, actor_id, time_ms, name in target.rows():
        arriving = arrivals.get((unique_key, actor_id))
        if arriving is not None:
            arrivals[unique_key, actor_id] = _first(arriving, (time_ms, name))
    return arrivals


def _delete(file: SavedAlarms, path: Path) -> None:
    try:
        file.delete()
    except OSError as error:
        problem = f"cannot be deleted: {error.strerror or error}"
        raise StorageError(path, problem, "Mend the disk, or delete it yourself") from error
