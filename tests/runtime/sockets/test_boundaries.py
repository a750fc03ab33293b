import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sockets.boundaries import (
    Boundaries,
    header_size,
    payload_size,
    short_heads,
    whole_messages,
)
from perdure.runtime.sockets.frames import BINARY, encode_frame

SIZES = st.sampled_from([0, 1, 4, 125, 126, 127, 300, 65_535, 65_536, 70_000])
FRAMES = st.lists(st.tuples(SIZES, st.booleans()), min_size=1, max_size=6)


@given(frames=FRAMES, cuts=st.lists(st.integers(0, 200_000)), end=st.integers(0, 200_000))
def test_what_of_a_frame_has_come_is_known_however_the_bytes_are_cut(
    frames: list[tuple[int, bool]], cuts: list[int], end: int
) -> None:
    encoded = [encode_frame(BINARY, bytes(size), mask=mask) for size, mask in frames]
    whole = b"".join(encoded)
    end = min(end, len(whole))
    places = sorted({0, end, *(cut for cut in cuts if cut < end)})
    boundaries = Boundaries()
    for start, stop in itertools.pairwise(places):
        boundaries.read(whole[start:stop])
    begun = end
    for frame in encoded:
        if begun < len(frame):
            break
        begun -= len(frame)
    else:
        frame = b""
    size = header_size(frame) if frame else 0
    if begun < size or not begun:
        assert (boundaries.header, boundaries.missing_size_bytes) == (frame[:begun], 0)
    else:
        assert boundaries.header == frame[:size]
        assert boundaries.missing_size_bytes == len(frame) - begun


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("mask", [True, False])
def test_a_header_says_how_long_it_and_its_payload_are(size: int, mask: bool) -> None:
    frame = encode_frame(BINARY, bytes(size), mask=mask)
    header = frame[: header_size(frame)]
    assert payload_size(header) == size == len(frame) - len(header)


def test_the_size_of_a_header_needs_its_first_two_bytes() -> None:
    assert header_size(b"\x81") == 0
    assert header_size(b"..\x81\xff", 2) == 14


@given(
    sizes=st.lists(SIZES, min_size=1, max_size=4),
    mask=st.booleans(),
    cut=st.integers(0, 300_000),
    more=st.integers(1, 300_000),
)
def test_whole_messages_are_counted_and_what_is_not_wholly_that_is_none(
    sizes: list[int], mask: bool, cut: int, more: int
) -> None:
    bit = 0x80 if mask else 0
    data = b"".join(encode_frame(BINARY, bytes(size), mask=mask) for size in sizes)
    assert whole_messages(data, bit, 70_000) == len(sizes)
    assert whole_messages(data, 0x80 - bit, 70_000) == 0
    assert whole_messages(data, bit, max(sizes) - 1) == 0
    ends = itertools.accumulate(len(encode_frame(BINARY, bytes(size), mask=mask)) for size in sizes)
    cut %= len(data)
    if cut not in {0, *ends}:
        assert whole_messages(data[:cut], bit, 70_000) == 0
    assert whole_messages(data + data[: more % len(data[:2]) or 1], bit, 70_000) == 0


@pytest.mark.parametrize(
    "first", [0x00, 0x01, 0x02, 0x80, 0x83, 0x88, 0x89, 0x8A, 0xC1, 0xA2, 0x91]
)
def test_no_other_frame_is_a_whole_message(first: int) -> None:
    assert whole_messages(b"\x81\x01a", 0, 100) == 1
    assert whole_messages(bytes([first]) + b"\x01a", 0, 100) == 0
    assert whole_messages(b"\x81\x01a" + bytes([first]) + b"\x01a", 0, 100) == 0
    assert whole_messages(b"", 0, 100) == 0


@pytest.mark.parametrize("size_bytes_max", [0, 5, 124, 125, 70_000])
@pytest.mark.parametrize("bit", [0, 0x80])
def test_what_is_known_by_its_first_two_bytes_is_one_whole_message(
    bit: int, size_bytes_max: int
) -> None:
    known = short_heads(bit, size_bytes_max)
    for first in range(256):
        for second in range(256):
            head = bytes((first, second))
            size = 2 + (4 if bit else 0) + (second & 0x7F)
            is_one = second & 0x7F < 126 and whole_messages(
                head + bytes(size - 2), bit, size_bytes_max
            )
            assert known.get(head) == (size if is_one else None)
