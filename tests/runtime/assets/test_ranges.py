"""Which part of a file a request asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from perdure.runtime.assets.ranges import content_range, part_of

TAG = '"tag"'


def asked(text: str, size: int = 10, **more: str) -> range | None:
    fields = CIMultiDict({"Range": text})
    fields.update({name.replace("_", "-"): value for name, value in more.items()})
    return part_of(fields, size, TAG)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=2-4", range(2, 5)),
        ("bytes=2-", range(2, 10)),
        ("bytes=2-99", range(2, 10)),
        ("bytes=9-9", range(9, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-10", range(10)),
        ("bytes=-999", range(10)),
        ("BYTES=0-1", range(2)),
        ("bytes = 0-1", range(2)),
        (f"bytes=0-{'9' * 30}", range(10)),
    ],
)
def test_bytes_that_there_are(text: str, part: range) -> None:
    assert asked(text) == part


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99-100"])
def test_bytes_that_there_are_not(text: str) -> None:
    part = asked(text)
    assert part is not None
    assert not part
    assert content_range(part, 10) == "bytes */10"


def test_an_empty_file_has_no_bytes_and_its_last_ones_are_all() -> None:
    assert asked("bytes=0-", 0) == range(0)
    assert asked("bytes=-5", 0) is None
    assert asked("bytes=-0", 0) == range(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=1",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",
        "lines=1-2",
        "bytes=0-1,3-4",
        "bytes=0-1,",
        f"bytes={'9' * 5000}-",
    ],
)
def test_what_cannot_be_understood_is_not_heard_and_several_parts_are_the_whole(text: str) -> None:
    assert asked(text) is None


def test_two_fields_are_several_parts() -> None:
    fields = CIMultiDict([("Range", "bytes=0-1"), ("Range", "bytes=3-4")])
    assert part_of(fields, 10, TAG) is None


def test_without_a_word_of_parts_it_is_the_whole() -> None:
    assert part_of(CIMultiDict(), 10, TAG) is None
    assert part_of(CIMultiDict({"If-Range": TAG}), 10, TAG) is None


@pytest.mark.parametrize(
    ("held", "is_part"),
    [
        (TAG, True),
        (f" {TAG} ", True),
        (f"W/{TAG}", False),
        ('"other"', False),
        ("tag", False),
        ("", False),
        ("Sun, 22 Nov 2026 18:47:40 GMT", False),
    ],
)
def test_a_part_is_for_who_has_the_others_of_the_same_file(held: str, is_part: bool) -> None:
    part = asked("bytes=0-1", If_Range=held)
    assert part == (range(2) if is_part else None)
    assert asked("bytes=99-", If_Range=held) == (range(99, 10) if is_part else None)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_part_has_the_bytes_that_its_offsets_name(size: int, first: int, last: int) -> None:
    content = bytes(range(size))
    part = asked(f"bytes={first}-{last}", size)
    if last < first:
        assert part is None
        return
    assert part is not None
    assert content[part.start : part.stop] == content[first : last + 1]
    assert bool(part) == (first < size)


@given(st.integers(1, 30), st.integers(0, 40))
def test_the_last_bytes_are_those(size: int, count: int) -> None:
    content = bytes(range(size))
    part = asked(f"bytes=-{count}", size)
    assert part is not None
    assert content[part.start : part.stop] == (content[-count:] if count else b"")
