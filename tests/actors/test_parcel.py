"""Values that travel with things that are not bytes."""

import asyncio

import pytest

from perdure.actors.http import Request
from perdure.actors.parcel import INDEX, Parcel, size_bytes_of
from perdure.actors.pipe import Pipe
from perdure.storage.errors import ValueCorrupt
from perdure.storage.values import encode_lifting


def a_value(index: int) -> bytes:
    payload = INDEX + index.to_bytes(4, "big")
    return encode_lifting({"x": [len]}, "it", lambda value: payload if value is len else None)


def test_items_are_read_where_they_stand() -> None:
    parcel = Parcel(a_value(1), ["first", "second"])
    assert parcel.read(str.upper, lambda kind, item: (kind, item), lambda payload: payload) == {
        "x": ["SECOND"]
    }
    assert size_bytes_of(parcel) == len(parcel.data)
    assert size_bytes_of(b"123") == 3


def test_an_item_that_is_not_there_is_damage() -> None:
    with pytest.raises(ValueCorrupt, match="no such item"):
        Parcel(a_value(2), ["first", "second"]).read(
            str.upper, lambda kind, item: (kind, item), lambda payload: payload
        )


async def test_streams_can_be_sent_once() -> None:
    pipe = Pipe(asyncio.get_running_loop())
    assert Parcel(b"", []).can_be_sent_again
    assert Parcel(b"", [Request("http://x", method="POST", body=b"x")]).can_be_sent_again
    assert not Parcel(b"", [pipe]).can_be_sent_again
    assert not Parcel(b"", [Request("http://x", method="POST", body=pipe)]).can_be_sent_again
