import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sockets.boundaries import Boundaries, header_size, payload_size
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
