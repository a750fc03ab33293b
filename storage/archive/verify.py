"""Reads the whole archive, and says what of it cannot be read any more."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import ArchiveDamaged
from .copies import COPIES, Snapshot, checksum_of
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
    for path in sorted((archive_dir / COPIES).glob("*/*/*.db")):
        with contextlib.suppress(FileNotFoundError):
            yield path, _check_copy(path)


def _check_spans(path: Path) -> ArchiveDamaged | None:
    try:
        count = sum(len(read_records(path, span.position)) for span in read_spans(path))
    except ArchiveDamaged as error:
        return error
    first, _, last = path.stem.partition("-")
    if count != int(last, 16) - int(first, 16) + 1:
        return ArchiveDamaged(path, f"holds {count} records, and its name says another number")
    return None


def _check_copy(path: Path) -> ArchiveDamaged | None:
    # The checksum says that it is what was built; what was built is what the log said.
    if checksum_of(path) != Snapshot((0, 0), 0, path.name).checksum:
        return ArchiveDamaged(path, "this copy of an actor's file is not what it was")
    return None
