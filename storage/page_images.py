"""Images of database pages as the commit log keeps them: whole, or what changed of them.

# Pure: bytes in, bytes out.

*Promise*: applying the images of a page in the order in which they were made gives the page;
applying them to a page that already has some or all of them gives the same page. So replay can
be repeated, and may start from a file in which a checkpoint was half written.
*Rules for editing*: a difference holds the new content of the blocks that changed, never the
exclusive-or with the old one: that would not be repeatable.

An image is ``number u32, kind u8, 0 u8, runs u16`` (little-endian), then:

    RAW                      the page
    CHANGED, FROM_ZEROS      runs x (first block u16, blocks u16), then the blocks of all runs
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from .errors import InternalError

# design/STORAGE.md section 2: a random update of a 4 KiB page touches two or three of these.
BLOCK_SIZE_BYTES = 64
# Pages are first compared in pieces of so many blocks: most pieces are equal as a whole.
_PIECE_SIZE_BYTES = 512
_HEAD = struct.Struct("<IBBH")
_RUN = struct.Struct("<HH")


class ImageKind(IntEnum):
    RAW = 0
    CHANGED = 1  # against the page's image before
    FROM_ZEROS = 2  # against a page of zeros, so that nothing before it matters


@dataclass(frozen=True, slots=True)
class PageImage:
    """One page, as a record of the log holds it.

    Attributes:
        number: The page; the first one is 1.
        kind: What ``data`` is.
        runs: (first byte, bytes) of each stretch that ``data`` replaces, in order.
        data: The page, or all stretches one after the other.
    """

    number: int
    kind: ImageKind
    runs: tuple[tuple[int, int], ...]
    data: memoryview

    def apply(self, page: bytearray) -> None:
        """Change ``page``, of the right size, into what it was after this image."""
        if self.kind is ImageKind.RAW:
            page[:] = self.data
            return
        if self.kind is ImageKind.FROM_ZEROS:
            page[:] = bytes(len(page))
        at = 0
        for first, size in self.runs:
            page[first : first + size] = self.data[at : at + size]
            at += size


def encode_image(number: int, page: bytes, before: bytes | None) -> bytes:
    """Return the shortest image of ``page``.

    Args:
        number: The page's number.
        page: Its content.
        before: Its content according to the log so far; None if that is not at hand.
    """
    kind = ImageKind.FROM_ZEROS if before is None else ImageKind.CHANGED
    size = len(page)
    runs = _changed_runs(bytes(size) if before is None else before, page)
    changed = sum(length for _, length in runs)
    if changed + _RUN.size * len(runs) >= size:
        return _HEAD.pack(number, ImageKind.RAW, 0, 0) + page
    block = BLOCK_SIZE_BYTES
    parts = [_HEAD.pack(number, kind, 0, len(runs))]
    parts += [_RUN.pack(first // block, length // block) for first, length in runs]
    parts += [page[first : first + length] for first, length in runs]
    return b"".join(parts)


def _changed_runs(before: bytes, page: bytes) -> list[tuple[int, int]]:
    """Return (first byte, bytes) of each stretch of blocks that differ."""
    runs: list[tuple[int, int]] = []
    end = -1
    block = BLOCK_SIZE_BYTES
    for piece in range(0, len(page), _PIECE_SIZE_BYTES):
        stop = piece + _PIECE_SIZE_BYTES
        if before[piece:stop] == page[piece:stop]:
            continue
        for first in range(piece, stop, block):
            if before[first : first + block] != page[first : first + block]:
                if first == end:
                    start, length = runs[-1]
                    runs[-1] = (start, length + block)
                else:
                    runs.append((first, block))
                end = first + block
    return runs


def decode_images(data: memoryview, count: int, page_size: int) -> Iterator[PageImage]:
    """Yield the ``count`` images that stand one after the other in ``data``.

    Raises:
        InternalError: They do not fit; the record's checksum was right, so we wrote it wrong.
    """
    at = 0
    for _ in range(count):
        if at + _HEAD.size > len(data):
            raise InternalError(f"{count} page images do not fit into {len(data)} bytes")
        number, kind, _, run_count = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        runs = tuple(
            (first * BLOCK_SIZE_BYTES, blocks * BLOCK_SIZE_BYTES)
            for first, blocks in _RUN.iter_unpack(data[at : at + _RUN.size * run_count])
        )
        at += _RUN.size * run_count
        size = sum(length for _, length in runs) if kind else page_size
        if at + size > len(data) or any(sum(run) > page_size for run in runs):
            raise InternalError(f"the image of page {number} is longer than its record")
        yield PageImage(number, ImageKind(kind), runs, data[at : at + size])
        at += size
