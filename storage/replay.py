"""Writes into a database file what records of the commit log, or frames of its ``-wal``, say.

*Promise*: afterwards the file is as it was when the last of the changes was committed, whether it
had none of them, some, or all, and whatever mixture of old and new blocks its pages were: each
byte that was ever changed is written again.
*Assumes*: the changes are of one database, in the order of its commits, without a gap since the
state of which the file has every byte that they do not change.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from .durable_files import make_directory
from .errors import LogCorrupt
from .logformat import Change
from .page_images import apply_images
from .wal import HEADER_SIZE_BYTES, WalUnreadable, committed_pages, read_header

# A system call takes 1024 parts at most.
_PAGES_AT_ONCE = 256


def replay(path: Path, changes: Sequence[Change], *, is_new: bool) -> None:
    """Bring the file at ``path`` up to date; nothing is synced.

    Args:
        path: The file.
        changes: What happened to it, each with page images.
        is_new: The first of them holds all its pages: what the file was does not matter.

    Raises:
        LogCorrupt: The file, or a page of it, is not there.
        OSError: It cannot be read or written.
    """
    flags = os.O_RDWR | os.O_CLOEXEC
    if is_new:
        make_directory(path.parent)
        flags |= os.O_CREAT | os.O_TRUNC
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileNotFoundError as error:
        raise LogCorrupt(path, "the log has changes of this file, and it is gone") from error
    try:
        _write_pages(path, descriptor, changes)
    finally:
        os.close(descriptor)


def replay_wal(path: Path, frames: int) -> None:
    """Put into the file at ``path`` the first ``frames`` of its own ``-wal``, and remove that.

    For a file that SQLite refuses, because other pages of it are damaged.

    Raises:
        OSError: It cannot be read or written.
        WalUnreadable: This process has not written it.
    """
    wal = path.with_name(path.name + "-wal")
    data = wal.read_bytes()
    header = read_header(data)
    if len(data) < header.offset(frames):
        raise WalUnreadable(f"it has {len(data)} bytes, and {header.offset(frames)} were written")
    found = committed_pages(header, data[HEADER_SIZE_BYTES : header.offset(frames)])
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for number, page in found.pages.items():
            _write_all(descriptor, page, (number - 1) * header.page_size)
        os.ftruncate(descriptor, found.database_pages * header.page_size)
    finally:
        os.close(descriptor)
    wal.unlink()


def _write_pages(path: Path, descriptor: int, changes: Sequence[Change]) -> None:
    size = changes[0].page_size

    def read_page(number: int) -> bytearray:
        page = bytearray(os.pread(descriptor, size, (number - 1) * size))
        if len(page) != size:
            raise LogCorrupt(path, f"page {number} is not there to be changed")
        return page

    pages: dict[int, bytearray] = {}
    largest = 0  # number among them: to look through them all at each change would be quadratic
    for change in changes:
        images = memoryview(change.images)
        largest = max(
            largest, apply_images(images, change.image_count, change.page_size, pages, read_page)
        )
        if largest > change.database_pages:  # what is cut off may come again, without the old
            largest = change.database_pages
            pages = {number: page for number, page in pages.items() if number <= largest}
    for first, run in _runs(pages):
        at = (first - 1) * size
        if os.pwritev(descriptor, run, at) != len(run) * size:  # no room: the rest says so
            _write_all(descriptor, b"".join(run), at)
    whole = changes[-1].database_pages * size
    if os.fstat(descriptor).st_size != whole:  # it costs as much as all the rest
        os.ftruncate(descriptor, whole)


def _write_all(descriptor: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view = view[written:]
        at += written


def _runs(pages: dict[int, bytearray]) -> list[tuple[int, list[bytearray]]]:
    """Return pages that lie one behind the other together, with the first one's number."""
    runs: list[tuple[int, list[bytearray]]] = []
    last = None
    for number in sorted(pages):
        if number - 1 == last and len(runs[-1][1]) < _PAGES_AT_ONCE:
            runs[-1][1].append(pages[number])
        else:
            runs.append((number, [pages[number]]))
        last = number
    return runs
