"""What makes a database's commits durable: the seam between an actor's file and the commit log."""

from collections.abc import Callable
from typing import Protocol

import apsw

from .logformat import ALARM_UNCHANGED
from .template import Template


class Durability(Protocol):
    """Makes what a database commits durable."""

    is_logged: bool
    """Somebody else than SQLite does it: SQLite need not sync anything."""
    last_lsn: int
    """Grows with each commit; what has been read may depend on all up to this one."""

    @property
    def is_new(self) -> bool:
        """The file was made, and nothing has been committed to it yet."""
        ...

    @property
    def is_synced(self) -> bool:
        """Everything committed is on the disk."""
        ...

    @property
    def is_durable(self) -> bool:
        """Likewise, and those who wait for it have been told."""
        ...

    def is_orphan(self) -> bool:
        """The file is the beginning of one that was never committed."""
        ...

    def create(self, template: Template) -> None: ...

    def tidy_up(self) -> None:
        """Leave beside the file nothing that whoever opens it next must not see.

        Raises:
            OSError: It could not be; the file must not be opened.
        """
        ...

    def opened(self, connection: apsw.Connection) -> None: ...

    def make_room(self, connection: apsw.Connection) -> None:
        """A transaction is about to begin."""
        ...

    def before_commit(self, connection: apsw.Connection) -> None: ...

    def committed(self, alarm_ms: int = ALARM_UNCHANGED) -> None: ...

    def when_durable(self, action: Callable[[], None]) -> None:
        """Call ``action`` when everything committed so far is durable; maybe at once."""
        ...

    def checkpoint(self, connection: apsw.Connection) -> bool:
        """Have all in the file, if it may be; return whether it is."""
        ...

    def closed(self) -> None:
        """The file is closed; what cannot be tidied up now, the next opening will."""
        ...
