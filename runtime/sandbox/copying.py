"""Files of the developer's on their way into a sandbox: a tar archive, made piece by piece."""

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

CHUNK_BYTES: Final = 256 * 1024
_WORKSPACE: Final = PurePosixPath("/workspace")

# What is copied: a file or folder outside, and what it is called inside.
Copies = Sequence[tuple[Path, str]]


def state_of(copies: Copies) -> str:
    """Differs if something of it is another than before, as its size and time tell.

    Raises:
        OSError: Something of it is not there any more.
    """
    known = sha256()
    for path, name in _entries(copies):
        facts = path.lstat()
        known.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_mode}\n".encode())
    return known.hexdigest()


def archive_of(copies: Copies) -> Iterator[bytes]:
    """A tar archive of it, whose names begin at the workspace; nobody inside owns more by it.

    Raises:
        OSError: Something of it cannot be read.
    """
    # It is only asked for what it knows of files: what it would write is not wanted.
    with tarfile.open(fileobj=io.BytesIO(), mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, name in _entries(copies):
            info = tar.gettarinfo(path, name)
            if info is None or not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
                continue  # a socket, a pipe or a device
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            if info.isreg():
                yield from _content(path, info.size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _content(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb") as file:
        while left:
            # One that has become shorter meanwhile is filled up: the archive has told its size.
            data = file.read(min(left, CHUNK_BYTES)) or bytes(min(left, CHUNK_BYTES))
            left -= len(data)
            yield data
    yield bytes(-size % tarfile.BLOCKSIZE)


def _entries(copies: Copies) -> Iterator[tuple[Path, str]]:
    for source, target in copies:
        name = PurePosixPath(target).relative_to(_WORKSPACE)
        yield source, str(name)
        if source.is_dir():
            yield from _below(source, name)


def _below(source: Path, name: PurePosixPath) -> Iterator[tuple[Path, str]]:
    for folder, folders, files in os.walk(source):
        folders.sort()
        inside = name / Path(folder).relative_to(source).as_posix()
        for each in sorted([*folders, *files]):
            yield Path(folder) / each, str(inside / each)
