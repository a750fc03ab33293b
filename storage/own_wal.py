"""A database that is durable by itself: SQLite syncs its own ``-wal`` at each commit.

For a file that belongs to no log: one that a tool opens, or a copy. storage/journal.py is what
servers use.
"""

from collections.abc import Callable
from pathlib import Path

import apsw

from .durable_files import make_directory, write_file
from .errors import DatabaseFailed
from .logformat import ALARM_UNCHANGED
from .template import Template


class OwnWal:
    """Makes the commits of one file durable; is the ``Durability`` of its database.

    Attributes:
        is_logged: Somebody else makes the commits durable.
        last_lsn: What was read before may depend on this commit; 0: all are durable.
        is_new: The file was made, and nothing has been committed to it yet.
    """

    __slots__ = ("_path", "is_new")
    is_logged = False
    last_lsn = 0

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_new = False

    def is_orphan(self) -> bool:
        return False

    def create(self, template: Template) -> None:
        """Make the file.

        Raises:
            DatabaseFailed: A log is there without its database.
            OSError: It cannot be made.
        """
        wal = self._path.with_name(self._path.name + "-wal")
        make_directory(self._path.parent)
        if wal.exists():  # SQLite would replay it into the new file
            problem = f"{wal.name} is there, and the database it belongs to is not"
            raise DatabaseFailed(self._path, problem, code="SQLITE_CORRUPT")
        write_file(self._path, template.data)
        self.is_new = True

    def tidy_up(self) -> None:
        """What is in the ``-wal`` was committed."""

    def opened(self, connection: apsw.Connection) -> None:
        """Nothing to follow."""

    def make_room(self, connection: apsw.Connection) -> None:
        """SQLite does it at a commit."""

    def before_commit(self, connection: apsw.Connection) -> None:
        """COMMIT does all."""

    def committed(self, alarm_ms: int = ALARM_UNCHANGED) -> None:
        """COMMIT has done all."""
        del alarm_ms
        self.is_new = False

    def when_durable(self, action: Callable[[], None]) -> None:
        """Everything committed is durable."""
        action()

    @property
    def is_synced(self) -> bool:
        return True

    @property
    def is_durable(self) -> bool:
        return True

    def checkpoint(self, connection: apsw.Connection) -> bool:
        """SQLite does it when it closes the file."""
        del connection
        return True

    def closed(self) -> None:
        """SQLite has tidied up."""
