"""The same actors, called within one process and over a link."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from perdure.actors.base import DurableObject
from perdure.actors.channel import ActorChannel
from perdure.actors.events import Delivered, OnReply
from perdure.actors.http import Request, Response, UpgradeSocket
from perdure.actors.ids import DurableObjectId, IdFactory
from perdure.actors.limits import ActorLimits
from perdure.actors.namespace import DurableObjectNamespace
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.worker import Worker
from perdure.runtime.shards.link.calls import LinkCalls
from perdure.runtime.shards.link.errors import LinkBroken
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.link.messages import SocketRef
from perdure.runtime.shards.link.received_calls import Entrypoint
from perdure.runtime.shards.link.streams import Streams
from tests.runtime.shards.link.ends import joined
from tests.world import World


class Sockets:
    """Lends sockets within one process."""

    def __init__(self) -> None:
        self.lent: dict[SocketRef, UpgradeSocket] = {}
        self._numbers = itertools.count(1)

    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        ref = SocketRef("0", 2, next(self._numbers))
        self.lent[ref] = web_socket
        return ref

    def borrow(self, ref: SocketRef) -> UpgradeSocket:
        if ref not in self.lent:
            raise LinkBroken(f"there is no socket {ref}")
        return self.lent.pop(ref)


class Everywhere:
    """Leads to all actors of a World. Is an ``ActorChannel``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        self._world.host.namespaces[actor_id.unique_key].deliver(actor_id, event, on_reply)


class EntrypointOf:
    """The entrypoint that the test has set."""

    def __init__(self) -> None:
        self.worker: Entrypoint | None = None

    def fetch(
        self, request: Request, on_response: Callable[[Response | None, BaseException | None], None]
    ) -> None:
        assert self.worker is not None
        self.worker.fetch(request, on_response)


class Surface:
    """Actors and an entrypoint, and how they are reached.

    Attributes:
        world: Where the actors are.
        calls: The calling end of the link; None within one process.
        callee: The other end.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls: LinkCalls | None = None
        self.callee: LinkCalls | None = None
        self.links: tuple[Link, Link] | None = None
        self.streams: list[Streams] = []
        self.sockets = Sockets()
        self.entrypoint = EntrypointOf()

    def join(self, one: Link, other: Link) -> None:
        self.links = one, other
        self.streams = [Streams(one), Streams(other)]
        self.calls = LinkCalls(one, self.streams[0], self.sockets)
        everywhere = Everywhere(self.world)
        self.callee = LinkCalls(
            other,
            self.streams[1],
            self.sockets,
            actors=everywhere,
            entrypoint=self.entrypoint,
        )

    def stub(self, cls: type[DurableObject], name: str = "one") -> Any:
        namespace = self.world.namespace(cls)
        if self.calls is None:
            return namespace.get_by_name(name)
        channel: ActorChannel = self.calls
        ids = IdFactory(f"test-{cls.__name__}")
        return DurableObjectNamespace(
            cls.__name__.upper(), ids, channel, self.world.limits
        ).get_by_name(name)

    async def ask(
        self, entrypoint: type[Any], request: Request
    ) -> tuple[Response | None, BaseException | None]:
        """What an entrypoint answers to a request from outside."""
        worker = Worker(self.world.loop, self.world.outbound, entrypoint, Env({}))
        self.entrypoint.worker = worker
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        way: Entrypoint = worker if self.calls is None else self.calls
        way.fetch(request, lambda response, error: future.set_result((response, error)))
        answer: tuple[Response | None, BaseException | None] = await future
        return answer


@asynccontextmanager
async def surface(
    root: Path, *, over_link: bool, limits: ActorLimits | None = None, **options: Any
) -> AsyncIterator[Surface]:
    world = World(root, limits)
    found = Surface(world)
    try:
        if not over_link:
            yield found
            return
        async with joined(**options) as links:
            found.join(*links)
            yield found
            for streams in found.streams:
                await streams.close()
    finally:
        world.close()
        await asyncio.sleep(0)
