"""A process at the other end of a link: ``callee.py DESCRIPTOR``. It dies in its second call."""

import asyncio
import os
import signal
import socket
import sys

from perdure.actors.events import CallEvent, Delivered, OnReply
from perdure.actors.http import UpgradeSocket
from perdure.actors.ids import DurableObjectId
from perdure.runtime.shards.link.calls import LinkCalls
from perdure.runtime.shards.link.kinds import WORKER
from perdure.runtime.shards.link.link import Identity, Link
from perdure.runtime.shards.link.messages import SocketRef
from perdure.runtime.shards.link.opening import open_link
from perdure.runtime.shards.link.streams import Streams


class NoSockets:
    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        raise AssertionError("nobody lends one here")

    def borrow(self, ref: SocketRef) -> UpgradeSocket:
        raise AssertionError("nobody borrows one here")


class Mortal:
    """An ``ActorChannel`` whose process dies when it is told to."""

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        assert isinstance(event, CallEvent)
        if event.method == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        on_reply(event.arguments, None)


async def main(descriptor: int) -> None:
    link = Link(Identity(WORKER, "0", 2), Identity(WORKER, "1", 3))
    LinkCalls(link, Streams(link), NoSockets(), actors=Mortal())
    ended = asyncio.Event()
    link.when_ended(lambda end: ended.set())
    await open_link(link, socket.socket(fileno=descriptor))
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
