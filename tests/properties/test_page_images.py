"""Replaying images gives the page, from whatever state between the first and the last."""

import contextlib

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.storage.page_images import apply_images, decode_images, encode_image

SIZE = 1024
EDITS = st.lists(
    st.tuples(st.integers(0, SIZE - 1), st.binary(min_size=1, max_size=200)), max_size=4
)


def edited(page: bytes, edits: list[tuple[int, bytes]]) -> bytes:
    for at, data in edits:
        page = (page[:at] + data + page[at + len(data) :])[:SIZE]
    return page


@settings(deadline=None)  # the machine may be busy
@given(first=EDITS, steps=st.lists(EDITS, max_size=6), knows_first=st.booleans(), data=st.data())
def test_replay_may_start_anywhere_and_be_repeated(
    first: list[tuple[int, bytes]],
    steps: list[list[tuple[int, bytes]]],
    knows_first: bool,
    data: st.DataObject,
) -> None:
    versions = [edited(b"\x07" * SIZE, first)]
    images = [encode_image(1, versions[0], None)] if not knows_first else []
    for step in steps:
        before = versions[-1]
        versions.append(edited(before, step))
        images.append(encode_image(1, versions[-1], before))
    log = b"".join(images)
    # A checkpoint was cut short: each sector is of any version since the log began.
    torn = bytearray()
    for sector in range(0, SIZE, 512):
        torn += data.draw(st.sampled_from(versions))[sector : sector + 512]
    for _ in range(2):
        pages = {1: bytearray(torn)}
        assert apply_images(memoryview(log), len(images), SIZE, pages, no_page) == bool(images)
        for image in decode_images(memoryview(log), len(images), SIZE):
            image.apply(torn)
        assert torn == pages[1] == versions[-1]


ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.binary(max_size=150)), max_size=40)


@settings(deadline=None)  # as above
@given(rows=ROWS, size=st.sampled_from([512, 1024, 4096]))
def test_pages_that_sqlite_changed_come_back(
    rows: list[tuple[bool, int, bytes]], size: int
) -> None:
    with contextlib.closing(apsw.Connection(":memory:")) as connection:
        connection.execute(f"PRAGMA page_size = {size}; CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        connection.execute("CREATE TABLE k (key PRIMARY KEY, a) WITHOUT ROWID")
        before: list[bytes] = []
        for is_key, number, value in rows:
            sql = "REPLACE INTO k VALUES (?, ?)" if is_key else "REPLACE INTO t VALUES (?, ?)"
            connection.execute(sql, (number, value))
            data = connection.serialize("main")
            after = [data[at : at + size] for at in range(0, len(data), size)]
            for number_before, page in enumerate(before[: len(after)]):
                image = encode_image(1, after[number_before], page)
                (decoded,) = decode_images(memoryview(image), 1, size)
                replayed = bytearray(page)
                decoded.apply(replayed)
                assert replayed == after[number_before]
            before = after


def no_page(number: int) -> bytearray:
    raise AssertionError(f"page {number} is there")
