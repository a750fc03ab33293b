"""Two routers and a worker in one process, and a client with a connection to the first router."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from perdure.actors.http import Request
from perdure.runtime.shards.handover.arrivals import Arrivals
from perdure.runtime.shards.handover.departures import Departures
from perdure.runtime.shards.link.kinds import ROUTER
from perdure.runtime.shards.link.link import Identity, Link
from perdure.runtime.shards.sockets.held_sockets import HeldSocket, HeldSockets
from perdure.runtime.shards.sockets.linked_sockets import LinkedSocket, LinkedSockets
from perdure.runtime.shards.sockets.passing import BorrowedSockets
from perdure.runtime.shards.sockets.reading import HeldLimits
from perdure.runtime.shards.sockets.travelling import Travelling
from perdure.runtime.shards.sockets.tunnels import Tunnels
from perdure.runtime.sockets.limits import SocketLimits
from perdure.runtime.sockets.movable_socket import MovableSocket
from tests.runtime.shards.link.ends import A_WORKER, joined
from tests.runtime.shards.sockets.tunnel_stage import Awake
from tests.wire import Wire

OLD, NEW = Identity(ROUTER, "0", 11), Identity(ROUTER, "0", 12)


class Ear:
    """An actor's side of a WebSocket: notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def receive(self, message: Any) -> None:
        self.heard.append(message)

    def receive_close(self, code: int | None, reason: str) -> None:
        self.heard.append(("close", code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        self.heard.append(("lost", code, reason))

    def hold(self) -> None:
        """Nobody asks."""

    def go_on(self) -> None:
        """Likewise."""

    @property
    def messages(self) -> list[Any]:
        return [one.message for one in self.heard]


class Router:
    """One router: what it holds, and who came to it. Is a ``Front``, and an ``OnHeld``."""

    def __init__(self, own: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        loop = asyncio.get_running_loop()
        self.borrowed = BorrowedSockets(loop, HeldLimits(), self)
        self.awake = Awake()
        self.tunnels = Tunnels(loop, SocketLimits(), None, self.awake, own)
        self.came: list[MovableSocket] = []
        self.ended: list[MovableSocket] = []
        self.http: list[socket.socket] = []
        self.orphans: list[HeldSocket] = []
        self.early_ones: list[HeldSocket] = []

    def early(self, held: HeldSocket, socket: Any) -> None:
        del socket
        self.early_ones.append(held)

    def orphaned(self, held: HeldSocket) -> None:
        self.orphans.append(held)

    def over(self, held: HeldSocket) -> None:
        """It is known."""

    async def take_http(self, descriptor: socket.socket) -> None:
        self.http.append(descriptor)

    def take_socket(
        self, connection: MovableSocket, descriptor: socket.socket, request: Request | None
    ) -> None:
        del request
        assert descriptor.fileno() >= 0
        self.came.append(connection)
        connection.on_end = self.ended.append  # type: ignore[assignment]  # it takes its own kind


class _Beginning(asyncio.Protocol):
    """Makes a connection of the first router."""

    def __init__(self) -> None:
        self.connection: MovableSocket | None = None

    def connection_made(self, transport: Any) -> None:
        loop = asyncio.get_running_loop()
        self.connection = MovableSocket(transport, loop, SocketLimits())
        transport.set_protocol(self.connection)


class Stage:
    """See ``staged``.

    Attributes:
        links: From the old router and from the new one to the worker, the routers' ends.
        ear: The actor, and
        actor: its connection.
        held: The old router's side of that.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.tasks: set[asyncio.Task[None]] = set()
        self.old, self.new = Router(self.own), Router(self.own)
        self.travelling = Travelling()
        self.links: list[Link] = []
        self.linked: list[LinkedSockets] = []
        self.ear = Ear()
        self.taken_back: list[socket.socket] = []
        self.ends = socket.socketpair()
        self.actor: LinkedSocket
        self.held: HeldSocket
        self.connection: MovableSocket
        self.client: Wire

    def join(self, router: Router, router_end: Link, worker_end: Link) -> None:
        router.borrowed.add_worker("0", A_WORKER.generation, HeldSockets(router_end))
        self.links.append(router_end)
        self.linked.append(LinkedSockets(worker_end, travelling=self.travelling))

    async def connect(self) -> None:
        ours, theirs = socket.socketpair()
        self.client = Wire(*await asyncio.open_connection(sock=ours))
        ours.setblocking(False)
        _, protocol = await self.loop.connect_accepted_socket(_Beginning, theirs)
        assert isinstance(protocol, _Beginning)
        assert protocol.connection is not None
        self.connection = protocol.connection
        self.held = self.old.borrowed.adopt(
            "0", A_WORKER.generation, self.connection, lambda held: None
        )
        self.actor = self.linked[0].begin(self.held.session)
        self.actor.set_receiver(self.ear)

    def departures(self) -> Departures:
        end = self.ends[0]
        return Departures(end, OLD.generation, self.loop, self.taken_back.append)

    def arrivals(self) -> Arrivals:
        new, limits = self.new, SocketLimits()
        return Arrivals(
            self.ends[1],
            self.loop,
            new,
            new.borrowed,
            new.tunnels,
            limits,
            None,
            self.own,
            joined_wait_s=0.0,
        )

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        stage = Stage()
        for router, identity in ((stage.old, OLD), (stage.new, NEW)):
            links = await stack.enter_async_context(joined(identity, A_WORKER))
            stage.join(router, *links)
        await stage.connect()
        stack.callback(stage.travelling.close)
        try:
            yield stage
        finally:
            stage.client.writer.close()
            for connection in (stage.connection, *stage.new.came):
                connection.abort()
            for task in list(stage.tasks):
                task.cancel()
            for end in stage.ends:
                end.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
