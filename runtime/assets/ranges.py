"""Which part of a file a request asks for, by ``Range`` and ``If-Range`` (RFC 9110, section 14)."""

import re

from ...actors.headers import Fields

# One range: first and last byte, from a byte on, or the last so many. A list of them is answered
# whole, which is always allowed. No file needs more digits.
_ONE_RANGE = re.compile(
    r"bytes[ \t]*=[ \t]*(?P<first>[0-9]{0,30})-(?P<last>[0-9]{0,30})", re.IGNORECASE | re.ASCII
)


def part_of(asked: Fields, size: int, tag: str) -> range | None:
    """The offsets of the bytes that are asked for; empty if the file has none of them.

    Args:
        asked: The header fields of a GET.
        size: Of the file, in bytes.
        tag: Its ETag, a strong one.

    Returns:
        None for all of the file: nothing else is asked for, or nothing that can be understood, or
        the client has a part of another file than this.
    """
    found = _ONE_RANGE.fullmatch(",".join(asked.getall("Range", ())).strip())
    # A date never fits, as files are sent without one, and neither does a weak tag.
    if found is None or asked.get("If-Range", tag).strip() != tag:
        return None
    first, last = found["first"], found["last"]
    if not first:
        return _last_bytes(int(last), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _last_bytes(count: int, size: int) -> range | None:
    if count and not size:
        return None  # these are all, and there is no way to write their offsets
    return range(max(size - count, 0), size)


def content_range(part: range, size: int) -> str:
    """What ``Content-Range`` says of a part; of an empty one, that there is none."""
    return f"bytes {part.start}-{part.stop - 1}/{size}" if part else f"bytes */{size}"
