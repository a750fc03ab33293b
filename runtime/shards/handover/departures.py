"""A router's side when it has a successor: who goes to it, who stays, and who comes back.

*Promise*: a connection is given away when its successor has said that it has it, and not before; if
the successor goes, what it has not got by then goes on here. An actor never hears of it. A client
is not read for as long as its worker takes to answer one question, and the successor another; of a
tunnel no worker is asked.
*Assumes*: one thread, and nobody else looks after the connections of this process.
*Rules for editing*: between ``held.leave`` and ``_left`` anything may happen to a connection; what
is asked before that is asked again there.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ...sockets.movable_socket import MovableSocket, SocketState
from ..sockets.held_sockets import HeldSocket
from ..sockets.reading import Unread
from ..sockets.states import HeldState
from ..sockets.tunnels import Tunnel
from .conveyor import Conveyor
from .frames import HAVE, HTTP, INNER, YOURS, MovedSocket, MovedTunnel, packed

# So many are asked for and given at the same time: each waits no longer than these take.
IN_HAND_MAX = 64


class HttpConnection(Protocol):
    """A client's connection between two requests: is ``HttpProtocol``."""

    def leave(self) -> socket.socket | None:
        """Let go of it, and return a descriptor of it; None if it is in the middle of anything."""
        ...


@dataclass(frozen=True, slots=True)
class _Given:
    """A WebSocket that the successor has been told of."""

    held: HeldSocket
    connection: MovableSocket
    state: SocketState


@dataclass(frozen=True, slots=True)
class _GivenTunnel:
    """A tunnel that the successor has been told of."""

    tunnel: Tunnel
    states: tuple[SocketState, SocketState]


