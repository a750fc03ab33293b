"""Fuzzing of what reads WebSocket frames, led by coverage: streams, and offers of compression.

    pip install atheris
    python -m tests.fuzz.frames -max_total_time=60 [further options of libFuzzer]

hypothesis (tests/properties/test_frames.py) tries what somebody thought of; this looks for branches
that nobody did. It ends with a crash, and the bytes that make it, when a reader raises anything,
hears something else of a stream that comes in other pieces, passes on what is larger than its
limit, takes too long (-timeout), or too much memory (-rss_limit_mb).
"""

import importlib
import sys
from typing import Any

ATHERIS: Any = importlib.import_module("atheris")

with ATHERIS.instrument_imports(include=["perdure.runtime.sockets"]):
    from perdure.runtime.sockets.deflate import Deflate, InflatingReader
    from perdure.runtime.sockets.extension import BadExtensions, check_answer, choose
    from perdure.runtime.sockets.frames import FrameReader

LIMITS = [0, 10, 1000, 2**20]
CODES = {1002, 1007, 1009}


class Heard:
    """What a reader has called, in its order."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def on_message(self, message: str | bytes) -> None:
        self.calls.append(("message", message))

    def on_close(self, code: int | None, reason: str) -> None:
        self.calls.append(("close", code, reason))

    def on_ping(self, payload: bytes) -> None:
        self.calls.append(("ping", payload))

    def on_pong(self, payload: bytes) -> None:
        self.calls.append(("pong", payload))

    def on_broken(self, code: int, why: str) -> None:
        assert why
        self.calls.append(("broken", code))


def read(kind: type[FrameReader], data: bytes, size: int, *, limit: int, masked: bool) -> Any:
    """What is heard of ``data``, fed in pieces of ``size``."""
    heard = Heard()
    reader = kind(heard, limit, masked=masked)
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    return heard.calls


def one_stream(source: Any) -> None:
    """Some bytes, read whole and in pieces."""
    kind = source.PickValueInList([FrameReader, InflatingReader])
    how = {"limit": source.PickValueInList(LIMITS), "masked": source.ConsumeBool()}
    size = source.ConsumeIntInRange(1, 20)
    data = source.ConsumeBytes(source.remaining_bytes())
    calls = read(kind, data, max(1, len(data)), **how)
    assert read(kind, data, size, **how) == calls
    broken = [call[1] for call in calls if call[0] == "broken"]
    assert len(broken) <= 1
    assert CODES.issuperset(broken)
    assert all(len(call[1]) <= how["limit"] for call in calls if call[0] == "message")


def one_offer(source: Any) -> None:
    """A header: what is agreed on is within what was said, or nothing is."""
    values = [source.ConsumeBytes(80).decode("utf-8", "surrogateescape") for _ in range(2)]
    for agree in (choose, check_answer):
        try:
            agreed = agree(values)
        except BadExtensions:
            continue
        assert agreed is None or 9 <= agreed.window_bits <= 15


def one_message(source: Any) -> None:
    """What we compress, we inflate."""
    deflate = Deflate(source.ConsumeIntInRange(9, 15), source.ConsumeIntInRange(0, 300))
    message = source.ConsumeBytes(source.remaining_bytes())
    sent = deflate.encode(message)
    heard = read(InflatingReader, sent, 7, limit=len(message), masked=False)
    assert heard == [("message", message)]


def one_input(data: bytes) -> None:
    """What libFuzzer calls."""
    source = ATHERIS.FuzzedDataProvider(data)
    source.PickValueInList([one_stream, one_stream, one_stream, one_offer, one_message])(source)


def main() -> None:
    """Run until told otherwise."""
    ATHERIS.Setup(sys.argv, one_input)
    ATHERIS.Fuzz()


if __name__ == "__main__":
    main()
