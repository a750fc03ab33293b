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
from .page_images import ImageKind, decode_images
from .wal import HEADER_SIZE_BYTES, WalUnreadable, committed_pages, read_header


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
            os.pwrite(descriptor, page, (number - 1) * header.page_size)
        os.ftruncate(descriptor, found.database_pages * header.page_size)
    finally:
        os.close(descriptor)
    wal.unlink()


def _write_pages(path: Path, descriptor: int, changes: Sequence[Change]) -> None:
    pages: dict[int, bytearray] = {}
    largest = 0  # number among them: to look through them all at each change would be quadratic
    for change in changes:
        size = change.page_size
        images = memoryview(change.images)
        for image in decode_images(images, change.image_count, size):
            page = pages.get(image.number)
            if page is None:
                page = pages[image.number] = bytearray(size)
                largest = max(largest, image.number)
                if image.kind is ImageKind.CHANGED:
                    page[:] = _read_page(path, descriptor, image.number, size)
            image.apply(page)
        if largest > change.database_pages:  # what is cut off may come again, without the old
            largest = change.database_pages
            pages = {number: page for number, page in pages.items() if number <= largest}
    size = changes[-1].page_size
    for number, page in sorted(pages.items()):
        os.pwrite(descriptor, page, (number - 1) * size)
    os.ftruncate(descriptor, changes[-1].database_pages * size)


def _read_page(path: Path, descriptor: int, number: int, size: int) -> bytes:
    page = os.pread(descriptor, size, (number - 1) * size)
    if len(page) != size:
        raise LogCorrupt(path, f"page {number} is not there to be changed")
    return page
