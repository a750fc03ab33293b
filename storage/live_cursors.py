"""Cursors of user SQL that still read, and have to hear when what they read goes away."""

import weakref
from collections.abc import Iterator
from typing import Protocol


class LiveCursor(Protocol):
    """A cursor of user SQL that may have rows left."""

    def detach(self) -> None:
        """Read the rows left into memory (as many as is sensible)."""
        ...

    def invalidate(self) -> None:
        """Let go of the statement; what was not read into memory cannot be read any more."""
        ...


class LiveCursors:
    """The live cursors of one database; it keeps none of them alive."""

    __slots__ = ("_live",)

    def __init__(self) -> None:
        self._live: set[weakref.ref[LiveCursor]] = set()

    def __len__(self) -> int:
        return len(self._live)

    def add(self, cursor: LiveCursor) -> None:
        self._live.add(weakref.ref(cursor, self._live.discard))

    def detach(self) -> None:
        for cursor in self._taken():
            cursor.detach()

    def invalidate(self) -> None:
        for cursor in self._taken():
            cursor.invalidate()

    def _taken(self) -> Iterator[LiveCursor]:
        if not self._live:
            return
        live, self._live = self._live, set()  # who is still live afterwards comes again
        for reference in live:
            cursor = reference()
            if cursor is not None:
                yield cursor
