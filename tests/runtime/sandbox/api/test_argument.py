"""What callers give is looked at before it does harm."""

import math
from typing import Any

import pytest

from perdure.actors.http import Request
from perdure.runtime.sandbox.api.argument import (
    SECONDS_MAX,
    check_functions,
    client_request,
    text_or_none,
    time_limit,
    yes_or_no,
)
from perdure.runtime.sandbox.errors import SandboxInvalid


@pytest.mark.parametrize("value", [None, 0.001, 1, 2.5, SECONDS_MAX])
def test_a_time_is_what_was_given(value: float | None) -> None:
    assert time_limit(value) == value


@pytest.mark.parametrize(
    "value", [0, -1, "5", True, math.nan, math.inf, SECONDS_MAX + 1, 10**400, [1]]
)
def test_a_time_that_makes_no_sense_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(SandboxInvalid, match="clone_timeout is a number of seconds") as raised:
        time_limit(value, "clone_timeout")
    assert raised.value.context == {"field": "clone_timeout"}
    assert "more than 0" in raised.value.message


def test_a_wait_may_take_no_time_at_all_but_not_less() -> None:
    assert time_limit(0, least=0) == 0
    with pytest.raises(SandboxInvalid, match="at least 0"):
        time_limit(-0.5, least=0)


@pytest.mark.parametrize("value", ["no", "false", 1, 0, None])
def test_a_switch_is_on_or_off(value: Any) -> None:
    assert yes_or_no(True, "keep_alive")
    assert not yes_or_no(False, "keep_alive")
    with pytest.raises(SandboxInvalid, match="keep_alive is True or False; it was given"):
        yes_or_no(value, "keep_alive")


def test_a_client_is_connected_by_its_request() -> None:
    request = Request("http://localhost/")
    assert client_request(request) is request
    with pytest.raises(SandboxInvalid, match="request is the client's Request"):
        client_request(None)


def test_a_name_is_text() -> None:
    assert text_or_none("a", "name") == "a"
    assert text_or_none(None, "name") is None
    with pytest.raises(SandboxInvalid, match="name is text; it was given 5"):
        text_or_none(5, "name")


def test_what_is_to_be_called_back_can_be_called() -> None:
    check_functions(on_output=print, on_error=None)
    with pytest.raises(SandboxInvalid, match="on_exit is a function; it was given 5"):
        check_functions(on_output=print, on_exit=5)
