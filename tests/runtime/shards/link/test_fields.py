"""What fields may hold."""

from collections.abc import Callable
from typing import Any

import pytest

from perdure.runtime.shards.link import fields

REQUEST = ["GET", "http://x/", [["A", "b"]], None, "manual", None, False, True]
RESPONSE = [200, "", [["A", "b"]], None, "", False, None, True]


@pytest.mark.parametrize(
    ("fits", "good", "bad"),
    [
        (fields.is_number, [0, 7, 2**63 - 1], [-1, 2**63, True, 1.0, "1", None]),
        (fields.is_text, ["", "é"], [b"", None, 1]),
        (fields.is_bytes, [b""], ["", None]),
        (fields.is_bool, [True, False], [0, 1, None]),
        (fields.is_seconds, [0.0, 1.5], [-1.0, 1, None, float("nan")]),
        (fields.is_raw_id, [bytes(32)], [bytes(31), bytes(33), "x" * 32]),
        (fields.is_close_code, [0, 1000, 65535], [-1, 65536, None, True]),
        (fields.is_message, ["", b""], [None, 1, []]),
        (fields.is_sent, ["", b"", ["key", "text"], ["key", b""]], [[], ["key"], [b"", ""], 1]),
        (fields.is_pair_of_texts, [["a", "b"]], [["a"], ["a", b"b"], "ab", None]),
        (fields.is_close, [[None, ""], [1000, "x"]], [[None], [70000, ""], [1000, None], None]),
        (fields.is_numbered_message, [[1, "x"], [0, b""]], [["x", 1], [1], [1, None], "xx"]),
        (
            fields.are_header_fields,
            [[], [["a", "b"], ["a", "c"]]],
            [None, "", [["a"]], [["a", 1]], ["ab"]],
        ),
        (fields.is_body, [None, b"", 7, True], [False, "", -1]),
        (fields.is_method, ["GET"], ["", None, b"GET"]),
        (fields.is_redirect, ["follow", "manual", "error"], ["", None, []]),
        (fields.is_status, [100, 200, 999], [99, 1000, True, "200"]),
        (fields.is_socket_ref, [["1", 2, 3]], [["1", 2], [1, 2, 3], ["1", -1, 3]]),
    ],
)
def test_values_that_fit_and_that_do_not(
    fits: Callable[[Any], bool], good: list[Any], bad: list[Any]
) -> None:
    assert [value for value in good if not fits(value)] == []
    assert [value for value in bad if fits(value)] == []


def test_a_field_may_also_be_none() -> None:
    assert fields.or_none(fields.is_text)(None)
    assert fields.or_none(fields.is_text)("")
    assert not fields.or_none(fields.is_text)(1)


def test_every_element_of_a_list_has_to_fit() -> None:
    assert fields.list_of(fields.is_text)([])
    assert not fields.list_of(fields.is_text)(["", 1])
    assert not fields.list_of(fields.is_text)("text")


@pytest.mark.parametrize("index", range(len(REQUEST)))
def test_a_request_with_a_wrong_part_does_not_fit(index: int) -> None:
    assert fields.is_request(REQUEST)
    assert not fields.is_request([*REQUEST[:index], -1.5, *REQUEST[index + 1 :]])
    assert not fields.is_request(REQUEST[:-1])


@pytest.mark.parametrize("index", range(len(RESPONSE)))
def test_a_response_with_a_wrong_part_does_not_fit(index: int) -> None:
    assert fields.is_response(RESPONSE)
    assert not fields.is_response([*RESPONSE[:index], -1.5, *RESPONSE[index + 1 :]])
    assert not fields.is_response([*RESPONSE, None])
