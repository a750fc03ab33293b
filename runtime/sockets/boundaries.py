# Pure: no asyncio, clock, randomness, file or socket.
"""Where in the stream of a peer's frames its connection is: kept for one that may change hands.

aiohttp's reader does not say. So the headers of frames are read a second time, which is a look
into a table for frames that come whole and are short, and arithmetic for each other one.
"""

import functools

# By its second byte, the size of a whole frame; -1 where more than that decides.
_SIZES = tuple(
    -1 if (second & 0x7F) > 125 else 2 + (4 if second & 0x80 else 0) + (second & 0x7F)
    for second in range(256)
)

# The first byte of a message in one frame, not compressed: text or binary.
_WHOLE = frozenset({0x81, 0x82})


class Boundaries:
    """What of a frame has come.

    Attributes:
        header: Of the frame that is under way, as far as it has come; with its mask if it has one.
        missing_size_bytes: What of its payload has not come; 0 between frames, and while the
            header is not whole.
    """

    __slots__ = ("header", "missing_size_bytes")

    def __init__(self) -> None:
        self.header = b""
        self.missing_size_bytes = 0

    @property
    def is_between(self) -> bool:
        """All frames have come whole."""
        return not self.header and not self.missing_size_bytes

    def read(self, data: bytes) -> None:
        """``data`` has come."""
        if not self.header and len(data) > 1 and _SIZES[data[1]] == len(data):
            return  # one whole frame
        at = self.missing_size_bytes
        if at > len(data):
            self.missing_size_bytes = at - len(data)
            return
        if not at and self.header:
            data = self.header + data
        self.header = b""
        self.missing_size_bytes = 0
        while at < len(data):
            size = header_size(data, at)
            end = at + size
            if size == 0 or end > len(data):
                self.header = data[at:]
                return
            header = data[at:end]
            at = end + payload_size(header)
            if at > len(data):
                self.header = header
                self.missing_size_bytes = at - len(data)


@functools.cache
def short_heads(mask_bit: int, size_bytes_max: int) -> dict[bytes, int]:
    """Return the size of a whole message that is short, by its first two bytes.

    Args:
        mask_bit: 0x80 where frames have to be masked, else 0.
        size_bytes_max: Of the payload of one; what is larger is none.
    """
    head = 6 if mask_bit else 2
    return {
        bytes((first, mask_bit | size)): head + size
        for first in _WHOLE
        for size in range(min(125, size_bytes_max) + 1)
    }


def whole_messages(data: bytes, mask_bit: int, size_bytes_max: int) -> int:
    """How many messages ``data`` is, if it is nothing but that; 0 if not.

    Args:
        data: It begins where a frame does.
        mask_bit: 0x80 where frames have to be masked, else 0.
        size_bytes_max: Of the payload of one; what is larger is none.
    """
    size = len(data)
    at = count = 0
    while at < size:
        head = header_size(data, at)
        if (
            not head
            or at + head > size
            or data[at] not in _WHOLE
            or data[at + 1] & 0x80 != mask_bit
        ):
            return 0
        payload = payload_size(data[at : at + head])
        at += head + payload
        if payload > size_bytes_max:
            return 0
        count += 1
    return count if at == size else 0


def header_size(data: bytes, at: int = 0) -> int:
    """The size of the header that begins at ``at``, with its mask; 0 if that is not known yet."""
    if at + 2 > len(data):
        return 0
    second = data[at + 1]
    length = second & 0x7F
    return 2 + (4 if second & 0x80 else 0) + (0 if length < 126 else 2 if length == 126 else 8)


def payload_size(header: bytes) -> int:
    """What a whole header says."""
    length = header[1] & 0x7F
    if length < 126:
        return length
    return int.from_bytes(header[2 : 4 if length == 126 else 10], "big")
