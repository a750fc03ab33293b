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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from itertools import compress
from operator import ne
from typing import Any

from .errors import InternalError

# design/STORAGE.md section 2: a random update of a 4 KiB page touches two or three of these.
BLOCK_SIZE_BYTES = 64
# Pages are first compared in pieces of so many blocks: most pieces are equal as a whole. Of 256,
# 512 and 1024 bytes this was the quickest for a row that is inserted.
_PIECE_BLOCKS = 4
_PIECE_SIZE_BYTES = _PIECE_BLOCKS * BLOCK_SIZE_BYTES
_HEAD = struct.Struct("<IBBH")
_RUN = struct.Struct("<HH")
# A page of a b-tree begins with its type, then (after two bytes) how many cells it has and where
# their content begins.
_LEAF = struct.Struct(">BxxHH")
_LEAF_HEAD_SIZE_BYTES = 8
_LEAVES = frozenset({10, 13})  # of an index, of a table
_WHOLE_HEAD_BLOCKS_MAX = 2  # with the pointers to 60 cells; of more, only what has changed
_blocks_of = struct.Struct(f"{BLOCK_SIZE_BYTES}s" * _PIECE_BLOCKS).unpack


class ImageKind(IntEnum):
    RAW = 0
    CHANGED = 1  # against the page's image before
    FROM_ZEROS = 2  # against a page of zeros, so that nothing before it matters


_RAW, _FROM_ZEROS = int(ImageKind.RAW), int(ImageKind.FROM_ZEROS)


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
    kind = ImageKind.CHANGED
    size = len(page)
    if before is None:
        kind, before = ImageKind.FROM_ZEROS, _zeros(size)
    runs, blocks = _blocks_of_added_cell(before, page) or _changed_blocks(before, page)
    data = b"".join(blocks)
    count = len(runs) // 2
    if len(data) + count * _RUN.size >= size:
        return _HEAD.pack(number, ImageKind.RAW, 0, 0) + page
    return _packer(count)(number, kind, 0, count, *runs) + data


_Difference = tuple[list[int], list[bytes]]  # first block and blocks of each stretch; their content


def _blocks_of_added_cell(before: bytes, page: bytes) -> _Difference | None:
    """Return what differs if ``page`` is a leaf that got one more cell; None if it is not.

    A row added to a table changes the page's head, the array of pointers behind it, and the
    bytes below the cells that were there (SQLite file format, 1.6). So it is known where to look;
    that all the rest is equal is compared here, in a third of the time that the search takes.
    """
    kind, cells, start = _LEAF.unpack_from(page)
    kind_before, cells_before, end = _LEAF.unpack_from(before)
    if kind != kind_before or kind not in _LEAVES or cells != cells_before + 1:
        return None
    block = BLOCK_SIZE_BYTES
    pointers = (_LEAF_HEAD_SIZE_BYTES + 2 * cells - 1) // block + 1
    first, behind = start // block, (end - 1) // block + 1
    if not pointers < first < behind:
        return None
    head_end, cell, cell_end = pointers * block, first * block, behind * block
    if page[head_end:cell] != before[head_end:cell] or page[cell_end:] != before[cell_end:]:
        return None
    if pointers <= _WHOLE_HEAD_BLOCKS_MAX:
        return [0, pointers, first, behind - first], [page[:head_end], page[cell:cell_end]]
    last = head_end - block  # if the new pointer is the last one, those between are what they were
    if page[block:last] != before[block:last]:
        return None
    runs = [0, 1, pointers - 1, 1, first, behind - first]
    return runs, [page[:block], page[last:head_end], page[cell:cell_end]]


def _changed_blocks(before: bytes, page: bytes) -> _Difference:
    """Return what differs.

    It is asked at every commit. To cut a page up in one call, and to have C compare the parts,
    takes half the time of slices.
    """
    runs: list[int] = []
    blocks: list[bytes] = []
    end = -1
    cut = _piece_cutter(len(page))
    pieces_before, pieces = cut(before), cut(page)
    for piece in compress(range(len(pieces)), map(ne, pieces_before, pieces)):
        at = piece * _PIECE_BLOCKS
        for old, new in zip(
            _blocks_of(pieces_before[piece]), _blocks_of(pieces[piece]), strict=True
        ):
            if old != new:
                if at == end:
                    runs[-1] += 1
                else:
                    runs += (at, 1)
                end = at + 1
                blocks.append(new)
            at += 1
    return runs, blocks


@cache
def _zeros(size: int) -> bytes:
    return bytes(size)


@cache
def _piece_cutter(size: int) -> Callable[[bytes], tuple[Any, ...]]:
    """Return what cuts a page of this size into its pieces."""
    return struct.Struct(f"{_PIECE_SIZE_BYTES}s" * (size // _PIECE_SIZE_BYTES)).unpack


@cache
def _packer(count: int) -> Callable[..., bytes]:
    """Return what packs the head of an image with so many runs."""
    return struct.Struct(f"{_HEAD.format}{2 * count}H").pack


def apply_images(
    data: memoryview,
    count: int,
    page_size: int,
    pages: dict[int, bytearray],
    read_page: Callable[[int], bytearray],
) -> int:
    """Change ``pages`` as the ``count`` images in ``data`` say; what is replayed goes through here.

    It does what ``decode_images`` and ``PageImage.apply`` do, in a third of the time.

    Args:
        data: The images, one after the other.
        count: How many.
        page_size: Of each page.
        pages: By their numbers; those that are not there yet are put there.
        read_page: Returns a page that is not, as it was before.

    Returns:
        The highest number among them, 0 if there are none.

    Raises:
        InternalError: They do not fit; the record's checksum was right, so we wrote it wrong.
    """
    at, end, largest = 0, len(data), 0
    try:
        for _ in range(count):
            number, kind, _, run_count = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            largest = max(largest, number)
            if kind == _RAW:
                page = pages[number] = bytearray(data[at : at + page_size])
                at += page_size
            else:
                if kind == _FROM_ZEROS:
                    page = pages[number] = bytearray(page_size)
                elif number in pages:
                    page = pages[number]
                else:
                    page = pages[number] = read_page(number)
                runs = _runs_of(run_count)(data, at)
                at += _RUN.size * run_count
                for block, blocks in zip(runs[::2], runs[1::2], strict=True):
                    first, size = block * BLOCK_SIZE_BYTES, blocks * BLOCK_SIZE_BYTES
                    page[first : first + size] = data[at : at + size]
                    at += size
            if len(page) != page_size:  # a run went over its end, or there was less than that
                raise InternalError(f"the image of page {number} does not fit it")
    except struct.error as error:
        raise InternalError(f"{count} page images do not fit into {end} bytes") from error
    if at > end:
        raise InternalError(f"{count} page images do not fit into {end} bytes")
    return largest


@cache
def _runs_of(count: int) -> Callable[[memoryview, int], tuple[int, ...]]:
    return struct.Struct(f"<{2 * count}H").unpack_from


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
