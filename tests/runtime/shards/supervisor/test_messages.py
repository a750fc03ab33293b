from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import packb

from perdure.runtime.shards.supervisor.errors import ControlBroken
from perdure.runtime.shards.supervisor.messages import (
    CHILDS,
    KINDS,
    SIZE_BYTES_MAX,
    SUPERVISORS,
    Configure,
    Drain,
    Failed,
    Hello,
    Link,
    Message,
    Ping,
    Pong,
    Ready,
    Relaying,
    Stop,
    Tell,
    clipped,
    decode,
    descriptors_of,
    encode,
    identity_of,
)
from perdure.runtime.shards.supervisor.places import Identity, Place, Role

BY_BOTH = frozenset(KINDS)
EXAMPLES: list[Message] = [
    Hello("1", "spare", "", 0),
    Configure("worker", "0", 3, b"\x00settings", 2),
    Link("router", "1", 4),
    Ready(b"info"),
    Drain(2.5, together=True),
    Stop(),
    Failed("Tracebäck …", is_usage=True),
    Ping(2**40),
    Tell(bytes(1000)),
    Relaying(3, 0),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_comes_out_as_it_went_in(message: Message) -> None:
    frame = encode(message)
    assert int.from_bytes(frame[:4]) == len(frame) - 4
    assert decode(frame[4:], BY_BOTH, "1") == message


def test_numbers_of_kinds_are_for_good() -> None:
    names = [kind.__name__ for kind in KINDS]
    assert names == [
        "Hello",
        "Configure",
        "Link",
        "Unlink",
        "Ready",
        "Serve",
        "Serving",
        "Drain",
        "Drained",
        "Stop",
        "Failed",
        "Ping",
        "Pong",
        "Ask",
        "Statistics",
        "Tell",
        "Relay",
        "Relaying",
    ]


def test_every_kind_has_a_sender_and_only_two_have_both() -> None:
    assert set(KINDS) == SUPERVISORS | CHILDS
    assert {Hello, Tell} == SUPERVISORS & CHILDS


def test_nobody_says_what_is_the_others() -> None:
    with pytest.raises(ControlBroken, match="may not send"):
        decode(encode(Pong(1))[4:], SUPERVISORS, "1")
    with pytest.raises(ControlBroken, match="may not send"):
        decode(encode(Stop())[4:], CHILDS, "1")


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "no message"),
        (b"\xc1", "no message"),
        (packb({}), "no message"),
        (packb(7), "no message"),
        (packb([99]), "may not send"),
        (packb([-1]), "may not send"),
        (packb(["Ping", 1]), "may not send"),
        (packb([True, 1]), "may not send"),
        (packb([11]), "Ping with 0 fields"),
        (packb([11, 1, 2]), "Ping with 2 fields"),
        (packb([11, "1"]), "Ping.number is of type str"),
        (packb([11, True]), "Ping.number is of type bool"),
        (packb([11, -1]), "Ping.number is negative"),
        (packb([2, "king", "0", 1]), "role that does not exist"),
        (packb([1, "worker", "0", 1, b"", 17]), "17 descriptors"),
        (packb([0, 7, "spare", "", 0]), "Hello.version is of type int"),
    ],
)
def test_garbage_is_told_from_messages(payload: bytes, problem: str) -> None:
    with pytest.raises(ControlBroken, match=problem):
        decode(payload, BY_BOTH, "1")


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(payload: bytes) -> None:
    try:
        message = decode(payload, BY_BOTH, "1")
    except ControlBroken:
        return
    assert decode(encode(message)[4:], BY_BOTH, "1") == message


json_like: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 2**62),
    st.floats(),
    st.text("aé", max_size=9),
    st.binary(),
)


@given(st.integers(-2, 20), st.lists(json_like, max_size=6))
def test_no_array_does_more_than_be_refused(number: int, values: list[Any]) -> None:
    try:
        message = decode(packb([number, *values]), BY_BOTH, "1")
    except ControlBroken:
        return
    assert descriptors_of(message) in range(17)


@pytest.mark.parametrize("rest", [[], ["spare"], ["spare", "", 0, "something new"]])
def test_another_version_is_refused_with_both_whatever_its_greeting_looks_like(
    rest: list[object],
) -> None:
    with pytest.raises(ControlBroken) as caught:
        decode(packb([0, "0.9.1", *rest]), CHILDS, "0.2.0")
    assert "'0.9.1'" in str(caught.value)
    assert "'0.2.0'" in str(caught.value)
    assert "Stop the server and start it again" in str(caught.value)


def test_a_message_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(ControlBroken, match="Tell of 4194"):
        encode(Tell(bytes(SIZE_BYTES_MAX)))


def test_a_text_that_is_too_long_keeps_its_end() -> None:
    text = clipped("x" * 10**6 + "the end")
    assert text.endswith("x" * 99 + "the end")
    assert text.startswith("…x")
    assert len(encode(Failed(text, is_usage=False))) < SIZE_BYTES_MAX


def test_a_text_with_half_a_character_can_be_sent() -> None:
    assert decode(encode(Failed(clipped("a\udc80"), False))[4:], CHILDS, "1") == Failed(
        "a\\udc80", False
    )


def test_a_message_says_whom_it_is_about() -> None:
    assert identity_of(Link("router", "1", 4)) == Identity(Place(Role.ROUTER, "1"), 4)
