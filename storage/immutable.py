"""Reading a SQLite file that nobody writes to while it is read.

SQLite takes no lock then and looks for no write-ahead log: what is in the file is what is read,
also on a disk that cannot be written. A file that is written to all the same may look damaged.
"""

from pathlib import Path
from urllib.parse import quote

import apsw

_FLAGS = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


def open_immutable(path: Path) -> apsw.Connection:
    """Open the file; whoever asks closes it.

    Raises:
        apsw.Error: It is not there, or no SQLite file.
    """
    return apsw.Connection(immutable_uri(path), flags=_FLAGS)


def immutable_uri(path: Path) -> str:
    """The file's name as ``ATTACH`` takes it, on a connection of ``open_immutable``."""
    return f"file:{quote(str(path))}?immutable=1"
