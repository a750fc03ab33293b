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
# Longer text goes in pieces: what does not fit is left out by the piece.
PIECE_CHARACTERS = 64 * 1024
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
        event["timestamp"] = int(time.time() * 1000)
        if event["type"] not in {"stdout", "stderr"}:
            self._send(event, "result" if event["type"] == "result" else None)
            return
        text = str(event["text"])
        for start in range(0, len(text), PIECE_CHARACTERS):
            self._send({**event, "text": text[start : start + PIECE_CHARACTERS]}, "text")

    def _send(self, event: Json, purse: str | None) -> None:
        line = encode({"event": event})
        cost = len(line) + OVERHEAD_BYTES
        if purse is None:
            self._write(line)
        elif cost <= self._left[purse]:
            self._left[purse] -= cost
            self._write(line)
        else:
            self.dropped_bytes += len(line)
            if purse == "text":  # what follows is not to look as if it followed
                self._left["text"] = 0
            self._mark(event)

    def _mark(self, event: Json) -> None:
        """Say once that something is missing."""
        kind = event["type"]
        if kind not in self._marked:
            self._marked.add(kind)
            if kind == "result":
                text = "[perdure: this result is left out, it is too much, as may be others]"
            else:
                text = f"\n[perdure: what follows of {kind} is left out, it is too much]\n"
            mark = {"type": kind, "text": text, "timestamp": event["timestamp"]}
            self._write(encode({"event": mark}))


def encode(message: Json) -> bytes:
    """Return one line."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode(errors="replace") + b"\n"
