"""Streams of events, as browsers read them."""

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.api import events
from perdure.runtime.sandbox.api.events import parse_sse_stream, sse
from perdure.runtime.sandbox.errors import SandboxInvalid


async def given_as(data: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    places = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(places):
        if data[start:end]:
            yield data[start:end]


async def parsed(data: bytes, cuts: list[int] | None = None) -> list[dict[str, Any]]:
    return [event async for event in parse_sse_stream(given_as(data, cuts or []))]


names = st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5}){0,2}", fullmatch=True)
values = st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text(), max_size=3))


@given(
    st.lists(st.dictionaries(names, values, max_size=4), max_size=4),
    st.lists(st.integers(0, 300)),
)
async def test_what_is_sent_arrives_however_it_is_cut(
    sent: list[dict[str, Any]], cuts: list[int]
) -> None:
    data = b"".join(map(sse, sent))
    assert await parsed(data, cuts) == sent


def test_names_are_spelled_as_browsers_expect_and_nothing_is_null() -> None:
    data = sse({"exit_code": 1, "type": "complete", "session_id": None})
    assert json.loads(data.removeprefix(b"data: ")) == {"exitCode": 1, "type": "complete"}


async def test_comments_and_names_are_passed_over() -> None:
    data = b': hello\n\nevent: x\ndata: {"a":\ndata: 1}\r\n\r\ndata: {"b": 2}'
    assert await parsed(data) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: [1]\n\n", b"data: \xff\n\n"])
async def test_what_is_no_such_stream_is_refused(data: bytes) -> None:
    with pytest.raises(SandboxInvalid, match="no stream of a sandbox's events"):
        await parsed(data)


async def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENT_BYTES_MAX", 10)
    with pytest.raises(SandboxInvalid, match="without an end"):
        await parsed(b"data: " + b"x" * 20)
