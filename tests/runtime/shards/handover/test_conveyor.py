import asyncio
import os
import socket
from typing import Any

from perdure.runtime.shards.handover.conveyor import Conveyor
from tests.runtime.shards.link.ends import until


class End:
    """One end, and what it was told."""

    def __init__(self, end: socket.socket) -> None:
        self.heard: list[Any] = []
        self.carried: list[socket.socket] = []
        self.ends = 0
        loop = asyncio.get_running_loop()
        self.conveyor = Conveyor(end, loop, self.hear, self.end)

    def hear(self, frame: list[Any], carried: socket.socket | None) -> None:
        self.heard.append(frame)
        if carried is not None:
            self.carried.append(carried)

    def end(self) -> None:
        self.ends += 1


def both() -> tuple[End, End]:
    one, other = socket.socketpair()
    return End(one), End(other)


async def test_frames_of_any_size_arrive_in_order_each_with_its_descriptor() -> None:
    one, other = both()
    ends = [socket.socketpair() for _ in range(40)]
    for number, (ours, _) in enumerate(ends):
        one.conveyor.send([number, "ä\ud800", bytes(number * 20_000)], ours)
        one.conveyor.send([-number])
    await until(lambda: len(other.heard) == 80)
    assert [frame[0] for frame in other.heard] == [n for k in range(40) for n in (k, -k)]
    assert other.heard[2] == [1, "ä\ud800", bytes(20_000)]
    for number, (carried, (ours, theirs)) in enumerate(zip(other.carried, ends, strict=True)):
        assert ours.fileno() < 0, "it has left"
        theirs.send(b"%d" % number)
        assert carried.recv(10) == b"%d" % number
        carried.close()
        theirs.close()
    one.conveyor.close()
    await until(lambda: other.ends)
    assert one.ends == 0
    other.conveyor.close()


async def test_what_had_arrived_is_told_before_the_end_and_the_end_once() -> None:
    one, other = both()
    one.conveyor.send([1])
    one.conveyor.send([2])
    one.conveyor.close()
    await until(lambda: other.ends)
    assert other.heard == [[1], [2]]
    ours, theirs = socket.socketpair()
    other.conveyor.send([3], ours)
    assert ours.fileno() < 0
    assert theirs.recv(1) == b"", "nobody has it"
    theirs.close()
    assert (other.ends, other.conveyor.has_ended) == (1, True)


async def test_what_has_not_left_is_closed_with_it() -> None:
    one, other = socket.socketpair()
    end = End(one)
    pairs = [socket.socketpair() for _ in range(3)]
    for ours, _ in pairs:
        end.conveyor.send([os.urandom(10**6)], ours)
    end.conveyor.close()
    other.close()
    for _, theirs in pairs:
        assert theirs.recv(1) == b""
        theirs.close()
