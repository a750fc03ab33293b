"""Clients that speak over connections which workers have opened, and given to this router.

*Promise*: all that a client had said, or was said to it, before the connection came here is passed
on first, in order. What was given for a client that has gone is ended as its worker would have
ended it. A worker's end is nothing to either side. While one is open its sandbox is kept awake.
*Assumes*: one thread, that of the loop.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, cast

from ....actors.http import Request
from ....actors.link import Relay, join
from ....actors.session import GOING_AWAY, INTERNAL_ERROR
from ...sockets.client_socket import ClientSocket
from ...sockets.joint import SocketReceiver
from ...sockets.keepalive import KeepAlive
from ...sockets.landing import Landing
from ...sockets.limits import SocketLimits
from ...sockets.movable_socket import MovableSocket, SocketState
from ..link.errors import LinkBroken
from ..link.framing import Frame
from ..link.kinds import GIVEN, HELD
from ..link.link import Link
from .held_sockets import HeldSocket, HeldSockets

log = logging.getLogger("perdure.link")

# What both sides hear of the end of the other one; as ``Relay`` has it.
LOST = (INTERNAL_ERROR, "the other side of this connection was lost")


class KeepsAwake(Protocol):
    """Keeps sandboxes from going to sleep: is ``sandbox.awake.Awake``."""

    def use(self, sandbox_id: str) -> Callable[[], None]:
        """Do so until what is returned is called."""
        ...

    async def until_held(self, sandbox_id: str) -> None:
        """Wait until the sandbox knows."""
        ...


class Tunnel:
    """A client, and the connection that it speaks over.

    Attributes:
        client: The client's.
        inner: The one that a worker has opened.
        request: How the client has asked for it; None if that is not known.
    """

    def __init__(
        self, client: MovableSocket, inner: MovableSocket, request: Request | None
    ) -> None:
        self.client = client
        self.inner = inner
        self.request = request

    # Another router.

    @property
    def may_move(self) -> bool:
        """Both stand, and all that is known of them can be told."""
        return self.client.may_move and self.inner.may_move

    def dry(self) -> bool:
        """Return whether nothing of either is on its way out; have it be so before long, if not.

        Who has yet to read something is sent nothing more, and is heard all the same: it may say
        goodbye.
        """
        wet = [one for one in (self.client, self.inner) if not one.is_dry]
        for one in wet:
            one.hold_back()
        return not wet

    def let_flow(self) -> None:
        """Go on as always."""
        self.client.let_flow()
        self.inner.let_flow()

    def take_out(self) -> tuple[SocketState, SocketState]:
        """Return what both are now; they neither read nor send until ``put_back``."""
        for one in (self.client, self.inner):
            one.hold_back()
            one.pause()
        return self.client.take_out(), self.inner.take_out()

    def put_back(self, states: tuple[SocketState, SocketState]) -> None:
        """Go on here after all, with what ``take_out`` has said last."""
        self.client.put_back(states[0])
        self.inner.put_back(states[1])
        self.let_flow()

    def give_away(self) -> None:
        """Another process has both: let go of them here."""
        self.client.give_away()
        self.inner.give_away()


class Tunnels:
    """All tunnels of a router.

    Args:
        loop: Everything happens on it.
        limits: Of WebSockets.
        keep_alive: Pings those that lead to no sandbox; None: nobody does.
        awake: Keeps sandboxes awake.
        own: Keeps what is begun until it is over.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: SocketLimits,
        keep_alive: KeepAlive | None,
        awake: KeepsAwake,
        own: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._keep_alive = keep_alive
        self._awake = awake
        self._own = own
        self._all: set[Tunnel] = set()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Tunnel]:
        return iter(list(self._all))

    def close(self) -> None:
        """Tell all servers that their clients go; what else becomes of it is nobody's here."""
        for tunnel in self:
            tunnel.inner.sever(GOING_AWAY, "the client is going away")

    def serve(self, link: Link, held: HeldSockets) -> None:
        """Take what the worker at the other end of ``link`` gives for its clients in ``held``."""
        link.handle(GIVEN, partial(self._given, link, held))

    def _given(self, link: Link, home: HeldSockets, frame: Frame) -> None:
        _, session, inbound, sandbox_id = frame
        if link.descriptors is None:
            raise LinkBroken(f"descriptor {session}, and none can come")
        descriptor = link.descriptors.take(session)
        held = home.get(session)
        waiting = Waiting()
        client = request = None
        if held is not None:
            # of runtime/sockets, and movable: it is a router's
            client, request = cast("MovableSocket", held.connection), held.request
            leave_to(waiting, held)
        state = SocketState.fresh(inbound)
        told = partial(link.send, [HELD, session])
        self._own(self._begin(client, waiting, request, descriptor, state, sandbox_id, told))

    async def _begin(
        self,
        client: MovableSocket | None,
        waiting: "Waiting",
        request: Request | None,
        descriptor: socket.socket,
        state: SocketState,
        sandbox_id: str | None,
        told: Callable[[], None],
    ) -> None:
        try:
            inner, landing, state = await self.open(descriptor, state, sandbox_id)
        except OSError:
            log.exception("tunnel.failed")
            told()
            if client is not None:
                client.sever(*LOST)
            return
        if client is None:
            inner.sever(*LOST)
        else:
            self.join(client, inner, request)
            waiting.tell(Relay(inner))
        go_on(inner, landing, state)  # the client is read from then on, too
        if sandbox_id is not None:
            await self._awake.until_held(sandbox_id)
        told()

    async def open(
        self, descriptor: socket.socket, state: SocketState, sandbox_id: str | None
    ) -> tuple[MovableSocket, Landing, SocketState]:
        """Make the inner connection of a tunnel from what another process had.

        Returns:
            The connection, what has become of it meanwhile, and what it is now: for ``go_on``.

        Raises:
            OSError: It is no more; its descriptor is closed.
        """
        descriptor.setblocking(False)  # noqa: FBT003  # the method's only argument
        try:
            transport, landing = await self._loop.connect_accepted_socket(Landing, descriptor)
        except BaseException:
            descriptor.close()
            raise
        landing.wait()
        state = replace(state, inbound=state.inbound + landing.inbound)
        keep_alive = self._keep_alive if sandbox_id is None else None
        inner = MovableSocket.again(
            transport, self._loop, self._limits, keep_alive, state, is_client=True
        )
        inner.sandbox_id = sandbox_id
        if sandbox_id is not None:
            end = self._awake.use(sandbox_id)
            inner.on_end = lambda _: end()
        transport.set_protocol(inner)
        return inner, landing, state

    def join(self, client: MovableSocket, inner: MovableSocket, request: Request | None) -> None:
        """Have the two hear each other, and nobody else, until one of them ends."""
        tunnel = Tunnel(client, inner, request)
        self._all.add(tunnel)
        on_end = inner.on_end

        def ended(connection: ClientSocket) -> None:
            self._all.discard(tunnel)
            if on_end is not None:
                on_end(connection)

        inner.on_end = ended
        join(inner, client)


