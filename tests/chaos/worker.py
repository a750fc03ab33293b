"""A worker that may die at moments of its own: ``python -m tests.chaos.worker``."""

import os
import sys
from typing import Any

import msgpack

from perdure.runtime import worker_process
from perdure.runtime.shards.link.framing import Frame, with_length
from perdure.runtime.shards.link.kinds import MESSAGE, ROUTER
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.sockets.linked_sockets import LinkedSockets
from perdure.storage.segments import SegmentFile
from tests.chaos.points import die, is_due, passed, take_orders, watch_awaits

# What is no frame, what is longer than any may be, and one that workers do not send to routers.
GARBAGE = {
    "noise": bytes(range(1, 200)),
    "an endless frame": b"\xff\xff\xff\xff" + bytes(100),
    "a frame of a router's": with_length(msgpack.packb([MESSAGE, 1, 1, "x", False])),
}
HAND_OVER = ("prepare", "serve", "drain", "stop", "_open_link")

append, sync = SegmentFile.append, SegmentFile.sync
flush = Link._flush
resume, hear = LinkedSockets._resume, LinkedSockets._message


def _append(segment: SegmentFile, data: bytes) -> None:
    passed("before a commit is in the log")
    if is_due("while half of a commit is in the log"):
        segment._write_at(data[: len(data) // 2], segment.position)
        die()
    append(segment, data)
    passed("while a commit is in the log, and not durable")


def _sync(segment: SegmentFile) -> None:
    sync(segment)
    passed("while a commit is durable, and nobody knows")


def _flush(link: Link) -> None:
    if link.peer is None or link.peer.role != ROUTER:
        flush(link)
        return
    link._flush_is_due = True
    for gather in link._gathering:
        gather()
    if not link._unsent:
        flush(link)
        return
    passed("before a link is written to")
    if is_due("while half of a write to a link has left"):
        assert link._descriptor is not None, "its transport has one"
        assert link._transport is not None, "it is open"
        if not link._transport.get_write_buffer_size():  # else half of that has left
            data = b"".join(link._unsent)
            os.write(link._descriptor, data[: len(data) // 2])
        die()
    flush(link)
    passed("behind a write to a link")
    for name, garbage in GARBAGE.items():
        if is_due(name):
            assert link._transport is not None, "it was just written to"
            link._transport.write(garbage)


def _resume(sockets: LinkedSockets, how: Any, frame: Frame) -> None:
    passed("in a resumption")
    resume(sockets, how, frame)


def _hear(sockets: LinkedSockets, frame: Frame) -> None:
    if frame[4]:
        passed("at a redelivery")
    hear(sockets, frame)


def main() -> int:
    """Be a worker; see ``perdure.runtime.worker_process``."""
    take_orders()
    for owner, name, function in (
        (SegmentFile, "append", _append),
        (SegmentFile, "sync", _sync),
        (Link, "_flush", _flush),
        (LinkedSockets, "_resume", _resume),
        (LinkedSockets, "_message", _hear),
    ):
        setattr(owner, name, function)
    for name in HAND_OVER:
        watch_awaits(worker_process.WorkerDuty, name)
    return worker_process.main()


if __name__ == "__main__":
    sys.exit(main())
