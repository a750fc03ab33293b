"""Reads the whole archive, and says what of it cannot be read any more."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import apsw

from ..errors import ArchiveDamaged
from .spans import SUFFIX, read_records, read_spans


def verify_archive(archive_dir: Path) -> Iterator[tuple[Path, ArchiveDamaged | None]]:
    """Yield each file of the archive, and what is wrong with it, or None.

    Files that go away meanwhile, because they are not to be kept any more, do not count.

    Args:
        archive_dir: The archive; it may not exist.

    Raises:
        OSError: A file cannot be read.
    """
    for path in sorted(archive_dir.glob(f"*/*{SUFFIX}")):
        with contextlib.suppress(FileNotFoundError):
            yield path, _check_spans(path)
    for path in sorted((archive_dir / "snapshots").glob("*/*/*.db")):
        with contextlib.suppress(FileNotFoundError):
            yield path, _check_copy(path)


def _check_spans(path: Path) -> ArchiveDamaged | None:
    try:
        for span in read_spans(path):
            if len(read_records(path, span.position)) != span.records:
                return ArchiveDamaged(path, f"records of the span at {span.position} are missing")
    except ArchiveDamaged as error:
        return error
    return None


def _check_copy(path: Path) -> ArchiveDamaged | None:
    path.stat()  # is it still there?
    try:
        connection = apsw.Connection(
            f"file:{quote(str(path))}?immutable=1",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
        with contextlib.closing(connection):
            ((verdict,),) = connection.execute("PRAGMA quick_check(1)")
    except apsw.Error as error:
        verdict = str(error)
    return None if verdict == "ok" else ArchiveDamaged(path, f"is damaged: {verdict}")
