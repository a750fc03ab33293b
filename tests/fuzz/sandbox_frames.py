"""Fuzzing of what keepers read of agents, and of workers, led by coverage.

    pip install atheris
    python -m tests.fuzz.sandbox_frames -max_total_time=60 [further options of libFuzzer]

An agent may be in the hands of whoever is inside its sandbox. hypothesis
(tests/runtime/sandbox/test_wire.py) tries what somebody thought of. It ends with a crash, and the
bytes that make it, when a reader raises anything but what says that the other side lies, reads
something else of a stream that comes in other pieces, holds more than the windows that it gave,
takes too long (-timeout), or too much memory (-rss_limit_mb).
"""

import importlib
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

ATHERIS: Any = importlib.import_module("atheris")

with ATHERIS.instrument_imports(include=["perdure.runtime.sandbox"]):
    from perdure.runtime.sandbox.keeper.agent_link import AgentLink, Patience
    from perdure.runtime.sandbox.keeper.processes import Process
    from perdure.runtime.sandbox.keeper.relaying import Relay
    from perdure.runtime.sandbox.reactor import Reactor
    from perdure.runtime.sandbox.streams import AnswerSide, Exchange, error_of
    from perdure.runtime.sandbox.wire import (
        HEAD_BYTES,
        JSON_BYTES_MAX,
        WINDOW_BYTES,
        Frame,
        FrameReader,
        Garbled,
        decode_json,
        frame,
    )

PATIENT = Patience(ping_s=1e6, silent_s=1e6)
TEXTS = [
    b"{}",
    b'{"pid": 7}',
    b'{"exit_code": 0, "signal": null}',
    b'{"exit_code": 137, "signal": "SIGKILL"}',
    b'{"error": {"code": "X", "message": "y", "context": {}}}',
    b'{"error": 5}',
    b'{"port": 1, "descriptor": true}',
    b'{"op": "x"}',
]


class Silence:
    """A channel whose other side hears nothing."""

    is_open = True

    def __init__(self) -> None:
        self.sent_bytes = 0

    def send(self, kind: int, stream: int, payload: bytes = b"", descriptor: int = -1) -> None:
        self.sent_bytes += len(frame(kind, stream, payload))

    def take_descriptor(self) -> int:
        raise Garbled("it speaks of a descriptor, and sent none")

    def close(self) -> None:
        self.is_open = False


class Told(AgentLink):
    """What a keeper has of its agent, without a socket."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self.far = far
        self.reactor = Reactor()
        super().__init__(near, self.reactor, on_lost=lambda _: None, patience=PATIENT)

    def end(self) -> None:
        self.close({"error": {"code": "X", "message": "", "context": {}}})
        self.far.close()
        self.reactor.close()


def frames_of(data: bytes, size: int) -> tuple[list[Frame], str | None]:
    """What is read of ``data``, fed in pieces of ``size``, and why no more is."""
    reader, found = FrameReader(), list[Frame]()
    try:
        for at in range(0, len(data), size):
            found += reader.feed(data[at : at + size])
            assert reader.kept_bytes <= HEAD_BYTES + JSON_BYTES_MAX
    except Garbled as error:
        return found, error.why
    return found, None


def one_stream(source: Any) -> None:
    """Some bytes, read whole and in pieces."""
    size = source.ConsumeIntInRange(1, 20)
    data = source.ConsumeBytes(source.remaining_bytes())
    found, why = frames_of(data, size)
    in_one, why_in_one = frames_of(data, max(1, len(data)))
    assert why == why_in_one
    assert in_one == found[: len(in_one)]


def one_text(source: Any) -> None:
    """What a JSON frame says, and an error in it."""
    try:
        error_of(decode_json(source.ConsumeBytes(source.remaining_bytes())))
    except Garbled:
        return


def some_frames(source: Any) -> Iterator[Frame]:
    """Frames of all kinds, that make sense more often than chance would have it."""
    reader = FrameReader()
    while source.remaining_bytes():
        kind = source.ConsumeIntInRange(1, 9)
        number = source.ConsumeIntInRange(0, 5)
        is_text = source.ConsumeBool()
        payload = source.PickValueInList(TEXTS) if is_text else source.ConsumeBytes(30)
        if source.ConsumeIntInRange(0, 9) == 0:
            payload *= 2000
        yield from reader.feed(struct.pack(">IBI", len(payload), kind, number) + payload)


def one_agent(source: Any) -> None:
    """An agent that was asked to run something, to send a file, and to wait."""
    link = Told()
    silence: Any = Silence()
    worker = AnswerSide(silence, lambda _: None)
    worker.frame(1, 1, b'{"op": "read_file"}')
    exchange: Exchange = worker.exchanges[1]
    process = Process(link.reactor, link, {"command": "x"}, is_paced=True)
    running = Process(link.reactor, link, {"command": "x"})
    Relay(link, exchange, {"op": "read_file"})
    try:
        for kind, number, payload in some_frames(source):
            link._frame(kind, number, payload)
            assert silence.sent_bytes <= 2 * (WINDOW_BYTES + JSON_BYTES_MAX)
            assert process.ring.end <= WINDOW_BYTES
    except Garbled:
        pass
    finally:
        link.end()
    assert process.has_ended
    assert running.has_ended
    assert not exchange.is_open


def one_worker(source: Any) -> None:
    """A worker that asks, and says more."""
    begun, silence = list[Exchange](), Silence()
    channel: Any = silence
    side = AnswerSide(channel, begun.append)
    try:
        for kind, number, payload in some_frames(source):
            side.frame(kind, number, payload)
    except Garbled:
        pass
    side.lost()
    assert not any(exchange.is_open for exchange in begun)


def one_input(data: bytes) -> None:
    """What libFuzzer calls."""
    source = ATHERIS.FuzzedDataProvider(data)
    source.PickValueInList([one_stream, one_text, one_agent, one_agent, one_worker])(source)


def main() -> None:
    """Run until told otherwise."""
    ATHERIS.Setup(sys.argv, one_input)
    ATHERIS.Fuzz()


if __name__ == "__main__":
    main()
