from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.keeper.rings import CAPACITY_BYTES_MIN, Ring
from perdure.runtime.sandbox.wire import CHUNK_BYTES_MAX, STDERR, STDOUT

KINDS = st.sampled_from([STDOUT, STDERR])
SIZES = st.one_of(st.integers(0, 20), st.integers(3000, 5000), st.just(CHUNK_BYTES_MAX))


def read_all(ring: Ring, position: int, size: int) -> tuple[int, list[tuple[int, bytes]]]:
    """What a reader gets from a position on, and what it has missed."""
    missed, found = 0, list[tuple[int, bytes]]()
    while (piece := ring.read(position, size)) is not None:
        assert 0 < len(piece.data) <= size
        assert piece.end == position + piece.missed + len(piece.data)
        missed += piece.missed
        found.append((piece.kind, piece.data))
        position = piece.end
    return missed, found


@given(st.lists(st.tuples(KINDS, SIZES), max_size=60), st.integers(1, 100_000))
def test_a_reader_gets_the_newest_bytes_in_order_and_learns_what_it_missed(
    writes: list[tuple[int, int]], size: int
) -> None:
    ring, kinds, whole = Ring(CAPACITY_BYTES_MIN), bytearray(), bytearray()
    for number, (kind, length) in enumerate(writes):
        data = bytes([number % 256]) * length
        ring.append(kind, data)
        kinds += bytes([kind]) * length
        whole += data
        assert ring.cost_bytes <= CAPACITY_BYTES_MIN
    missed, found = read_all(ring, 0, max(size, 50))
    assert ring.end == len(whole)
    assert b"".join(data for _, data in found) == whole[missed:]
    assert b"".join(bytes([kind]) * len(data) for kind, data in found) == kinds[missed:]
    assert missed == ring.start == sum(ring.dropped.values())
    for kind in (STDOUT, STDERR):
        assert ring.dropped[kind] == kinds[:missed].count(kind)


def test_what_is_small_is_joined_and_what_alternates_costs_what_it_takes() -> None:
    ring = Ring(CAPACITY_BYTES_MIN)
    for _ in range(CAPACITY_BYTES_MIN // 2):
        ring.append(STDOUT, b"x")
    assert sum(ring.dropped.values()) == 0
    for _ in range(10_000):
        ring.append(STDOUT, b"x")
        ring.append(STDERR, b"y")
    assert ring.end - ring.start < CAPACITY_BYTES_MIN // 100


def test_a_reader_in_the_middle_goes_on_there() -> None:
    ring = Ring(CAPACITY_BYTES_MIN)
    ring.append(STDOUT, b"hello ")
    ring.append(STDERR, b"world")
    first = ring.read(3, 100)
    assert first is not None
    assert (first.missed, first.kind, first.data, first.end) == (0, STDOUT, b"lo ", 6)
    assert ring.read(11, 100) is None
    assert ring.read(0, 0) is None
