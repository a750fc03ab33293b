"""Streams of events, as browsers read them: ``data: {json}`` and an empty line.

On the wire the fields are spelled as in the system that programs may come from, in camelCase, so
that its clients can read them; ``parse_sse_stream`` gives them in snake_case.
"""

import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, Final

from ..errors import SandboxInvalid

# Of one event. What programs write is cut into pieces that are far smaller.
EVENT_BYTES_MAX: Final = 16 * 1024 * 1024
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_WORD = re.compile(r"_([a-z0-9])")
_CAPITAL = re.compile(r"(?<!^)([A-Z])")


def sse(event: Mapping[str, Any]) -> bytes:
    """One event as it is sent; fields that are None are left out."""
    fields = {
        _WORD.sub(lambda found: found[1].upper(), name): value
        for name, value in event.items()
        if value is not None
    }
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


async def parse_sse_stream(
    stream: AsyncIterable[bytes | bytearray | memoryview],
) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream, such as ``exec_stream`` gives: dicts with names in snake_case.

    Raises:
        SandboxInvalid: It is no stream of such events.
    """
    rest = b""
    async for chunk in stream:
        rest += bytes(chunk)
        *whole, rest = _END.split(rest)
        for event in whole:
            if (found := _event_of(event)) is not None:
                yield found
        if len(rest) > EVENT_BYTES_MAX:
            raise _garbled("an event without an end")
    if rest.strip() and (found := _event_of(rest)) is not None:
        yield found


def _event_of(text: bytes) -> dict[str, Any] | None:
    lines = [line[5:].lstrip() for line in text.splitlines() if line.startswith(b"data:")]
    if not lines:
        return None  # a comment, or a name
    try:
        fields = json.loads(b"\n".join(lines))
    except ValueError as error:
        raise _garbled(str(error)) from None
    if not isinstance(fields, dict):
        raise _garbled("an event that is no object")
    return {_CAPITAL.sub(r"_\1", name).lower(): value for name, value in fields.items()}


def _garbled(why: str) -> SandboxInvalid:
    return SandboxInvalid("VALIDATION_FAILED", f"This is no stream of a sandbox's events: {why}")
