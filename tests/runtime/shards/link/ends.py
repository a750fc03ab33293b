"""Both ends of a link in one process, and a peer that is the test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from perdure.runtime.shards.link.errors import LinkEnded
from perdure.runtime.shards.link.framing import Frame, FrameReader, FrameWriter
from perdure.runtime.shards.link.kinds import PROTOCOL, ROUTER, WORKER
from perdure.runtime.shards.link.link import Identity, Link
from perdure.runtime.shards.link.opening import connect_link, open_link
from tests.wire import PATIENCE_S

A_ROUTER = Identity(ROUTER, None, 1)
A_WORKER = Identity(WORKER, "0", 2)
ANOTHER_WORKER = Identity(WORKER, "1", 3)


async def until(condition: Callable[[], object], what: str = "it") -> None:
    """Let the loop run until ``condition`` holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)
    assert condition(), what


@asynccontextmanager
async def joined(
    one: Identity = ANOTHER_WORKER, other: Identity = A_WORKER, **options: Any
) -> AsyncIterator[tuple[Link, Link]]:
    """Two links that know each other, over a socketpair."""
    ours, theirs = socket.socketpair()
    links = Link(one, other, **options), Link(other, one, **options)
    await asyncio.gather(open_link(links[0], ours), open_link(links[1], theirs))
    await until(lambda: all(link.peer for link in links))
    try:
        yield links
    finally:
        for link in links:
            link.close("the test is over")
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class Peer:
    """The other end of a link, without any of our rules.

    Attributes:
        frames: What it has heard, HELLO included.
    """

    def __init__(self, identity: Identity = A_WORKER) -> None:
        self.identity = identity
        self.frames: list[Frame] = []
        self._reader = FrameReader()
        self._writer = FrameWriter()
        self.ours, self.sock = socket.socketpair()
        self.ours.setblocking(False)
        self.sock.setblocking(False)

    async def connect(self, link: Link) -> None:
        await connect_link(link, self.ours)

    async def meet(self, link: Link) -> None:
        await self.connect(link)
        self.say(self.hello())
        await until(lambda: link.peer is not None)

    def hello(self, version: str = "1.2.3", protocol: int = PROTOCOL) -> Frame:
        who = self.identity
        return [1, version, protocol, who.role, who.slot, who.generation]

    def say(self, *frames: Frame) -> None:
        self.sock.sendall(b"".join(map(self._writer.whole, frames)))

    async def say_much(self, *frames: Frame) -> None:
        """More than fits into the socket before the link reads."""
        for frame in frames:
            data = self._writer.whole(frame)
            await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def hear(self, count: int) -> list[Frame]:
        """The first ``count`` frames of all that have come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.frames) < count:
                loop = asyncio.get_running_loop()
                data = await loop.sock_recv(self.sock, 65536)
                assert data, "the link was closed"
                self._reader.feed(data, self.frames)
        return self.frames[:count]

    def close(self) -> None:
        self.sock.close()


class Ends:
    """Remembers what ended a link."""

    def __init__(self, link: Link) -> None:
        self.all: list[LinkEnded] = []
        link.when_ended(self.all.append)

    @property
    def one(self) -> LinkEnded:
        [end] = self.all
        return end


def a_link(identity: Identity = A_ROUTER, **options: Any) -> Link:
    """A link of this process that says it is of the version that ``Peer`` is of."""
    return Link(identity, perdure_version="1.2.3", **options)
