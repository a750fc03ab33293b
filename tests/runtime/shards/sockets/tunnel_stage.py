"""A worker that has opened a connection for a client, and the client's router, in one process."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from perdure.actors.websocket import WebSocket
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.link.messages import SocketRef
from perdure.runtime.shards.sockets.held_sockets import HeldSocket, HeldSockets
from perdure.runtime.shards.sockets.linked_sockets import LinkedSockets
from perdure.runtime.shards.sockets.passing import BorrowedSocket, BorrowedSockets, LentSockets
from perdure.runtime.shards.sockets.reading import HeldLimits
from perdure.runtime.shards.sockets.tunnels import Tunnels
from perdure.runtime.sockets.client_socket import ClientSocket
from perdure.runtime.sockets.deflate import Deflate
from perdure.runtime.sockets.limits import SocketLimits
from perdure.runtime.sockets.movable_socket import MovableSocket
from tests.runtime.shards.link.ends import A_ROUTER, A_WORKER, joined, until
from tests.wire import CLOSE, Frame, Wire, close_frame, frame


class Awake:
    """Notes which sandboxes are kept awake. Is a ``KeepsAwake``.

    Attributes:
        has_told: Set when sandboxes know that they are.
    """

    def __init__(self) -> None:
        self.uses: Counter[str] = Counter()
        self.has_told = asyncio.Event()
        self.has_told.set()

    def use(self, sandbox_id: str) -> Callable[[], None]:
        self.uses[sandbox_id] += 1
        return lambda: self.uses.subtract([sandbox_id])

    async def until_held(self, sandbox_id: str) -> None:
        assert sandbox_id in self.uses
        await self.has_told.wait()


class Fates:
    """An ``OnHeld`` that notes."""

    def __init__(self) -> None:
        self.was_over: list[HeldSocket] = []

    def orphaned(self, held: HeldSocket) -> None:
        held.sever(1012, "orphaned")

    def early(self, held: HeldSocket, socket: BorrowedSocket) -> None:
        held.sever(1012, f"there is no link to {socket.ref.slot}")

    def over(self, held: HeldSocket) -> None:
        self.was_over.append(held)


class ServerEnd:
    """The server at the end of the connection that a worker has opened."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def say(self, opcode: int, payload: bytes | str, *, final: bool = True) -> None:
        self.wire.send(frame(opcode, payload, final=final, mask=False))

    async def hears(self) -> Frame:
        """The next frame, which has to be masked: to a server it comes from a client."""
        first, second = await self.wire.read(2)
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self.wire.read(2 if size == 126 else 8), "big")
        key = await self.wire.read(4)
        data = bytes(byte ^ key[at % 4] for at, byte in enumerate(await self.wire.read(size)))
        return Frame(first & 0x0F, data, bool(first & 0x80), is_masked=True)

    async def text(self) -> str:
        return (await self.hears()).payload.decode()


class _Beginning(asyncio.Protocol):
    def __init__(self, limits: SocketLimits, *, is_client: bool, deflate: Deflate | None) -> None:
        self.connection: MovableSocket | None = None
        self._options = limits, is_client, deflate

    def connection_made(self, transport: Any) -> None:
        loop, (limits, is_client, deflate) = asyncio.get_running_loop(), self._options
        self.connection = MovableSocket(
            transport, loop, limits, is_client=is_client, deflate=deflate
        )
        transport.set_protocol(self.connection)


async def movable(
    *, is_client: bool = False, deflate: Deflate | None = None
) -> tuple[MovableSocket, Wire]:
    """A connection, and what is at its other end."""
    ours, theirs = socket.socketpair()
    wire = Wire(*await asyncio.open_connection(sock=theirs))
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.connect_accepted_socket(
        lambda: _Beginning(SocketLimits(), is_client=is_client, deflate=deflate), ours
    )
    assert isinstance(protocol, _Beginning)
    assert protocol.connection is not None
    return protocol.connection, wire


class TunnelStage:
    """See ``tunnel_staged``.

    Attributes:
        router, worker: The ends of the link between the two.
        inner: The connection that the worker has opened, and
        server: what is at its other end.
        web_socket: The worker's WebSocket of that; nobody has accepted it.
        connection: The client's, and
        client: what is at its other end.
        ended: Connections of the worker that have ended, as whoever has opened them was told.
    """

    def __init__(self, router: Link, worker: Link) -> None:
        loop = asyncio.get_running_loop()
        self.router, self.worker = router, worker
        self.fates, self.awake = Fates(), Awake()
        self.tasks: set[asyncio.Task[None]] = set()
        self.held, self.linked = HeldSockets(router), LinkedSockets(worker)
        self.lent = LentSockets("0", A_WORKER.generation)
        self.lent.serve(worker, self.linked)
        self.borrowed = BorrowedSockets(loop, HeldLimits(), self.fates)
        self.borrowed.add_worker("0", A_WORKER.generation, self.held)
        self.tunnels = Tunnels(loop, SocketLimits(), None, self.awake, self.own)
        self.tunnels.serve(router, self.held)
        self.ended: list[ClientSocket] = []
        self.inner: MovableSocket
        self.server: ServerEnd
        self.web_socket: WebSocket
        self.connection: MovableSocket
        self.client: Wire

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def open(self, deflate: Deflate | None = None) -> None:
        self.inner, wire = await movable(is_client=True, deflate=deflate)
        self.server = ServerEnd(wire)
        self.inner.on_end = self.ended.append
        self.web_socket = WebSocket.unaccepted(url="ws://server/")
        self.web_socket.connect(self.inner)
        self.connection, self.client = await movable()

    def lend(self) -> SocketRef:
        return self.lent.lend(self.web_socket)

    def take(self, ref: SocketRef) -> None:
        """Have the client have it, as its answer says."""
        BorrowedSocket(ref, self.borrowed).hand_over(self.connection)

    async def tunnelled(self) -> None:
        self.take(self.lend())
        await until(lambda: len(self.tunnels) == 1)

    async def say_goodbye(self) -> None:
        """End it in good order, from the client's side."""
        self.client.send(close_frame(1000, "done"))
        assert (await self.server.hears()).opcode == CLOSE
        self.server.wire.send(frame(CLOSE, (1000).to_bytes(2, "big"), mask=False))
        await until(lambda: not self.tunnels)


@asynccontextmanager
async def tunnel_staged(deflate: Deflate | None = None) -> AsyncIterator[TunnelStage]:
    async with joined(A_ROUTER, A_WORKER) as (router, worker):
        stage = TunnelStage(router, worker)
        await stage.open(deflate)
        try:
            yield stage
        finally:
            stage.awake.has_told.set()
            for wire in (stage.client, stage.server.wire):
                wire.writer.close()
            for tunnel in stage.tunnels:
                tunnel.client.abort()
                tunnel.inner.abort()
            stage.inner.abort()
            stage.connection.abort()
            await asyncio.gather(*stage.tasks)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
