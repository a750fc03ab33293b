"""Bytes of a connection are cut behind empty lines, and none is lost."""

import re

from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.edge.pieces import is_one_piece, pieces

# Few letters, so that empty lines are frequent.
DATA = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a"]), max_size=20).map(b"".join)


def test_two_heads_are_two_pieces() -> None:
    assert list(pieces(b"GET /1\r\nA: b\r\n\r\nGET /2\r\n\r\nGE")) == [
        b"GET /1\r\nA: b\r\n\r\n",
        b"GET /2\r\n\r\n",
        b"GE",
    ]


def test_a_head_alone_is_one_piece() -> None:
    assert is_one_piece(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert is_one_piece(b"GET / HTTP/1.1\r\nHo")
    assert not is_one_piece(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")


@given(DATA)
def test_no_byte_is_lost_and_no_piece_is_empty(data: bytes) -> None:
    found = list(pieces(data))
    assert b"".join(found) == data
    assert all(found)


@given(DATA, DATA)
def test_every_empty_line_ends_a_piece_wherever_its_bytes_came_apart(
    first: bytes, second: bytes
) -> None:
    ends = {0}
    for piece in [*pieces(first), *pieces(second)]:
        ends.add(max(ends) + len(piece))
    whole = first + second
    assert {found.start() + 4 for found in re.finditer(rb"(?=\r\n\r\n)", whole)} <= ends


@given(DATA)
def test_what_is_one_piece_has_no_empty_line_but_at_its_end(data: bytes) -> None:
    assert is_one_piece(data) == (b"\r\n\r\n" not in data[:-1])
