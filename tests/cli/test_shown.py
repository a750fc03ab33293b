"""Sizes, times and values as people, and programs, read them."""

import json
import math
from typing import Any

import pytest

from perdure.cli.shown import (
    as_json,
    cell,
    distance,
    moment,
    moment_or_nothing,
    row_object,
    size,
    span,
)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KB"), (5 * 2**30, "5.0 GB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(-1, "0 s"), (999, "0 s"), (90_000, "1 min"), (200_000_000, "2 d")]
)
def test_spans(milliseconds: int, text: str) -> None:
    assert span(milliseconds) == text


def test_moments() -> None:
    assert moment(0) == "1970-01-01T00:00:00.000Z"
    assert moment(1_795_262_671_250) == "2026-11-21T12:04:31.250Z"
    assert moment(2**62) == f"{2**62} ms"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (-5, "5 s ago"), (90, "in 1 min"), (-7200, "2 h ago"), (200_000, "in 2 d")],
)
def test_distances(seconds: int, text: str) -> None:
    assert distance(seconds * 1000, 0) == text


def test_a_moment_says_how_far_it_is() -> None:
    assert moment_or_nothing(None, 0) == "-"
    assert moment_or_nothing(60_000, 0) == "1970-01-01T00:01:00.000Z  (in 1 min)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        ("NULL\n\x1b[2J", "NULL\\n\\x1b[2J"),
        (1.5, "1.5"),
        (b"\x00\xff", "x'00ff'"),
        (b"a" * 2048, f"x'{'61' * 16}'.. (2.0 KB)"),
    ],
)
def test_values_on_one_line(value: Any, text: str) -> None:
    assert cell(value).plain == text


def test_null_does_not_look_like_text() -> None:
    assert cell(None).style != cell("NULL").style


def test_json_holds_blobs_and_infinite_numbers() -> None:
    value = {"a": [b"\x00\xff", None, -math.inf, ("é",)]}
    assert json.loads(as_json(value)) == {"a": [{"blob": "00ff"}, None, "-inf", ["é"]]}


def test_columns_of_one_name_are_all_there() -> None:
    assert row_object(["a", "b", "a", "a"], [1, 2, 3, 4]) == {"a": 1, "b": 2, "a:1": 3, "a:2": 4}
