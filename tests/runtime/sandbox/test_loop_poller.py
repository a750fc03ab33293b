import asyncio
import os
import socket

from perdure.runtime.sandbox.loop_poller import LoopPoller


async def test_who_waits_is_called_and_may_change_its_mind() -> None:
    poller, told = LoopPoller(asyncio.get_running_loop()), list[str]()
    happened = asyncio.Event()
    near, far = socket.socketpair()

    def reads() -> None:
        told.append("reads")
        poller.watch(near.fileno(), None, writes)

    def writes() -> None:
        told.append("writes")
        poller.unwatch(near.fileno())
        happened.set()

    poller.watch(near.fileno(), reads)
    far.send(b"x")
    await happened.wait()
    assert told == ["reads", "writes"]
    near.close()
    far.close()


async def test_the_end_of_the_other_side_can_be_read() -> None:
    poller, happened = LoopPoller(asyncio.get_running_loop()), asyncio.Event()
    reader, writer = os.pipe()
    poller.watch(reader, happened.set)
    os.close(writer)
    await happened.wait()
    poller.unwatch(reader)
    poller.unwatch(reader)
    os.close(reader)
