"""Text and its encodings."""

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.compat.js.buffers import Uint8Array
from perdure.runtime.compat.js.text_codecs import TextDecoder, TextEncoder, atob, btoa


def test_text_is_encoded(js: types.ModuleType) -> None:
    encoder = js.TextEncoder.new()
    assert encoder.encode("é").to_bytes() == "é".encode()
    assert encoder.encode().length == 0
    assert encoder.encoding == "utf-8"
    room = js.Uint8Array.new(4)
    assert encoder.encodeInto("aéé", room) == {"read": 2, "written": 3}
    assert room.to_bytes() == "aé\0".encode()


def test_bytes_are_decoded(js: types.ModuleType) -> None:
    decoder = js.TextDecoder.new()
    assert decoder.decode(js.Uint8Array.new(b"\xef\xbb\xbfhi")) == "hi"
    assert decoder.decode(b"\xff") == "\ufffd"
    assert decoder.decode() == ""
    assert js.TextDecoder.new("latin1").decode(b"\xe9") == "é"
    assert js.TextDecoder.new("utf-16le").decode(b"a\0") == "a"
    assert js.TextDecoder.new("utf-8", ignoreBOM=True).decode(b"\xef\xbb\xbf") == "\ufeff"


def test_bytes_are_decoded_in_pieces(js: types.ModuleType) -> None:
    decoder = js.TextDecoder.new()
    assert decoder.decode(b"\xc3", stream=True) == ""
    assert decoder.decode(b"\xa9", js.Object.fromEntries({"stream": True})) == "é"
    assert decoder.decode(b"\xc3") == "\ufffd"


def test_what_cannot_be_decoded_is_told(js: types.ModuleType) -> None:
    with pytest.raises(js.RangeError, match='"nonsense" is not a valid encoding'):
        js.TextDecoder.new("nonsense")
    strict = js.TextDecoder.new("utf-8", js.Object.new(fatal=True))
    with pytest.raises(js.TypeError, match="Failed to decode input"):
        strict.decode(b"\xff")
    assert strict.decode(b"a") == "a"


def test_base64_and_percent_signs(js: types.ModuleType) -> None:
    assert (js.btoa("hé"), js.atob("aOk="), js.atob("aOk")) == ("aOk=", "hé", "hé")
    assert js.btoa(js.Uint8Array.new(b"\xff")) == "/w=="
    with pytest.raises(js.DOMException) as caught:
        js.atob("a*")
    assert caught.value.name == "InvalidCharacterError"
    assert js.encodeURIComponent("a b/é!") == "a%20b%2F%C3%A9!"
    assert js.encodeURI("a b/é?x#y") == "a%20b/%C3%A9?x#y"
    assert js.decodeURIComponent("a%20%C3%A9") == "a é"
    with pytest.raises(js.Error, match="URIError: URI malformed"):
        js.decodeURIComponent("%ff")


@given(st.text(), st.binary())
def test_there_and_back(text: str, data: bytes) -> None:
    whole = TextDecoder.new(ignoreBOM=True).decode(TextEncoder.new().encode(text))
    assert whole == text.encode("utf-8", "replace").decode()
    assert atob(btoa(Uint8Array(data))).encode("latin-1") == data
