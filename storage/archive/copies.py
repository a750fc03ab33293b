"""Copies of actors' files in the archive: their names, and that they are what they were.

*Promise*: a copy whose bytes have changed since it was made is not taken for what it was.

    snapshots/<namespace>/<ab>/<id>-<incarnation>-<commit>-<checksum>.db

The name says of which actor it is, after which of its commits, and the CRC-32 of the content, so
that the index can be made anew from the names. A copy in ``pending/`` has no checksum: it is
there from before a file takes an actor's place until the archive takes in that record.
"""

import re
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArchiveDamaged
from ..layout import quote

COPIES = "snapshots"
SUFFIX = ".db"
_NAME = re.compile(r"([0-9a-f]{64})-([0-9a-f]{8})-([0-9a-f]{16})-([0-9a-f]{8})")
_BLOCK_SIZE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of an actor's file as it was after one of its commits.

    Attributes:
        order: That commit's.
        size_bytes: Of the file.
        name: Its path below the archive's directory.
    """

    order: tuple[int, int]
    size_bytes: int
    name: str

    @property
    def checksum(self) -> int | None:
        """Of the content; None of a copy that is pending."""
        found = _NAME.fullmatch(Path(self.name).stem)
        return None if found is None else int(found[4], 16)


def copy_name(actor: tuple[str, bytes], order: tuple[int, int], checksum: int) -> str:
    """Return the path, below the archive's directory, of an actor's copy."""
    key, text = quote(actor[0]), actor[1].hex()
    numbers = f"{order[0]:08x}-{order[1]:016x}-{checksum:08x}"
    return f"{COPIES}/{key}/{text[:2]}/{text}-{numbers}{SUFFIX}"


def parse_copy_name(name: str) -> tuple[bytes, tuple[int, int]] | None:
    """Return whose copy a file of this name is, and its order; None if it is none."""
    found = _NAME.fullmatch(name.removesuffix(SUFFIX))
    if found is None:
        return None
    return bytes.fromhex(found[1]), (int(found[2], 16), int(found[3], 16))


def checksum_of(path: Path) -> int:
    """Return the CRC-32 of a file's content.

    Raises:
        OSError: It cannot be read.
    """
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_SIZE_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum


def take_out(archive_dir: Path, snapshot: Snapshot, target: Path) -> None:
    """Make ``target`` a copy of a snapshot; not synced.

    Raises:
        ArchiveDamaged: It is not what it was.
        OSError: It cannot be read, or the other not be written.
    """
    source = archive_dir / snapshot.name
    if snapshot.checksum is None:
        shutil.copyfile(source, target)
        return
    checksum = 0
    with source.open("rb") as file, target.open("wb") as copy:
        while block := file.read(_BLOCK_SIZE_BYTES):
            checksum = zlib.crc32(block, checksum)
            copy.write(block)
    if checksum != snapshot.checksum:
        raise ArchiveDamaged(source, "this copy of an actor's file is not what it was")
