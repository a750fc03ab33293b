"""Fuzzing of what processes of a server read from each other, led by coverage.

    pip install atheris
    python -m tests.fuzz.links -max_total_time=60 [further options of libFuzzer]

The frames of links, the messages between a supervisor and its children, and the answers to an
operator's questions. hypothesis (tests/properties/test_link_frames.py) tries what somebody thought
of. It ends with a crash, and the bytes that make it, when a reader raises anything but what says
that the other process lies, reads something else of a stream that comes in other pieces, keeps
more than its limit, takes too long (-timeout), or too much memory (-rss_limit_mb).
"""

import importlib
import sys
from typing import Any

ATHERIS: Any = importlib.import_module("atheris")

with ATHERIS.instrument_imports(
    include=[
        "perdure.runtime.shards.link",
        "perdure.runtime.shards.supervisor",
        "perdure.runtime.control",
    ]
):
    from perdure.runtime.control.answer import AnswerMessages, Garbled
    from perdure.runtime.shards.link.errors import LinkBroken
    from perdure.runtime.shards.link.framing import Frame, FrameReader, with_length
    from perdure.runtime.shards.link.kinds import ROUTER, SUPERVISOR, WORKER, check
    from perdure.runtime.shards.supervisor.errors import ControlBroken
    from perdure.runtime.shards.supervisor.messages import CHILDS, SUPERVISORS, decode
    from perdure.runtime.shards.version import VERSION

LIMIT = 4096
ROLES = [ROUTER, WORKER, SUPERVISOR]


def frames_of(data: bytes, size: int, role: int) -> tuple[str, str | None]:
    """What a link reads of ``data``, fed in pieces of ``size``, and why it reads no more."""
    reader, found = FrameReader(LIMIT), list[Frame]()
    try:
        for at in range(0, len(data), size):
            read: list[Frame] = []
            try:
                reader.feed(data[at : at + size], read)
            finally:
                for frame in read:
                    check(role, frame)
                    found.append(frame)
            assert reader.kept_size_bytes <= LIMIT + 4
    except LinkBroken as error:
        return repr(found), error.reason
    return repr(found), None


def one_stream(source: Any) -> None:
    """Some bytes, read whole and in pieces."""
    role, size = source.PickValueInList(ROLES), source.ConsumeIntInRange(1, 20)
    data = source.ConsumeBytes(source.remaining_bytes())
    read, why = frames_of(data, max(1, len(data)), role)
    assert why != ""
    assert frames_of(data, size, role) == (read, why)


def one_frame(source: Any) -> None:
    """A body that has the right length."""
    role = source.PickValueInList(ROLES)
    data = with_length(source.ConsumeBytes(source.remaining_bytes()))
    frames_of(data, len(data), role)


def one_message(source: Any) -> None:
    """What a child says to its supervisor, or that to a child."""
    allowed = source.PickValueInList([CHILDS, SUPERVISORS])
    try:
        message = decode(source.ConsumeBytes(source.remaining_bytes()), allowed, VERSION)
    except ControlBroken:
        return
    assert type(message) in allowed


def one_answer(source: Any) -> None:
    """What a worker answers to an operation, read whole and in pieces."""
    size = source.ConsumeIntInRange(1, 20)
    data = source.ConsumeBytes(source.remaining_bytes())

    def read(size: int) -> tuple[str, bool]:
        messages, found = AnswerMessages(), list[tuple[str, Any]]()
        try:
            for at in range(0, len(data), size):
                found.extend(messages.read(data[at : at + size]))
        except Garbled:  # a message before it may have been read, or not
            return "", True
        return repr(found), False

    assert read(max(1, len(data))) == read(size)


def one_input(data: bytes) -> None:
    """What libFuzzer calls."""
    source = ATHERIS.FuzzedDataProvider(data)
    source.PickValueInList([one_stream, one_frame, one_frame, one_message, one_answer])(source)


def main() -> None:
    """Run until told otherwise."""
    ATHERIS.Setup(sys.argv, one_input)
    ATHERIS.Fuzz()


if __name__ == "__main__":
    main()
