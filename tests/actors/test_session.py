"""The states of a WebSocket, and what may be said on one."""

import itertools

import pytest

from perdure.actors.errors import InvalidClose
from perdure.actors.session import (
    LEGAL,
    READY_STATE,
    CloseFrame,
    SocketState,
    check_close,
    echo_of,
    move,
)
from perdure.storage.errors import InternalError


@pytest.mark.parametrize(("state", "to"), list(itertools.product(SocketState, SocketState)))
def test_moves_are_those_of_the_table(state: SocketState, to: SocketState) -> None:
    if to in LEGAL[state]:
        assert move(state, to) is to
    else:
        with pytest.raises(InternalError, match=f"from {state.value} to {to.value}"):
            move(state, to)


def test_every_state_is_in_the_tables() -> None:
    assert set(LEGAL) == set(READY_STATE) == set(SocketState)


def test_a_socket_that_has_ended_stays_ended() -> None:
    for state in (SocketState.CLOSED, SocketState.HANDED_OVER):
        assert LEGAL[state] == set()
        assert READY_STATE[state] == 3


def test_ends_of_a_fresh_pair_are_open() -> None:
    assert READY_STATE[SocketState.NEW] == READY_STATE[SocketState.OPEN] == 1
    assert READY_STATE[SocketState.CLOSING] == 2


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1011, 1012, 3000, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    assert check_close(code, "why") == CloseFrame(code, "why")
    assert check_close(code, None) == CloseFrame(code, "")


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 5000, -1, 1000.0, "1000", True, False]
)
def test_codes_that_may_not_be_sent(code: int) -> None:
    with pytest.raises(InvalidClose, match=f"Invalid WebSocket close code: {code}."):
        check_close(code, None)


def test_a_close_without_a_code_has_no_body() -> None:
    assert check_close(None, None) == check_close(None, "") == CloseFrame(None)


def test_a_reason_needs_a_code() -> None:
    with pytest.raises(InvalidClose, match="you must also specify a code"):
        check_close(None, "because")


def test_a_reason_has_at_most_123_bytes_of_utf8() -> None:
    assert check_close(1000, "x" * 123).reason == "x" * 123
    assert check_close(1000, "é" * 61).reason == "é" * 61
    for reason in ("x" * 124, "é" * 62):
        with pytest.raises(InvalidClose, match="not be longer than 123 bytes when UTF-8 encoded"):
            check_close(1000, reason)


def test_an_invalid_close_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="1005"):
        check_close(1005, None)


def test_the_answer_to_a_close_frame_repeats_it() -> None:
    assert echo_of(CloseFrame(4000, "bye")) == CloseFrame(4000, "bye")
    assert echo_of(CloseFrame(None)) == CloseFrame(None)


@pytest.mark.parametrize("code", [1004, 1005, 1006, 1015, 999, 5000])
def test_what_may_not_be_sent_is_not_repeated(code: int) -> None:
    assert echo_of(CloseFrame(code, "odd")) == CloseFrame(None)
