"""Connections over a line between two processes; both ends are in this one."""

import asyncio
import os
import socket

import pytest

from perdure.runtime.control.line import Line, LineEnd, LineEnded
from tests.wire import PATIENCE_S


async def test_each_connection_has_a_stream_of_its_own() -> None:
    line = Line()
    taken: asyncio.Queue[socket.socket] = asyncio.Queue()
    end = LineEnd(line.other_end.dup(), asyncio.get_running_loop(), taken.put_nowait)
    line.handed_over()
    pairs = []
    for number in range(3):
        ours = line.connect()
        theirs = await taken.get()
        assert not os.get_inheritable(theirs.fileno())
        ours.send(b"%d" % number)
        pairs.append((ours, theirs))
    for number, (ours, theirs) in enumerate(pairs):
        assert theirs.recv(10) == b"%d" % number
        ours.close()
        assert theirs.recv(10) == b""
        theirs.close()
    end.close()
    end.close()
    line.close()


async def test_connections_wait_until_somebody_takes_them() -> None:
    line = Line()
    ours = line.connect()
    ours.send(b"early")
    taken: asyncio.Queue[socket.socket] = asyncio.Queue()
    end = LineEnd(line.other_end.dup(), asyncio.get_running_loop(), taken.put_nowait)
    theirs = await taken.get()
    assert theirs.recv(10) == b"early"
    for one in (ours, theirs):
        one.close()
    end.close()
    line.close()


def test_a_connection_that_was_not_taken_ends_with_the_process() -> None:
    line = Line()
    process_has = line.other_end.dup()
    line.handed_over()
    ours = line.connect()
    process_has.close()
    ours.settimeout(PATIENCE_S)
    assert ours.recv(1) == b""
    ours.close()
    with pytest.raises(LineEnded, match="takes no connection"):
        line.connect()
    line.close()


async def test_the_end_closes_with_the_supervisor() -> None:
    line = Line()
    other = line.other_end.dup()
    end = LineEnd(other, asyncio.get_running_loop(), lambda _: None)
    line.close()
    async with asyncio.timeout(PATIENCE_S):
        while other.fileno() >= 0:
            await asyncio.sleep(0)
    end.close()