class Waiting:
    """Hears a client until it is known who is to. Is a ``SocketReceiver``."""

    def __init__(self) -> None:
        self._heard: list[Callable[[Relay], None]] = []

    def tell(self, relay: Relay) -> None:
        """Say it all again."""
        heard, self._heard = self._heard, []
        for say in heard:
            say(relay)

    def receive(self, message: str | bytes) -> None:
        self._heard.append(lambda relay: relay.receive(message))

    def receive_close(self, code: int | None, reason: str) -> None:
        self._heard.append(lambda relay: relay.receive_close(code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        self._heard.append(lambda relay: relay.receive_lost(code, reason))

    def hold(self) -> None:
        """Nothing is passed on yet, to be held."""

    def go_on(self) -> None:
        """See ``hold``."""


def leave_to(receiver: SocketReceiver, held: HeldSocket) -> None:
    """Have the client heard by somebody in this process, who is told first what nobody was."""
    held.connection.on_news = None
    held.connection.set_receiver(receiver)
    for message in held.unacknowledged.messages():
        receiver.receive(message)
    if held.said_close is not None:
        receiver.receive_close(*held.said_close)
    held.end()


def go_on(
    connection: MovableSocket,
    landing: Landing,
    state: SocketState,
    read_on: Callable[[], None] | None = None,
) -> None:
    """Have a connection be read; it has a receiver, or needs none, and has sent what waited.

    Args:
        connection: Made from
        landing: what has become of it meanwhile, and from
        state: what another process had of it.
        read_on: Has it be read further; that is its own ``resume`` if nobody else has a say.
    """
    connection.read_from(state)
    if landing.is_lost:  # it will not be told a second time
        connection.connection_lost(None)
    elif landing.has_ended:
        connection.end()
    else:
        (read_on or connection.resume)()
