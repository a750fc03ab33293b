"""Names for the states an actor has been in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.storage.bookmark import Bookmark
from perdure.storage.errors import InvalidBookmark

A, B = b"a" * 32, b"b" * 32
ORDERS = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**63))


@given(orders=st.lists(ORDERS, min_size=2))
def test_texts_sort_in_the_order_of_the_commits(orders: list[tuple[int, int]]) -> None:
    marks = [Bookmark.of("key", A, *order) for order in sorted(orders)]
    texts = [str(mark) for mark in marks]
    assert all(one <= other for one, other in pairwise(texts))
    assert [Bookmark.parse(text) for text in texts] == marks


@pytest.mark.parametrize(
    "text", ["", "now", "1-2-3", "0" * 34, "00000001-00000000000003E8-5f3a91c2"]
)
def test_what_is_no_bookmark_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(InvalidBookmark, match="00000001-00000000000003e8") as caught:
        Bookmark.parse(text)
    assert caught.value.text == text


def test_a_value_that_is_no_text_is_refused_likewise() -> None:
    with pytest.raises(InvalidBookmark):
        Bookmark.parse(3)  # type: ignore[arg-type]  # users may


def test_a_bookmark_of_another_actor_or_namespace_is_told_from_ones_own() -> None:
    mark = Bookmark.parse(f" {Bookmark.of('key', A, 1, 1000)}\n")
    mark.check_for("key", A)
    assert mark.order == (1, 1000)
    for unique_key, actor in (("key", B), ("other", A)):
        with pytest.raises(InvalidBookmark, match="another actor"):
            mark.check_for(unique_key, actor)


def test_a_digit_that_was_mistyped_is_noticed() -> None:
    text = str(Bookmark.of("key", A, 1, 1000))
    with pytest.raises(InvalidBookmark, match="mistyped"):
        Bookmark.parse(text.replace("3e8", "3e9")).check_for("key", A)
