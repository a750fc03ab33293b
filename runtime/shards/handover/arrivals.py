"""A successor's side: connections that another router had.

*Promise*: nothing is read from a connection, written to it, or said about it, before the router
that had it has let go of it, or has gone.
*Assumes*: one thread.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from ....actors.http import Request
from ...sockets.keepalive import KeepAlive
from ...sockets.landing import Landing
from ...sockets.limits import SocketLimits
from ...sockets.movable_socket import MovableSocket, SocketState
from ..sockets.passing import BorrowedSockets
from ..sockets.tunnels import Tunnels, go_on
from .conveyor import Conveyor
from .frames import HAVE, HTTP, INNER, TUNNEL, YOURS, MovedSocket, MovedTunnel, unpack

# Both routers get their link to a new worker at the same time, as good as.
JOINED_WAIT_S = 5.0
LOST = (1006, "the connection ended while it went from one router to another")


class Front(Protocol):
    """Where clients come in: is ``FrontSide``."""

    async def take_http(self, descriptor: socket.socket) -> None:
        """Serve HTTP on a connection that another process had."""
        ...

    def take_socket(
        self, connection: MovableSocket, descriptor: socket.socket, request: Request | None
    ) -> None:
        """Count a WebSocket that another process had, and see to its end."""
        ...


class Arrivals:
    """All that come from one router.

    Args:
        end: Leads to the router before this one.
        loop: Everything happens on it.
        front: Has connections.
        borrowed: Has those that are WebSockets of actors.
        tunnels: Has those that lead elsewhere.
        limits: Of WebSockets, as this process has them.
        keep_alive: Pings them; None: nobody does.
        own: Keeps what is begun until it is over.
        joined_wait_s: How long a worker may be unknown here that the other router knows.
    """

    def __init__(
        self,
        end: socket.socket,
        loop: asyncio.AbstractEventLoop,
        front: Front,
        borrowed: BorrowedSockets,
        tunnels: Tunnels,
        limits: SocketLimits,
        keep_alive: KeepAlive | None,
        own: Callable[[Any], None],
        *,
        joined_wait_s: float = JOINED_WAIT_S,
    ) -> None:
        self._loop = loop
        self._front = front
        self._borrowed = borrowed
        self._tunnels = tunnels
        self._limits = limits
        self._keep_alive = keep_alive
        self._own = own
        self._joined_wait_s = joined_wait_s
        self._in_hand: dict[int, tuple[list[Any], socket.socket]] = {}
        self._inner: dict[int, socket.socket] = {}  # of tunnels, by their numbers
        self._landing = 0
        self._conveyor = Conveyor(end, loop, self._heard, self._ended)

    @property
    def are_over(self) -> bool:
        """The other router has gone, and nobody who came from it is still landing."""
        return self._conveyor.has_ended and not self._landing

    def close(self) -> None:
        """Take nobody any more; who was not this router's stays the other's."""
        self._conveyor.close()
        for _, descriptor in self._in_hand.values():
            descriptor.close()
        for descriptor in self._inner.values():
            descriptor.close()
        self._in_hand.clear()
        self._inner.clear()

    def _heard(self, frame: list[Any], carried: socket.socket | None) -> None:
        kind, number = frame[:2]
        if kind == YOURS:
            self._take(*self._in_hand.pop(number))
            return
        assert carried is not None, "the frame says so"
        if kind == INNER:
            self._inner[number] = carried
        else:
            self._in_hand[number] = (frame, carried)
            self._conveyor.send([HAVE, number])

    def _ended(self) -> None:
        """The other router has gone, so all that it gave is nobody else's."""
        in_hand, self._in_hand = list(self._in_hand.values()), {}
        for frame, descriptor in in_hand:
            self._take(frame, descriptor)
        for descriptor in self._inner.values():  # of tunnels that were not told of any more
            descriptor.close()
        self._inner.clear()

    def _take(self, frame: list[Any], descriptor: socket.socket) -> None:
        self._landing += 1
        if frame[0] == HTTP:
            self._own(self._land(self._front.take_http(descriptor)))
        elif frame[0] == TUNNEL:
            inner = self._inner.pop(frame[1])
            self._own(self._land(self._take_tunnel(MovedTunnel.of(frame), descriptor, inner)))
        else:
            self._own(self._land(self._take_socket(MovedSocket.of(frame), descriptor)))

    async def _land(self, taking: Coroutine[Any, Any, None]) -> None:
        try:
            await taking
        finally:
            self._landing -= 1

    async def _take_socket(self, moved: MovedSocket, descriptor: socket.socket) -> None:
        connection, landing, state = await self._take_client(
            moved.state,
            descriptor,
            moved.request,
            self._borrowed.until_joined(moved.slot, moved.generation, self._joined_wait_s),
        )
        held = self._borrowed.adopt(
            moved.slot, moved.generation, connection, partial(unpack, moved)
        )
        held.arrive(moved.router_generation, moved.session)
        connection.send_from(state)
        go_on(connection, landing, state, held.stay)

    async def _take_tunnel(
        self, moved: MovedTunnel, descriptor: socket.socket, inner: socket.socket
    ) -> None:
        opened = await self._tunnels.open(inner, moved.inner, moved.sandbox_id)
        try:
            taken = await self._take_client(moved.client, descriptor, moved.request)
        except BaseException:
            opened[0].abort()
            raise
        self._tunnels.join(taken[0], opened[0], moved.request)
        for connection, _, state in (taken, opened):
            connection.send_from(state)  # before anything that the other one reads
        go_on(*taken)
        go_on(*opened)

    async def _take_client(
        self,
        state: SocketState,
        descriptor: socket.socket,
        request: Request | None,
        before: Awaitable[None] | None = None,
    ) -> tuple[MovableSocket, Landing, SocketState]:
        """Have a client's connection here, once what is awaited ``before`` that has happened."""
        transport, landing = await self._loop.connect_accepted_socket(Landing, descriptor)
        landing.wait()
        if before is not None:
            await before
        # What the client has said meanwhile follows what the other router had read.
        state = replace(state, inbound=state.inbound + landing.inbound)
        connection = MovableSocket.again(
            transport, self._loop, self._limits, self._keep_alive, state
        )
        transport.set_protocol(connection)
        self._front.take_socket(connection, descriptor, request)
        return connection, landing, state
