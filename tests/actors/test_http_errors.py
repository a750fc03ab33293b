"""Errors about messages: what they say, what they are, and that they can be rebuilt."""

import copy
import json

import pytest

from perdure.actors.http_errors import (
    BodyAlreadyUsed,
    BodyTooLate,
    FetchAborted,
    ImmutableHeaders,
    InvalidBody,
    InvalidHeader,
    InvalidInit,
    InvalidJson,
    InvalidStatus,
    InvalidUrl,
    UnfitAnswer,
)
from perdure.storage.errors import UsageError

CASES = [
    (InvalidUrl("/x"), TypeError, "Invalid URL: /x"),
    (InvalidUrl("/x", "why"), TypeError, "Invalid URL: /x (why)"),
    (InvalidHeader("X", "wrong"), ValueError, "header 'X': wrong"),
    (ImmutableHeaders(), TypeError, "these headers came over the network"),
    (InvalidStatus("bad"), ValueError, "bad"),
    (InvalidInit("bad"), TypeError, "bad"),
    (BodyAlreadyUsed("request"), OSError, "Body already used: the body of this request"),
    (BodyTooLate("request"), OSError, "Can't read from request stream after response has been"),
    (InvalidBody("request", "is odd"), ValueError, "the body of this request is odd"),
    (
        InvalidJson("request", "Expecting value", "[1,\n x]", 5),
        json.JSONDecodeError,
        "the body of this request is not JSON: Expecting value at line 2 column 2",
    ),
]


@pytest.mark.parametrize(("error", "kind", "text"), CASES, ids=lambda case: type(case).__name__)
def test_an_error_says_what_was_wrong_and_is_caught_as_what_it_is(
    error: UsageError, kind: type[Exception], text: str
) -> None:
    assert str(error).startswith(text)
    assert isinstance(error, UsageError)
    assert isinstance(error, kind)


@pytest.mark.parametrize("error", [case[0] for case in CASES], ids=lambda e: type(e).__name__)
def test_an_error_can_be_rebuilt_from_its_arguments(error: UsageError) -> None:
    """As calls between actors do it, and as copying does."""
    for again in (type(error)(*error.args), copy.copy(error)):
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_broken_json_says_where_as_the_standard_library_does() -> None:
    error = InvalidJson("response", "Expecting value", "[1,\n x]", 5)
    assert (error.doc, error.pos, error.lineno, error.colno) == ("[1,\n x]", 5, 2, 2)


def test_what_was_called_off_says_why_if_that_was_said() -> None:
    error = copy.copy(FetchAborted("too slow"))
    assert isinstance(error, OSError)
    assert (str(error), error.reason) == (
        "the fetch was called off by its signal: too slow",
        "too slow",
    )
    assert str(FetchAborted()) == "the fetch was called off by its signal"


def test_an_answer_that_is_none_is_the_networks_fault_and_not_the_callers() -> None:
    error = UnfitAnswer("http://example.test/x", 99)
    assert isinstance(error, OSError)
    assert not isinstance(error, UsageError)
    assert str(copy.copy(error)) == (
        "fetch http://example.test/x: the server answered with status 99, not 200 to 599"
    )
    assert vars(copy.copy(error)) == {"url": "http://example.test/x", "status": 99}
