"""What must hold for every record: it comes back, damage is noticed, old bytes never pass."""

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.storage.logformat import (
    RECORDS_START,
    Change,
    Record,
    RecordKind,
    SegmentHeader,
    decode_record,
    decode_segment_header,
    encode_record,
    encode_segment_header,
)

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**63 - 1)
CHANGES = st.builds(
    Change,
    kind=st.sampled_from(RecordKind),
    unique_key=st.text(st.characters(codec="utf-8"), max_size=40),
    actor_id=st.binary(min_size=32, max_size=32),
    previous_lsn=U64,
    alarm_ms=st.integers(-2, 2**53),
    page_size=st.sampled_from([0, 512, 1024, 4096, 65536]),
    database_pages=U32,
    image_count=U32,
    images=st.binary(max_size=300),
)
LSNS = st.integers(1, 2**62)


@settings(deadline=None)  # the machine may be busy
@given(change=CHANGES, lsn=LSNS, durable=U64, epoch=U32, time_ms=U64, salt=U32, lead=st.binary())
def test_a_record_comes_back(
    change: Change, lsn: int, durable: int, epoch: int, time_ms: int, salt: int, lead: bytes
) -> None:
    data = encode_record(
        change,
        lsn=lsn,
        durable_lsn=durable,
        epoch=epoch,
        incarnation=epoch // 2,
        commit=durable // 2,
        time_ms=time_ms,
        salt=salt,
    )
    found = decode_record(memoryview(lead + data + b"behind"), len(lead), salt)
    assert found is not None
    images = bytes(found.change.images)
    assert images[: len(change.images)] == change.images
    assert not any(images[len(change.images) :])  # padding
    expected = Record(lsn, durable, epoch, epoch // 2, durable // 2, time_ms, change, len(data))
    same = Change(**{**{f: getattr(found.change, f) for f in FIELDS}, "images": change.images})
    assert (
        Record(lsn, durable, epoch, epoch // 2, durable // 2, time_ms, same, found.size) == expected
    )


FIELDS = Change._fields


@settings(deadline=None)  # the machine may be busy
@given(change=CHANGES, lsn=LSNS, salt=U32, data=st.data())
def test_any_flipped_bit_is_noticed(
    change: Change, lsn: int, salt: int, data: st.DataObject
) -> None:
    record = bytearray(
        encode_record(
            change, lsn=lsn, durable_lsn=0, epoch=1, incarnation=1, commit=1, time_ms=0, salt=salt
        )
    )
    bit = data.draw(st.integers(0, len(record) * 8 - 1))
    record[bit // 8] ^= 1 << bit % 8
    assert decode_record(memoryview(bytes(record) + bytes(64)), 0, salt) is None


@settings(deadline=None)  # the machine may be busy
@given(change=CHANGES, lsn=LSNS, salt=U32, data=st.data())
def test_a_record_cut_short_is_noticed(
    change: Change, lsn: int, salt: int, data: st.DataObject
) -> None:
    record = encode_record(
        change, lsn=lsn, durable_lsn=0, epoch=1, incarnation=1, commit=1, time_ms=0, salt=salt
    )
    cut = data.draw(st.integers(0, len(record) - 1))
    assert decode_record(memoryview(record[:cut]), 0, salt) is None
    torn = record[:cut] + bytes(len(record) - cut)  # the rest never reached the disk
    assert torn == record or decode_record(memoryview(torn), 0, salt) is None


@settings(deadline=None)  # the machine may be busy
@given(change=CHANGES, lsn=LSNS, old=U32, new=U32)
def test_bytes_of_an_earlier_life_never_pass(change: Change, lsn: int, old: int, new: int) -> None:
    record = encode_record(
        change, lsn=lsn, durable_lsn=0, epoch=1, incarnation=1, commit=1, time_ms=0, salt=old
    )
    assert (decode_record(memoryview(record), 0, new) is not None) == (old == new)


@settings(deadline=None)  # the machine may be busy
@given(st.builds(SegmentHeader, number=U64, first_lsn=U64, salt=U32, size=U64), st.data())
def test_a_damaged_header_is_noticed(header: SegmentHeader, data: st.DataObject) -> None:
    good = encode_segment_header(header)
    assert decode_segment_header(good) == header
    bit = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    assert decode_segment_header(bytes(bad) + bytes(RECORDS_START)) is None
