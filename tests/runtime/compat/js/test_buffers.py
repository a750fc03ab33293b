"""Binary data."""

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.compat.js.buffers import (
    TYPED_ARRAYS,
    ArrayBuffer,
    DataView,
    Float64Array,
    Int8Array,
    Int16Array,
    JsBuffer,
    TypedArray,
    Uint8Array,
    Uint8ClampedArray,
    Uint16Array,
    bytes_of,
)


def test_a_message_can_be_read_in_all_ways() -> None:
    message = ArrayBuffer(b"ping")
    assert message.to_bytes() == bytes(message) == message.tobytes() == b"ping"
    assert message.decode() == message.to_string() == "ping"
    assert message.to_py().tobytes() == b"ping"
    assert isinstance(message.to_py(), memoryview)
    assert message.to_memoryview().tobytes() == b"ping"
    assert (message.byteLength, message.nbytes, len(message)) == (4, 4, 4)
    assert message == b"ping"
    text: object = "ping"
    assert message != text
    assert hashlib.sha256(message).digest() == hashlib.sha256(b"ping").digest()
    assert isinstance(message, JsBuffer)
    assert message.constructor.name == "ArrayBuffer"
    assert message.slice(1, -1) == b"in"
    assert message.tolist() == [112, 105, 110, 103]
    assert (repr(message), message.toString()) == ("ArrayBuffer(b'ping')", "[object ArrayBuffer]")


def test_a_typed_array_shares_the_bytes_of_its_buffer() -> None:
    buffer = ArrayBuffer.new(4)
    whole, part = Uint8Array.new(buffer), Uint8Array.new(buffer, 1, 2)
    part[0] = 258
    assert whole.tolist() == [0, 2, 0, 0]
    assert whole.subarray(1, 3).tolist() == [2, 0]
    assert whole.subarray(1, 3).byteOffset == 1
    whole.subarray(3)[0] = 9
    assert buffer == b"\0\2\0\x09"
    assert whole.slice(3).buffer is not buffer
    assert (part.length, len(part), part.byteLength, part.byteOffset) == (2, 2, 2, 1)
    assert ArrayBuffer.isView(part)
    assert not ArrayBuffer.isView(buffer)


def test_a_typed_array_is_made_of_anything() -> None:
    assert Uint8Array.new(3) == b"\0\0\0"
    assert Uint8Array.new(b"ab").tolist() == [97, 98]
    assert getattr(Uint8Array, "from")([1, 2]).tolist() == [1, 2]
    assert Uint8Array.of(1, 2).tolist() == [1, 2]
    assert Uint8Array.new(Int16Array.new([1, -1])).tolist() == [1, 255]
    assert Uint8Array.new(None).length == 0
    with pytest.raises(ValueError, match="Invalid typed array length"):
        Uint16Array.new(ArrayBuffer.new(2), 0, 2)


def test_numbers_wrap_around_or_are_clamped() -> None:
    assert Int8Array.of(200, -1, 1.9, float("nan")).tolist() == [-56, -1, 1, 0]
    assert Uint8ClampedArray.of(-5, 300, 1.6).tolist() == [0, 255, 2]
    assert Uint16Array.of(-1).tolist() == [65535]
    assert Float64Array.of(0.5).tolist() == [0.5]


def test_a_typed_array_is_a_sequence() -> None:
    numbers = Uint8Array.of(1, 2, 3)
    assert (numbers[-1], numbers.at(-1), numbers.at(5)) == (3, 3, None)
    assert numbers[1:] == Uint8Array.of(2, 3)
    assert list(numbers) == [1, 2, 3]
    numbers.set([7, 8], 1)
    assert numbers.fill(0, 0, 1).tolist() == [0, 7, 8]
    assert numbers.toString() == "0,7,8"
    assert repr(numbers) == "Uint8Array([0, 7, 8])"
    assert numbers != [0, 7, 8]
    assert {numbers: 1}[numbers] == 1
    assert Int16Array.of(1, 2).to_py().tolist() == [1, 2]
    assert Int16Array.BYTES_PER_ELEMENT == 2


def test_bytes_are_written_over() -> None:
    numbers, target = Uint8Array.new(2), bytearray(2)
    numbers.assign(b"ab")
    numbers.assign_to(target)
    assert target == b"ab"
    with pytest.raises(ValueError, match="a buffer of 2 bytes cannot take 3"):
        numbers.assign(b"abc")


def test_a_view_reads_and_writes_in_either_byte_order() -> None:
    buffer = ArrayBuffer.new(8)
    view = DataView.new(buffer, 1)
    view.setUint16(0, 0x0102)
    view.setInt32(2, -2, True)
    assert buffer == b"\0\1\2\xfe\xff\xff\xff\0"
    assert view.getInt32(2, True) == -2
    assert view.byteLength == 7
    assert view.to_bytes() == bytes(buffer)[1:]


def test_bytes_of_anything_binary() -> None:
    for value in (
        b"ab",
        bytearray(b"ab"),
        memoryview(b"ab"),
        Uint8Array(b"ab"),
        ArrayBuffer(b"ab"),
    ):
        assert bytes_of(value) == b"ab"
    with pytest.raises(TypeError):
        bytes_of("text")


@pytest.mark.parametrize("kind", TYPED_ARRAYS, ids=lambda kind: kind.js_name)
@given(data=st.binary(max_size=64))
def test_all_kinds_show_the_bytes_of_a_buffer(kind: type[TypedArray], data: bytes) -> None:
    size = kind.BYTES_PER_ELEMENT
    data = data[: len(data) // size * size]
    numbers = kind.new(ArrayBuffer(data))
    assert numbers.to_bytes() == data
    assert numbers.to_py().tobytes() == data
    assert numbers.length * size == len(data)
    assert struct.pack(f"={numbers.length}{kind.code}", *numbers) == data or kind.code in "fd"
