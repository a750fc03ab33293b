# Pure: no clock, no files.
"""Binary data: ``ArrayBuffer``, typed arrays over it, and ``DataView``.

An ArrayBuffer is a bytearray, so it is bytes-like for all of Python; typed arrays and DataViews
that share one buffer see each other's writes. An ArrayBuffer does not change its length.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, SupportsIndex

from .proxies import JsProxy, is_nullish

Bytes = bytes | bytearray | memoryview


class JsBuffer(JsProxy):
    """Binary data of any kind: it has ``to_bytes()``, ``to_py()`` and ``byteLength``."""

    def view(self) -> memoryview:
        """Its bytes, shared."""
        raise TypeError(f"{self.js_name} has no bytes")

    @property
    def byteLength(self) -> int:
        """Its length in bytes."""
        return self.view().nbytes

    @property
    def nbytes(self) -> int:
        """The same, as a memoryview spells it."""
        return self.byteLength

    def to_bytes(self) -> bytes:
        """A copy."""
        return self.view().tobytes()

    tobytes = to_bytes
    __bytes__ = to_bytes

    def to_memoryview(self) -> memoryview:
        """A copy, as a memoryview with the type of its elements."""
        return self.to_py()

    def to_py(
        self, *, depth: int = -1, default_converter: Callable[..., Any] | None = None
    ) -> memoryview:
        """A copy, as a memoryview with the type of its elements."""
        del depth, default_converter
        return memoryview(self.to_bytes())

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Its bytes as text."""
        return self.to_bytes().decode(encoding, errors)

    to_string = decode

    def assign(self, source: Any) -> None:
        """Overwrite its bytes with those of ``source``, which has as many."""
        data, target = bytes_of(source), self.view()
        if len(data) != len(target):
            raise ValueError(f"a buffer of {len(target)} bytes cannot take {len(data)}")
        target[:] = data

    def assign_to(self, target: Any) -> None:
        """Write its bytes into a writable Python buffer of the same length."""
        memoryview(target).cast("B")[:] = self.view()


class ArrayBuffer(JsBuffer, bytearray):
    """``ArrayBuffer.new(8)``, or one with the bytes of something."""

    # Data that came in is put here with ArrayBuffer(data).
    def __init__(self, source: int | Iterable[SupportsIndex] | Bytes = 0) -> None:
        bytearray.__init__(self, source)

    # These come from bytearray: both bases have them, and it is the faster.
    decode = bytearray.decode

    def view(self) -> memoryview:
        return memoryview(self)

    @property
    def byteLength(self) -> int:
        return len(self)

    def to_bytes(self) -> bytes:
        return bytes(self)

    tobytes = to_bytes

    def __bytes__(self) -> bytes:
        return bytes(memoryview(self))

    def tolist(self) -> list[int]:
        """The bytes as numbers."""
        return list(self)

    def slice(self, start: int = 0, end: int | None = None) -> "ArrayBuffer":
        """A copy of some of it; negative numbers count from the end."""
        return ArrayBuffer(bytes(self)[start:end])

    def __repr__(self) -> str:
        return f"ArrayBuffer({bytes(self)!r})"

    def toString(self) -> str:
        return "[object ArrayBuffer]"

    @staticmethod
    def isView(value: object) -> bool:
        """Whether it is a typed array or a DataView."""
        return isinstance(value, TypedArray | DataView)


