"""Records and segment headers: fixed bytes, borders. Properties: tests/properties."""

import pytest

from perdure.storage.errors import InternalError
from perdure.storage.logformat import (
    HEADER_COPY_START,
    RECORDS_START,
    Change,
    RecordKind,
    SegmentHeader,
    decode_record,
    decode_segment_header,
    encode_record,
    encode_segment_header,
    find_record_after,
    record_size,
)

HEADER = SegmentHeader(number=3, first_lsn=17, salt=0xDEADBEEF, size=1 << 20)
CHANGE = Change(RecordKind.COMMIT, "app-Room", bytes(32), page_size=4096, images=b"abc")


def record(lsn: int, durable_lsn: int = 0, salt: int = 5) -> bytes:
    return encode_record(
        CHANGE,
        lsn=lsn,
        durable_lsn=durable_lsn,
        epoch=1,
        incarnation=1,
        commit=lsn,
        time_ms=2,
        salt=salt,
    )


def head(first: bytes, copy: bytes) -> bytes:
    data = bytearray(RECORDS_START)
    data[: len(first)] = first
    data[HEADER_COPY_START : HEADER_COPY_START + len(copy)] = copy
    return bytes(data)


def test_either_copy_of_a_header_will_do() -> None:
    good = encode_segment_header(HEADER)
    bad = bytes([good[0] ^ 1]) + good[1:]
    for data in (head(good, good), head(bad, good), head(good, bad)):
        assert decode_segment_header(data) == HEADER
    assert decode_segment_header(head(bad, bad)) is None
    assert decode_segment_header(b"") is None


def test_a_later_version_is_not_read_as_ours() -> None:
    import zlib

    good = bytearray(encode_segment_header(HEADER))
    good[8] = 99
    good[-4:] = zlib.crc32(good[:-4]).to_bytes(4, "little")
    with pytest.raises(InternalError, match="log format 99"):
        decode_segment_header(bytes(good))


def test_records_are_aligned_and_know_their_size() -> None:
    data = record(1)
    assert len(data) % 8 == 0
    assert len(data) == record_size(CHANGE)
    found = decode_record(memoryview(data), 0, 5)
    assert found is not None
    assert found.size == len(data)


def test_an_actors_commit_number_grows_across_logs() -> None:
    moved = Change(RecordKind.TAKEN_OVER, "k", bytes(32))
    data = encode_record(
        moved, lsn=4, durable_lsn=3, epoch=1, incarnation=2, commit=1004, time_ms=0, salt=0
    )
    found = decode_record(memoryview(data), 0, 0)
    assert found is not None
    assert found.commit == 1004
    assert found.order == (2, 1004)
    assert found.change.actor == ("k", bytes(32))


def test_the_look_ahead_wants_proof() -> None:
    """Only a record that knew of the damaged one's durability proves a loss."""
    parts = [record(4), record(5, durable_lsn=3), record(6, durable_lsn=4)]
    data = memoryview(b"".join([b"\xff" * 16, *parts]))

    def found(lsn: int, durable_from: int, salt: int = 5) -> int | None:
        record = find_record_after(data, 8, salt, lsn, durable_from=durable_from)
        return None if record is None else record.lsn

    assert found(3, 4) == 6
    assert found(3, 3) == 5
    assert found(3, 5) is None
    assert found(6, 0) is None
    assert found(3, 0, salt=6) is None
