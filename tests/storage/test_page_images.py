"""Images of pages: sizes, and what is refused. Round trips: tests/properties/test_page_images.py."""

import pytest

from perdure.storage.errors import InternalError
from perdure.storage.page_images import ImageKind, decode_images, encode_image

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


def test_images_that_do_not_fit_their_record_are_refused() -> None:
    data = encode_image(1, b"y" * 512, None)
    with pytest.raises(InternalError, match="longer than its record"):
        list(decode_images(memoryview(data[:-1]), 1, 512))
    with pytest.raises(InternalError, match="do not fit"):
        list(decode_images(memoryview(data), 2, 512))
