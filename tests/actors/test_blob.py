"""Bytes that say what they are; tests/conformance/test_rpc.py sends them."""

from perdure.actors.blob import Blob
from perdure.actors.packing import pack
from perdure.actors.rpc_stub import unpack


def test_it_travels_as_a_value_and_comes_back_equal() -> None:
    for blob in (Blob(b"x"), Blob(b"", "text/plain", "é.txt", 5)):
        assert unpack(pack([blob], "it", None), None) == [blob]
    assert Blob(b"123").size == 3
