"""How bytes become frames."""

import msgpack
import pytest

from perdure.runtime.shards.link.errors import LinkBroken
from perdure.runtime.shards.link.framing import (
    FRAME_SIZE_BYTES_MAX,
    Frame,
    FrameReader,
    FrameWriter,
    joined,
    read_body,
    with_length,
)


def read(data: bytes, reader: FrameReader | None = None) -> list[Frame]:
    frames: list[Frame] = []
    (reader or FrameReader()).feed(data, frames)
    return frames


def test_the_wire_format_is_a_length_and_a_msgpack_array() -> None:
    assert (
        FrameWriter().whole([8, "a", b"b", None]) == b"\x00\x00\x00\x08\x94\x08\xa1a\xc4\x01b\xc0"
    )


def test_frames_come_back() -> None:
    writer = FrameWriter()
    frames: list[Frame] = [[1, "text", b"bytes"], [2, [3, None, True, 2.5]], [-4]]
    assert read(b"".join(map(writer.whole, frames))) == frames


def test_a_frame_is_read_when_its_last_byte_is_there() -> None:
    data = FrameWriter().whole([1, b"x" * 100])
    reader = FrameReader()
    for byte in data[:-1]:
        assert read(bytes([byte]), reader) == []
    assert read(data[-1:], reader) == [[1, b"x" * 100]]
    assert reader.kept_size_bytes == 0


def test_any_text_of_python_survives() -> None:
    text = "é\ud800\udc80\U0001f600"
    assert read(FrameWriter().whole([1, text])) == [[1, text]]


def test_a_large_frame_does_not_leave_its_buffer_behind() -> None:
    writer = FrameWriter()
    large = [1, b"x" * 1_000_000]
    assert read(writer.whole(large) + writer.whole([2])) == [large, [2]]


@pytest.mark.parametrize("cut", [0, 2, 4])
def test_an_oversize_frame_is_refused_before_it_is_there(cut: int) -> None:
    head = (FRAME_SIZE_BYTES_MAX + 1).to_bytes(4, "big")
    reader = FrameReader()
    assert read(head[:cut], reader) == [] if cut < 4 else True
    with pytest.raises(LinkBroken, match="8,388,609 bytes"):
        read(head[cut:] if cut < 4 else head, reader)
    assert reader.kept_size_bytes <= 4


def test_the_largest_frame_passes() -> None:
    body = msgpack.packb([1, b"x" * (FRAME_SIZE_BYTES_MAX - 7)])
    assert len(body) == FRAME_SIZE_BYTES_MAX
    [frame] = read(with_length(body))
    assert len(frame[1]) == FRAME_SIZE_BYTES_MAX - 7


def test_what_came_before_garbage_is_still_given() -> None:
    frames: list[Frame] = []
    with pytest.raises(LinkBroken, match="no msgpack"):
        FrameReader().feed(FrameWriter().whole([1]) + b"\0\0\0\1\xc1", frames)
    assert frames == [[1]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x01",
        b"\x90",  # an array without a kind
        b"\x92\x01",
        b"\x91\x01\x01",
        b"\x81\x01\x02",
        b"\x91\x81\x01\x02",  # a map inside
        b"\x91\xa1\xff",  # text that is no UTF-8
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 2000 + b"\x01",
    ],
)
def test_garbage_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(LinkBroken, match=r"^a frame is no"):
        read_body(body)


def test_a_list_that_is_too_long_is_refused_without_making_it() -> None:
    with pytest.raises(LinkBroken, match="exceeds"):
        read_body(b"\x91\xdd\x00\x02\x00\x01" + b"\xc0" * (2**17 + 1))


def bodies_of(*frames: Frame) -> list[bytes]:
    return [FrameWriter().body(frame) for frame in frames]


def test_frames_written_at_once_travel_as_one() -> None:
    assert joined(bodies_of([8, "a"])) == FrameWriter().whole([8, "a"])
    data = joined(bodies_of([8, "a"], [9]))
    assert data == b"\x00\x00\x00\x0c\xdd\x00\x00\x00\x03\x04\x92\x08\xa1a\x91\x09"
    assert read(data) == [[8, "a"], [9]]
    reader = FrameReader()
    assert [read(bytes([byte]), reader) for byte in data][-1] == [[8, "a"], [9]]


@pytest.mark.parametrize(
    "sizes", [[300_000], [1, 300_000, 1], [100_000] * 7, [2] * 70_000, [300_000, 300_000, 2, 2]]
)
def test_a_batch_has_a_limit_in_size_and_in_number(sizes: list[int]) -> None:
    frames: list[Frame] = [[8, b"x" * size] for size in sizes]
    data = joined(bodies_of(*frames))
    assert read(data) == frames
    largest = start = 0
    while start < len(data):
        size = int.from_bytes(data[start : start + 4])
        largest, start = max(largest, size), start + 4 + size
    assert largest <= max(*sizes, 2**18) + 64


@pytest.mark.parametrize("inner", [b"\x90", b"\x01", b"\xc0", b"\xa1a"])
def test_what_is_no_frame_within_a_batch_is_refused(inner: bytes) -> None:
    frames: list[Frame] = []
    with pytest.raises(LinkBroken, match="within another"):
        FrameReader().feed(with_length(b"\x93\x04\x91\x08" + inner), frames)
    assert frames == [[8]]
