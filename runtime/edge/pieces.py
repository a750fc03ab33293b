"""Where the bytes of an HTTP/1.1 connection may be cut, so that nothing runs into what follows."""

import re
from collections.abc import Iterator

# The end of a head, and of a chunked body with its trailers, is an empty line.
_EMPTY_LINES = re.compile(rb"\r\n(?:\r\n)+")
# The rest of an empty line whose beginning came before.
_RESTS = re.compile(rb"[\r\n]{1,3}")


def is_one_piece(data: bytes) -> bool:
    """Whether ``pieces`` finds nothing to cut behind an empty line that lies wholly in ``data``."""
    found = data.find(b"\r\n\r\n")
    return found < 0 or found + 4 == len(data)


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut bytes behind every empty line, also one whose beginning came in bytes before.

    A cut too many does no harm, so within a body it is cut there too.
    """
    rest = _RESTS.match(data)
    begin = 0
    for end in range(1, rest.end() + 1) if rest else ():
        yield data[begin:end]
        begin = end
    for found in _EMPTY_LINES.finditer(data):
        for end in range(found.start() + 4, found.end() + 1, 2):
            if end > begin:
                yield data[begin:end]
                begin = end
    if begin < len(data):
        yield data[begin:]
