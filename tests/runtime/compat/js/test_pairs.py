"""What ``FormData`` and ``URLSearchParams`` have in common."""

from collections.abc import Callable
from typing import Any

import pytest

from perdure.runtime.compat.js.blobs import FormData
from perdure.runtime.compat.js.pairs import Pairs
from perdure.runtime.compat.js.urls import URLSearchParams


@pytest.fixture(params=[FormData, URLSearchParams])
def pairs(request: pytest.FixtureRequest) -> Any:
    made = request.param()
    for name, value in (("a", "1"), ("b", "2"), ("a", "3")):
        made.append(name, value)
    return made


def test_values_are_found_by_name(pairs: Pairs) -> None:
    assert (pairs.get("a"), pairs.get("c"), pairs.get("c", "none")) == ("1", None, "none")
    assert pairs.getAll("a") == ["1", "3"]
    assert (pairs.has("b"), "c" in pairs) == (True, False)


def test_they_are_gone_through_in_order(pairs: Pairs) -> None:
    assert list(pairs) == list(pairs.entries()) == [["a", "1"], ["b", "2"], ["a", "3"]]
    assert list(pairs.keys()) == ["a", "b", "a"]
    assert list(pairs.values()) == ["1", "2", "3"]


def test_a_callback_gets_value_name_and_what_they_are_of(pairs: Pairs) -> None:
    heard: list[Any] = []
    pairs.forEach(lambda value, name, of: heard.append((value, name, of is pairs)))
    assert heard == [("1", "a", True), ("2", "b", True), ("3", "a", True)]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda pairs: pairs.set("a", "4"), [["a", "4"], ["b", "2"]]),
        (lambda pairs: pairs.set("c", "4"), [["a", "1"], ["b", "2"], ["a", "3"], ["c", "4"]]),
        (lambda pairs: pairs.delete("a"), [["b", "2"]]),
    ],
)
def test_a_change_is_of_all_values_of_a_name(
    pairs: Pairs, change: Callable[[Any], None], left: list[list[str]]
) -> None:
    change(pairs)
    assert list(pairs) == left