class Departures:
    """All that go from one router to one successor.

    Args:
        end: Leads to the successor.
        generation: Of this router.
        loop: Everything happens on it.
        take_back: Given descriptors of HTTP connections that the successor did not get.

    Attributes:
        moved: How many the successor has.
    """

    def __init__(
        self,
        end: socket.socket,
        generation: int,
        loop: asyncio.AbstractEventLoop,
        take_back: Callable[[socket.socket], None],
    ) -> None:
        self.moved = 0
        self._generation = generation
        self._loop = loop
        self._take_back = take_back
        self._conveyor = Conveyor(end, loop, self._heard, self._ended)
        self._number = 0
        self._candidates: deque[HeldSocket] = deque()
        # Those that send nothing new until their clients have read what is on its way.
        self._holding: dict[HeldSocket, MovableSocket] = {}
        self._asked: set[HeldSocket] = set()
        self._holding_tunnels: set[Tunnel] = set()  # likewise
        self._given: dict[int, _Given | _GivenTunnel | socket.socket] = {}
        self._is_quiet: asyncio.Future[None] | None = None

    def look(
        self,
        held: Iterable[HeldSocket],
        http: Iterable[HttpConnection],
        tunnels: Iterable[Tunnel] = (),
    ) -> None:
        """See who can go now, and have them go; the others may be able to later."""
        if self._conveyor.has_ended:
            return
        given = {one.tunnel for one in self._given.values() if isinstance(one, _GivenTunnel)}
        for tunnel in tunnels:
            if tunnel not in given:
                self._look_at(tunnel)
        for one, client in list(self._holding.items()):
            if one.state is HeldState.OVER or not client.may_move:
                self._flow(one, client)  # a close frame waits there, for instance
        known = self._asked | set(self._candidates)
        known |= {one.held for one in self._given.values() if isinstance(one, _Given)}
        self._candidates.extend(one for one in held if one not in known)
        for connection in http:
            if (descriptor := connection.leave()) is not None:
                self._give_http(descriptor)
        self._more()

    async def settled(self, timeout_s: float) -> None:
        """Wait until all that could go have gone, or for so long."""
        if self._asked or self._given:
            self._is_quiet = self._loop.create_future()
            await asyncio.wait({self._is_quiet}, timeout=timeout_s)

    @property
    def has_ended(self) -> bool:
        """There is no successor any more; whoever is here stays."""
        return self._conveyor.has_ended

    def close(self) -> None:
        """Nobody goes any more: this process ends, and what it still has with it."""
        self._conveyor.close()
        for one in self._given.values():
            if isinstance(one, socket.socket):
                one.close()
        self._given.clear()

    # One after the other.

    def _more(self) -> None:
        while self._candidates and len(self._asked) + len(self._given) < IN_HAND_MAX:
            self._begin(self._candidates.popleft())
        if not self._asked and not self._given and self._is_quiet is not None:
            if not self._is_quiet.done():
                self._is_quiet.set_result(None)
            self._is_quiet = None

    def _begin(self, held: HeldSocket) -> None:
        connection = held.connection
        if not isinstance(connection, MovableSocket) or not connection.may_move:
            return
        if held.state is not HeldState.ATTACHED or Unread.NOT_TAKEN in held.unread:
            return
        connection.hold_back()
        if connection.is_dry:
            self._holding.pop(held, None)
            self._asked.add(held)
            held.leave(partial(self._left, held, connection))
        else:  # it is soon, if its client reads
            self._holding[held] = connection

    def _left(self, held: HeldSocket, connection: MovableSocket, is_so: bool) -> None:  # noqa: FBT001  # a callback's
        self._asked.discard(held)
        peer = None if held.home is None else held.home.link.peer
        if not is_so:  # its worker has gone, or it has ended
            self._stay(held, connection)
        elif peer is None or self._conveyor.has_ended or not connection.may_move:
            self._return(held, connection)  # its actor has said goodbye, for instance
        else:
            state = connection.take_out()
            moved = MovedSocket(
                str(peer.slot),
                peer.generation,
                self._generation,
                held.session,
                state,
                packed(held),
                held.request,
            )
            number = self._next()
            self._given[number] = _Given(held, connection, state)
            self._conveyor.send(moved.frame(number), connection.duplicate())
        self._more()

    def _look_at(self, tunnel: Tunnel) -> None:
        """Have a tunnel go, if it can."""
        if not tunnel.may_move:
            if tunnel in self._holding_tunnels:  # a close frame waits there, for instance
                self._holding_tunnels.discard(tunnel)
                tunnel.let_flow()
            return
        if not tunnel.dry():  # it is soon, if both sides read
            self._holding_tunnels.add(tunnel)
            return
        self._holding_tunnels.discard(tunnel)
        states = tunnel.take_out()
        number = self._next()
        self._given[number] = _GivenTunnel(tunnel, states)
        moved = MovedTunnel(*states, tunnel.inner.sandbox_id, tunnel.request)
        self._conveyor.send([INNER, number], tunnel.inner.duplicate())
        self._conveyor.send(moved.frame(number), tunnel.client.duplicate())

    def _give_http(self, descriptor: socket.socket) -> None:
        number = self._next()
        self._given[number] = descriptor
        self._conveyor.send([HTTP, number], descriptor.dup())

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _heard(self, frame: list[Any], carried: socket.socket | None) -> None:
        kind, number = frame
        assert kind == HAVE, "a successor says nothing else"
        assert carried is None, "nor does it give anything"
        self._conveyor.send([YOURS, number])
        given = self._given.pop(number)
        self.moved += 1
        if isinstance(given, _Given):
            if given.held.state is not HeldState.OVER:
                given.held.end()
            given.connection.give_away()
        elif isinstance(given, _GivenTunnel):
            given.tunnel.give_away()
        else:
            given.close()
        self._more()

    # Those that stay.

    def _flow(self, held: HeldSocket, connection: MovableSocket) -> None:
        del self._holding[held]
        connection.let_flow()

    def _return(self, held: HeldSocket, connection: MovableSocket) -> None:
        """Its actor's process has let go of it, and gets it back."""
        held.arrive(self._generation, held.session)
        self._stay(held, connection)

    def _stay(self, held: HeldSocket, connection: MovableSocket) -> None:
        connection.let_flow()
        if held.state is not HeldState.OVER:
            held.stay()

    def _ended(self) -> None:
        """The successor has gone: what it did not get goes on here."""
        given, self._given = list(self._given.values()), {}
        self._candidates.clear()
        for held, connection in list(self._holding.items()):
            self._flow(held, connection)
        holding, self._holding_tunnels = self._holding_tunnels, set()
        for tunnel in holding:
            tunnel.let_flow()
        for one in given:
            if isinstance(one, _Given):
                one.connection.put_back(one.state)
                self._return(one.held, one.connection)
            elif isinstance(one, _GivenTunnel):
                one.tunnel.put_back(one.states)
            else:
                self._take_back(one)
        self._more()
