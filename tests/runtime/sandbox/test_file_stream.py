"""A file as a stream of events."""

import itertools
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.api.events import sse
from perdure.runtime.sandbox.errors import SandboxFileError, SandboxFileNotFound, SandboxInvalid
from perdure.runtime.sandbox.file_stream import (
    FileMetadata,
    collect_file,
    events_of,
    is_text,
    stream_file,
)


async def each_of(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def metadata(*, is_binary: bool) -> FileMetadata:
    encoding = "base64" if is_binary else "utf-8"
    return FileMetadata(mime_type="a/b", size=5, is_binary=is_binary, encoding=encoding)  # type: ignore[arg-type]  # one of the two


@given(st.lists(st.binary(max_size=100_000), max_size=5))
async def test_bytes_arrive_as_they_were(pieces: list[bytes]) -> None:
    found = await collect_file(events_of(each_of(pieces), metadata(is_binary=True)))
    assert found.content == b"".join(pieces)
    assert found.metadata == metadata(is_binary=True)


@given(st.text(), st.lists(st.integers(0, 100)))
async def test_text_arrives_as_it_was_however_it_is_cut(text: str, cuts: list[int]) -> None:
    data = text.encode()
    places = [0, *sorted(cut for cut in cuts if cut <= len(data)), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    found = await collect_file(events_of(each_of(pieces), metadata(is_binary=False)))
    assert found.content == text


async def test_the_last_event_says_how_much_it_was() -> None:
    events = [event async for event in events_of(each_of([b"ab", b"c"]), metadata(is_binary=False))]
    assert json.loads(events[-1][6:]) == {"type": "complete", "bytesRead": 3}
    assert json.loads(events[0][6:]) == {
        "type": "metadata",
        "mimeType": "a/b",
        "size": 5,
        "isBinary": False,
        "encoding": "utf-8",
    }


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.integers(0, 3))
def test_text_that_is_cut_is_still_text(text: str, cut: int) -> None:
    data = text.encode()
    assert is_text(data[: max(0, len(data) - cut)])


@pytest.mark.parametrize("data", [b"\0", b"\xff\xfe", b"abc\xff", b"\xc3("])
def test_what_is_no_text_is_not_taken_for_it(data: bytes) -> None:
    assert not is_text(data)


BEGUN = sse(
    {"type": "metadata", "mime_type": "a", "size": 1, "is_binary": True, "encoding": "base64"}
)


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([], SandboxFileError),
        ([BEGUN], SandboxFileError),
        ([BEGUN, sse({"type": "chunk", "data": "YQ=="})], SandboxFileError),
        ([BEGUN, sse({"type": "chunk", "data": "!"})], SandboxInvalid),
        ([BEGUN, sse({"type": "chunk", "data": 5})], SandboxInvalid),
        ([sse({"type": "chunk", "data": "YQ=="})], SandboxInvalid),
        ([sse({"type": "metadata", "size": "x"})], SandboxInvalid),
        (
            [BEGUN, sse({"type": "error", "error": "gone", "code": "FILE_NOT_FOUND"})],
            SandboxFileNotFound,
        ),
        ([b"data: nothing\n\n"], SandboxInvalid),
    ],
)
async def test_a_stream_that_is_none_or_is_cut_off_is_refused(
    events: list[bytes], error: type[Exception]
) -> None:
    with pytest.raises(error):
        async for _ in stream_file(each_of(events)):
            pass
