"""Looking for a line in what a process writes."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.api.log_search import LINE_CHARACTERS_MAX, LogSearch
from perdure.runtime.sandbox.errors import SandboxInvalid


@given(st.text(alphabet="ab\r\nE", max_size=40), st.lists(st.integers(0, 40)))
def test_it_finds_the_first_line_however_the_output_is_cut(text: str, cuts: list[int]) -> None:
    whole = text + "READY é!\nREADY again\n"
    data, search, found = whole.encode(), LogSearch("READY é", None), None
    places = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(places):
        found = found or search.add("stdout", data[start:end])
    assert found is not None
    assert found.line.rpartition("\n")[2].endswith(("READY é!", "READY é"))


def test_streams_are_not_mixed() -> None:
    search = LogSearch("ab", None)
    assert search.add("stdout", b"a") is None
    assert search.add("stderr", b"b") is None
    found = search.add("stdout", b"b")
    assert found is not None
    assert found.line == "ab"


def test_a_line_without_end_is_looked_at_and_bounded() -> None:
    search = LogSearch("^never$", re.MULTILINE)
    for _ in range(10):
        assert search.add("stdout", b"x" * LINE_CHARACTERS_MAX) is None
    assert len(search._lines["stdout"]) == LINE_CHARACTERS_MAX
    prompt = LogSearch("> $", 0).add("stdout", b"mysql> ")
    assert prompt is not None
    assert prompt.match == ["> "]


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(SandboxInvalid, match="no pattern"):
        LogSearch("(", 0)
    assert LogSearch("(", None).add("stdout", b"(") is not None
