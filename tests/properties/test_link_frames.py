"""Whatever comes over a link is frames, or the end of the link."""

import itertools
import random
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.shards.link.errors import LinkBroken
from perdure.runtime.shards.link.framing import Frame, FrameReader, FrameWriter, with_length
from perdure.runtime.shards.link.kinds import KINDS, ROUTER, SUPERVISOR, WORKER, check
from tests.runtime.shards.link.test_kinds import EXAMPLES

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
VALUES = st.recursive(
    LEAVES | TEXTS | st.binary(max_size=40), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)
FRAMES = st.lists(VALUES, min_size=1, max_size=6)
ROLES = st.sampled_from([SUPERVISOR, ROUTER, WORKER, 0, 3, 7])
LIMIT = 4096


def read(pieces: list[bytes], reader: FrameReader) -> list[Frame]:
    frames: list[Frame] = []
    for piece in pieces:
        reader.feed(piece, frames)
        assert reader.kept_size_bytes <= LIMIT + 4
    return frames


def why_not(pieces: list[bytes], role: int) -> str | None:
    """Why these are no frames of ``role``; None when they are. Nothing else may be raised."""
    try:
        for frame in read(pieces, FrameReader(LIMIT)):
            check(role, frame)
    except LinkBroken as error:
        return error.reason
    return None


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(0, 10_000), max_size=12))
def test_frames_are_the_same_however_they_are_cut(frames: list[Frame], places: list[int]) -> None:
    data = b"".join(map(FrameWriter().whole, frames))
    reader = FrameReader(LIMIT)
    assert read(cut(data, places), reader) == frames
    assert reader.kept_size_bytes == 0


@given(st.lists(st.binary(max_size=60), max_size=8), ROLES)
def test_random_bytes_are_frames_or_the_end(pieces: list[bytes], role: int) -> None:
    assert why_not(pieces, role) != ""


@given(st.binary(max_size=200), ROLES)
def test_random_bodies_are_frames_or_the_end(body: bytes, role: int) -> None:
    assert why_not([with_length(body)], role) != ""


@given(st.sampled_from(sorted(KINDS)), st.lists(VALUES, max_size=12), ROLES)
def test_any_fields_of_a_known_kind_fit_or_end_it(number: int, fields: Any, role: int) -> None:
    data = FrameWriter().whole([number, *fields])
    assert why_not([data], role) != ""


@given(st.sampled_from(sorted(KINDS)), st.integers(), st.integers(0, 2**32), st.booleans())
def test_mutated_frames_are_frames_or_the_end(
    number: int, place: int, seed: int, by_value: bool
) -> None:
    chance = random.Random(seed)
    frame: Any = [number, *EXAMPLES[number]]
    if by_value:  # another value somewhere inside
        target = frame
        while any(isinstance(part, list) for part in target) and chance.random() < 0.6:
            target = chance.choice([part for part in target if isinstance(part, list)])
            if not target:
                break
        if target:
            target = list(target)
            target[place % len(target)] = chance.choice([None, -1, 2**64 - 1, "", b"", [], 1.5])
            frame = [number, *target] if chance.random() < 0.5 else target
    data = bytearray(msgpack.packb(frame))
    if not by_value:
        data[place % len(data)] ^= 1 << chance.randrange(8)
    assert why_not([with_length(bytes(data))], WORKER) != ""


def test_the_examples_are_good_before_they_are_mutated() -> None:
    for number, fields in EXAMPLES.items():
        data = FrameWriter().whole([number, *fields])
        assert None in {why_not([data], role) for role in (ROUTER, WORKER)}
    assert why_not([FrameWriter().whole([0])], WORKER) == "a frame of an unknown kind: 0"
