"""Images of pages: sizes, and what is refused. Round trips: tests/properties/test_page_images.py."""

import struct

import pytest

from perdure.storage.errors import InternalError
from perdure.storage.page_images import ImageKind, apply_images, decode_images, encode_image

ZEROS = bytes(4096)


def change(page: bytes, at: int, data: bytes) -> bytes:
    return page[:at] + data + page[at + len(data) :]


def test_a_small_change_takes_its_blocks_only() -> None:
    before = bytes(range(256)) * 16
    after = change(change(before, 100, b"!"), 4000, b"??")
    data = encode_image(7, after, before)
    assert len(data) == 8 + 2 * 4 + 2 * 64
    (image,) = decode_images(memoryview(data), 1, 4096)
    assert image.number == 7
    assert image.kind is ImageKind.CHANGED
    assert image.runs == ((64, 64), (3968, 64))


def test_neighbouring_blocks_are_one_run() -> None:
    after = change(ZEROS, 500, bytes([1]) * 100)  # over the border of two pieces
    (image,) = decode_images(memoryview(encode_image(1, after, ZEROS)), 1, 4096)
    assert image.runs == ((448, 192),)


def test_a_page_without_a_past_is_taken_from_zeros_if_that_is_shorter() -> None:
    sparse = change(ZEROS, 0, b"head")
    (image,) = decode_images(memoryview(encode_image(1, sparse, None)), 1, 4096)
    assert image.kind is ImageKind.FROM_ZEROS
    page = bytearray(b"x" * 4096)
    image.apply(page)
    assert page == sparse
    (whole,) = decode_images(memoryview(encode_image(1, b"y" * 4096, None)), 1, 4096)
    assert whole.kind is ImageKind.RAW
    whole.apply(page)
    assert page == b"y" * 4096


def leaf(cells: int, start: int) -> bytes:
    """A table's leaf; what it holds does not matter."""
    head = struct.pack(">BHHHB", 13, 0, cells, start, 0)
    return head + bytes(n % 251 for n in range(4096 - len(head)))


def with_one_more(page: bytes, at: int, cell: bytes) -> bytes:
    (cells,) = struct.unpack_from(">H", page, 3)
    page = change(page, 3, struct.pack(">HH", cells + 1, at))
    return change(change(page, 8 + 2 * cells, struct.pack(">H", at)), at, cell)


@pytest.mark.parametrize(
    ("cells", "runs"),
    [
        (5, ((0, 64), (2944, 128))),
        (40, ((0, 128), (2944, 128))),
        (400, ((0, 64), (768, 64), (2944, 128))),
    ],
)
def test_of_a_leaf_with_one_more_cell_the_head_and_the_cell_are_taken(
    cells: int, runs: tuple[tuple[int, int], ...]
) -> None:
    before = leaf(cells, 3060)
    after = with_one_more(before, 2960, b"!" * 100)
    (image,) = decode_images(memoryview(encode_image(3, after, before)), 1, 4096)
    assert image.runs == runs
    page = bytearray(before)
    image.apply(page)
    assert page == after


@pytest.mark.parametrize("cells", [5, 40, 400])
def test_whatever_else_has_changed_beside_a_new_cell_is_in_the_image(cells: int) -> None:
    before = leaf(cells, 3060)
    added = with_one_more(before, 2960, b"!" * 100)
    for at in range(4096):
        after = change(added, at, bytes([added[at] ^ 0x55]))
        (image,) = decode_images(memoryview(encode_image(3, after, before)), 1, 4096)
        page = bytearray(before)
        image.apply(page)
        assert page == after


def test_images_that_do_not_fit_their_record_are_refused() -> None:
    data = encode_image(1, b"y" * 512, None)
    with pytest.raises(InternalError, match="longer than its record"):
        list(decode_images(memoryview(data[:-1]), 1, 512))
    with pytest.raises(InternalError, match="do not fit"):
        list(decode_images(memoryview(data), 2, 512))


def test_images_are_applied_to_pages_that_are_read_when_they_are_needed() -> None:
    old = {1: bytearray(b"a" * 512), 2: bytearray(b"b" * 512)}
    read: list[int] = []

    def read_page(number: int) -> bytearray:
        read.append(number)
        return old[number]

    images = [
        encode_image(2, b"B" * 64 + b"b" * 448, b"b" * 512),
        encode_image(2, b"B" * 64 + b"b" * 384 + b"C" * 64, b"B" * 64 + b"b" * 448),
        encode_image(7, b"w" * 512, None),
        encode_image(5, b"s" * 64 + bytes(448), None),
    ]
    pages: dict[int, bytearray] = {}
    assert apply_images(memoryview(b"".join(images)), 4, 512, pages, read_page) == 7
    assert read == [2]
    assert pages == {
        2: b"B" * 64 + b"b" * 384 + b"C" * 64,
        7: b"w" * 512,
        5: b"s" * 64 + bytes(448),
    }


@pytest.mark.parametrize("before", [None, b"x" * 512, b"y" * 448 + b"x" * 64])
def test_images_that_do_not_fit_are_not_applied(before: bytes | None) -> None:
    data = encode_image(1, b"y" * 512, before)
    for part, count in ((data[:-1], 1), (data, 2), (data[:9], 1), (data + data[:3], 2)):
        pages = {1: bytearray(512)}
        with pytest.raises(InternalError, match="fit"):
            apply_images(memoryview(part), count, 512, pages, lambda _: bytearray(512))
    with pytest.raises(InternalError, match="fit"):
        beyond = bytes([1, 0, 0, 0, 1, 0, 1, 0, 8, 0, 1, 0]) + bytes(64)  # the ninth block of eight
        apply_images(memoryview(beyond), 1, 512, {}, lambda _: bytearray(512))
