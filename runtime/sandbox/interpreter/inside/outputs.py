"""The events of one run on their way out: encoded, and no more of them than is good.

The first bytes are kept, and what comes later is left out, with a mark in its place: who reads them
has to hold all of them.
"""

import json
import time
from collections.abc import Callable

from .kernel import Json

# Of what the code writes to both of its streams, and of its results, as they are sent.
TEXT_BYTES_MAX = 8 * 1024 * 1024
RESULTS_BYTES_MAX = 16 * 1024 * 1024
# What an event takes besides what it says.
OVERHEAD_BYTES = 256


class Outputs:
    """Sends the events of one run.

    Attributes:
        dropped_bytes: How much of what was written or shown was left out.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.dropped_bytes = 0
        self._write = write
        self._left = {"text": TEXT_BYTES_MAX, "result": RESULTS_BYTES_MAX}
        self._marked: set[str] = set()

    def emit(self, event: Json) -> None:
        """Send an event, or leave it out."""
        kind = str(event["type"])
        event["timestamp"] = int(time.time() * 1000)
        line = encode({"event": event})
        purse = {"stdout": "text", "stderr": "text", "result": "result"}.get(kind)
        if purse is None:
            self._write(line)
            return
        cost = len(line) + OVERHEAD_BYTES
        if cost <= self._left[purse]:
            self._left[purse] -= cost
            self._write(line)
            return
        self.dropped_bytes += len(line)
        if purse == "text":
            self._begin_of(event)
            self._left["text"] = 0
        if kind not in self._marked:
            self._marked.add(kind)
            text = f"[perdure: what follows of {kind} is left out, it is too much]"
            mark = {**event, "text": f"\n{text}\n"} if purse == "text" else _bare(event, text)
            self._write(encode({"event": mark}))

    def _begin_of(self, event: Json) -> None:
        """Send as much of a text as surely fits: a character may need six bytes."""
        text = str(event["text"])
        size = min((self._left["text"] - OVERHEAD_BYTES) // 6, len(text) - 1)
        if size > 0:
            line = encode({"event": {**event, "text": text[:size]}})
            self.dropped_bytes -= len(line)
            self._write(line)


def encode(message: Json) -> bytes:
    """Return one line."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode(errors="replace") + b"\n"


def _bare(event: Json, text: str) -> Json:
    return {"type": event["type"], "text": text, "timestamp": event["timestamp"]}
