"""Images of pages: sizes, and what is refused. Round trips: tests/properties/test_page_images.py."""

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
