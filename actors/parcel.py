"""Values that travel with things that are not bytes: capabilities, streams, messages.

Promise:
    A capability lives as long as somebody refers to it: a stub, a parcel on its way, a call that
    waits. Nobody counts holders; whoever lets go of the last reference ends it.
Rules for editing:
    Nothing keeps a parcel, or what is in it, longer than it is needed.
"""

from collections.abc import Callable
from typing import Any

from ..storage.values import decode
from .body import StreamSource
from .http import Request, Response


class Parcel:
    """A value in bytes, and what stands beside them.

    Attributes:
        data: The value, encoded; a lifted thing is there as its index in ``items``.
        items: ``Capability``, ``StreamSource``, ``Request`` and ``Response``.
    """

    __slots__ = ("data", "items")

    def __init__(self, data: bytes, items: list[Any]) -> None:
        self.data = data
        self.items = items

    def read(
        self,
        read_item: Callable[[Any], Any],
        read_led: Callable[[bytes, Any], Any],
        read_inline: Callable[[bytes], Any],
    ) -> Any:
        """The value; what is lifted is given by the three functions.

        Args:
            read_item: Gives what an item is.
            read_led: Gives what an item leads to, of the kind that stands first.
            read_inline: Gives what stands in the bytes in a form of its own.

        Raises:
            ValueCorrupt: It is none.
        """

        def lower(payload: bytes) -> Any:
            kind = payload[:1]
            if kind not in {INDEX, WRITABLE, SIGNAL}:
                return read_inline(payload)
            index = int.from_bytes(payload[1:], "big")
            if index >= len(self.items):
                raise ValueError("there is no such item")
            item = self.items[index]
            return read_item(item) if kind == INDEX else read_led(kind, item)

        return decode(self.data, lower)

    @property
    def can_be_sent_again(self) -> bool:
        """Nothing is in it that can be read only once."""
        return not any(_is_stream(item) for item in self.items)


# What travels: a value without anything beside it is its bytes.
Packed = bytes | Parcel

# The first byte of what stands for an item; everything else is read where it stands.
INDEX = b"i"
# That of what stands for a stream to be written into, by what leads to it.
WRITABLE = b"w"
# That of what stands for a signal, by the stream that tells of it.
SIGNAL = b"s"


def size_bytes_of(packed: Packed) -> int:
    """How large the value is, without what streams carry."""
    return len(packed) if isinstance(packed, bytes) else len(packed.data)


def _is_stream(item: object) -> bool:
    if isinstance(item, Request | Response):
        return not (item.content is None or isinstance(item.content, bytes))
    return isinstance(item, StreamSource)
