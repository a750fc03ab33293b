"""asyncio's loop, as a channel waits for its socket with it."""

import asyncio
import select
from collections.abc import Callable


class LoopPoller:
    """A ``Poller``; with an epoll in between, for a peer's death makes uvloop itself stumble."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epolls: dict[int, select.epoll] = {}

    def watch(
        self,
        descriptor: int,
        reads: Callable[[], object] | None = None,
        writes: Callable[[], object] | None = None,
    ) -> None:
        """Say who is called when a descriptor can be read and written."""
        events = (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if writes else 0)
        epoll = self._epolls.get(descriptor)
        if epoll is None:
            epoll = self._epolls[descriptor] = select.epoll()
            epoll.register(descriptor, events)
        else:
            epoll.modify(descriptor, events)
        self._loop.add_reader(epoll.fileno(), self._polled, epoll, reads, writes)

    def unwatch(self, descriptor: int) -> None:
        """Call nobody any more."""
        epoll = self._epolls.pop(descriptor, None)
        if epoll is not None:
            self._loop.remove_reader(epoll.fileno())
            epoll.close()

    def _polled(
        self,
        epoll: select.epoll,
        reads: Callable[[], object] | None,
        writes: Callable[[], object] | None,
    ) -> None:
        bits = epoll.poll(0)
        events = bits[0][1] if bits else 0
        if writes is not None and events & (select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR):
            writes()
        if reads is not None and events & ~select.EPOLLOUT and not epoll.closed:
            reads()
