"""A look at the file of an actor that somebody else may have open: whose it is, without a lock.

For lists of many actors, some of which live. SQLite would wait for the lock that the live ones'
connections hold for good; here it is told that nobody writes, so what it reads may be old, or
half written. Hence nothing is taken from here but what is written once: the actor's name.
"""

from dataclasses import dataclass
from pathlib import Path

import apsw

from .immutable import open_immutable
from .template import APPLICATION_ID

_NAME = "SELECT value FROM _cf_METADATA WHERE key = 'name'"
_APPLICATION_ID = slice(68, 72)  # SQLite file format, 1.3.16


@dataclass(frozen=True, slots=True)
class Peeked:
    """What was seen.

    Attributes:
        is_committed: It is the file of an actor, not the beginning of one.
        name: The name the actor's id was made from; None if it is not known.
    """

    is_committed: bool
    name: str | None = None


def peek(path: Path) -> Peeked:
    """Look at the file at ``path``; one that cannot be read tells nothing, and nothing is raised.

    May be called in any thread.
    """
    try:
        with path.open("rb") as file:
            found = file.read(_APPLICATION_ID.stop)[_APPLICATION_ID]
    except OSError:  # it has gone since it was found
        return Peeked(is_committed=False)
    if found != APPLICATION_ID.to_bytes(4, "big"):
        return Peeked(is_committed=False)
    return Peeked(is_committed=True, name=_name(path))


def _name(path: Path) -> str | None:
    try:
        connection = open_immutable(path)
    except apsw.Error:
        return None
    try:
        name: str | None = connection.execute(_NAME).get
    except apsw.Error:  # it is being written at this moment, or damaged: `verify` tells
        return None
    finally:
        connection.close()
    return name
