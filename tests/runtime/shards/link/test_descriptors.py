"""Descriptors that go from process to process, here from one end to the other."""

import os
import socket
from collections.abc import Iterator

import pytest

from perdure.runtime.shards.link.descriptors import Descriptors
from perdure.runtime.shards.link.errors import LinkBroken
from tests.runtime.shards.link.ends import joined


@pytest.fixture
def pair() -> Iterator[tuple[Descriptors, Descriptors]]:
    one, other = Descriptors(), Descriptors()
    ends = os.dup(one.other_end), os.dup(other.other_end)
    one.joined(ends[1])
    other.joined(ends[0])
    yield one, other
    one.close()
    other.close()


Pair = tuple[Descriptors, Descriptors]


def test_what_is_given_is_taken_with_its_number(pair: Pair) -> None:
    one, other = pair
    for number in (7, 2**40):
        ours, theirs = socket.socketpair()
        assert one.give(number, ours)
        ours.close()
        with other.take(number) as taken, theirs:
            taken.sendall(b"here")
            assert theirs.recv(10) == b"here"
            assert not taken.get_inheritable()


def test_both_give_and_take(pair: Pair) -> None:
    one, other = pair
    with socket.socket() as sock:
        assert one.give(1, sock)
        assert other.give(2, sock)
        one.take(2).close()
        other.take(1).close()


def test_another_number_is_a_broken_link_and_leaves_nothing_open(pair: Pair) -> None:
    one, other = pair
    with socket.socket() as sock:
        before = len(os.listdir("/dev/fd"))
        assert one.give(1, sock)
        with pytest.raises(LinkBroken, match="descriptor 2 is none"):
            other.take(2)
        assert len(os.listdir("/dev/fd")) == before


def test_one_that_has_not_come_is_a_broken_link(pair: Pair) -> None:
    _, other = pair
    with pytest.raises(LinkBroken, match="descriptor 1 has not come"):
        other.take(1)


def test_more_than_may_be_under_way_are_not_given(pair: Pair) -> None:
    one, other = pair
    with socket.socket() as sock:
        count = 0
        while one.give(count, sock):
            count += 1
        assert count >= 64  # as many as connect at once
        for number in range(count):
            other.take(number).close()
        assert one.give(count, sock)


def test_nothing_is_given_to_one_that_has_gone(pair: Pair) -> None:
    one, other = pair
    other.close()
    with socket.socket() as sock:
        assert not one.give(1, sock)


async def test_a_frame_that_comes_over_the_link_finds_its_descriptor() -> None:
    async with joined() as (one, other):
        assert one.descriptors is not None
        assert other.descriptors is not None
        with socket.socket() as sock:
            assert one.descriptors.give(3, sock)
        other.descriptors.take(3).close()