class TypedArray(JsBuffer):
    """What all typed arrays have in common. Numbers wrap around as in JavaScript."""

    code: ClassVar[Any] = "B"
    BYTES_PER_ELEMENT: ClassVar[int] = 1

    def __init_subclass__(cls, code: str = "B", js_name: str | None = None, **more: Any) -> None:
        super().__init_subclass__(js_name=js_name, **more)
        cls.code = code
        cls.BYTES_PER_ELEMENT = struct.calcsize(code)

    def __init__(self, source: Any = 0, byteOffset: int = 0, length: int | None = None) -> None:
        size = self.BYTES_PER_ELEMENT
        self.byteOffset = 0
        if isinstance(source, ArrayBuffer):
            self.buffer = source
            self.byteOffset = byteOffset
            count = (len(source) - byteOffset) // size if length is None else length
            if byteOffset + count * size > len(source) or count < 0:
                raise ValueError(f"Invalid typed array length: {length}")
        elif isinstance(source, int | float) and not isinstance(source, bool):
            count = int(source)
            self.buffer = ArrayBuffer(count * size)
        elif isinstance(source, bytes | bytearray | memoryview) and size == 1:
            self.buffer = ArrayBuffer(bytes(source))
            count = len(self.buffer)
        else:
            numbers = () if is_nullish(source) else tuple(source)
            count = len(numbers)
            self.buffer = ArrayBuffer(count * size)
            self._items(count)[:] = array(self.code, [self._fit(number) for number in numbers])
        self.length = count

    def _items(self, count: int) -> memoryview:
        start = self.byteOffset
        whole = memoryview(self.buffer)[start : start + count * self.BYTES_PER_ELEMENT]
        return whole.cast(self.code)

    @classmethod
    def _fit(cls, number: Any) -> Any:
        if cls.code in {"f", "d"}:
            return float(number)
        bits = 8 * cls.BYTES_PER_ELEMENT
        whole = int(number) % (1 << bits) if number == number else 0  # noqa: PLR0124  # NaN is 0
        return whole - (1 << bits) if cls.code.islower() and whole >> (bits - 1) else whole

    def view(self) -> memoryview:
        return memoryview(self.buffer)[
            self.byteOffset : self.byteOffset + self.length * self.BYTES_PER_ELEMENT
        ]

    def __buffer__(self, flags: int) -> memoryview:
        """From Python 3.12 on it is bytes-like."""
        del flags
        return self._items(self.length)

    def to_py(
        self, *, depth: int = -1, default_converter: Callable[..., Any] | None = None
    ) -> memoryview:
        """A copy, as a memoryview with the type of its elements."""
        del depth, default_converter
        return memoryview(self.to_bytes()).cast(self.code)

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items(self.length))

    def __getitem__(self, index: Any) -> Any:
        found = self._items(self.length)[index]
        return type(self)(found.tolist()) if isinstance(found, memoryview) else found

    def __setitem__(self, index: int, number: Any) -> None:
        self._items(self.length)[index] = self._fit(number)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JsBuffer | bytes | bytearray | memoryview):
            return self.to_bytes() == bytes(other)
        return NotImplemented

    __hash__ = JsProxy.__hash__

    def __repr__(self) -> str:
        return f"{self.js_name}({self.tolist()!r})"

    def toString(self) -> str:
        return ",".join(str(number) for number in self)

    def tolist(self) -> list[Any]:
        """The elements as numbers."""
        return self._items(self.length).tolist()

    def at(self, index: int) -> Any:
        """The element, counted from the end when negative; None when there is none."""
        return self[index] if -self.length <= index < self.length else None

    def set(self, source: Any, offset: int = 0) -> None:
        """Overwrite elements from ``offset`` on."""
        for index, number in enumerate(source, offset):
            self[index] = number

    def fill(self, number: Any, start: int = 0, end: int | None = None) -> "TypedArray":
        """Let elements be ``number``."""
        for index in range(*slice(start, end).indices(self.length)):
            self[index] = number
        return self

    def slice(self, start: int = 0, end: int | None = None) -> "TypedArray":
        """A copy of some of it."""
        return type(self)(self.tolist()[start:end])

    def subarray(self, start: int = 0, end: int | None = None) -> "TypedArray":
        """Some of it, over the same bytes."""
        first, last, _ = slice(start, end).indices(self.length)
        offset = self.byteOffset + first * self.BYTES_PER_ELEMENT
        return type(self)(self.buffer, offset, max(0, last - first))

    @classmethod
    def of(cls, *numbers: Any) -> "TypedArray":
        """One of these numbers."""
        return cls(numbers)


setattr(TypedArray, "from", classmethod(lambda cls, source: cls(source)))  # Python's keyword


class Int8Array(TypedArray, code="b"):
    """Whole numbers of 8 bits with a sign."""


class Uint8Array(TypedArray, code="B"):
    """Bytes."""


class Uint8ClampedArray(TypedArray, code="B"):
    """Bytes; numbers beyond them become the nearest one."""

    @classmethod
    def _fit(cls, number: Any) -> Any:
        return min(255, max(0, round(number)))


class Int16Array(TypedArray, code="h"):
    """Whole numbers of 16 bits with a sign."""


class Uint16Array(TypedArray, code="H"):
    """Whole numbers of 16 bits."""


class Int32Array(TypedArray, code="i"):
    """Whole numbers of 32 bits with a sign."""


class Uint32Array(TypedArray, code="I"):
    """Whole numbers of 32 bits."""


class Float32Array(TypedArray, code="f"):
    """Numbers of 32 bits."""


class Float64Array(TypedArray, code="d"):
    """Numbers of 64 bits."""


class BigInt64Array(TypedArray, code="q"):
    """Whole numbers of 64 bits with a sign."""


class BigUint64Array(TypedArray, code="Q"):
    """Whole numbers of 64 bits."""


class DataView(JsBuffer):
    """Numbers of any size and byte order at any place of an ArrayBuffer."""

    def __init__(
        self, buffer: ArrayBuffer, byteOffset: int = 0, byteLength: int | None = None
    ) -> None:
        self.buffer = buffer
        self.byteOffset = byteOffset
        self._length = len(buffer) - byteOffset if byteLength is None else byteLength

    def view(self) -> memoryview:
        return memoryview(self.buffer)[self.byteOffset : self.byteOffset + self._length]


def _reader(code: str) -> Callable[..., Any]:
    def read(self: DataView, offset: int, littleEndian: bool = False) -> Any:
        return struct.unpack_from(("<" if littleEndian else ">") + code, self.view(), offset)[0]

    return read


def _writer(code: str, fit: Callable[[Any], Any]) -> Callable[..., None]:
    def write(self: DataView, offset: int, number: Any, littleEndian: bool = False) -> None:
        form = ("<" if littleEndian else ">") + code
        struct.pack_into(form, self.view(), offset, fit(number))

    return write


TYPED_ARRAYS: tuple[type[TypedArray], ...] = (
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
)
for _kind in TYPED_ARRAYS:
    if _kind is not Uint8ClampedArray:
        _what = _kind.__name__.removesuffix("Array")
        setattr(DataView, f"get{_what}", _reader(_kind.code))
        setattr(DataView, f"set{_what}", _writer(_kind.code, _kind._fit))  # noqa: SLF001  # of this file


def bytes_of(value: Any) -> bytes:
    """The bytes of anything binary.

    Raises:
        TypeError: It is not binary.
    """
    if isinstance(value, JsBuffer):
        return value.to_bytes()
    if isinstance(value, bytes):
        return value
    return memoryview(value).tobytes()
