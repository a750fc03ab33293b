"""Two processes' actors in one, with a link between them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from perdure.actors.base import DurableObject
from perdure.actors.ids import IdFactory
from perdure.actors.namespace import DurableObjectNamespace
from perdure.runtime.shards.link.calls import LinkCalls
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.link.streams import Streams
from tests.runtime.shards.link.ends import joined, until
from tests.runtime.shards.link.surface import Everywhere, Sockets
from tests.world import World


class TwoWorlds:
    """Actors here call those there.

    Attributes:
        here: The callers' process.
        there: That of who is called.
        links: The ends of the link between them, likewise.
        calls: What goes over it, likewise.
    """

    def __init__(self, root: Path, links: tuple[Link, Link]) -> None:
        self.here, self.there = World(root / "here"), World(root / "there")
        self.links = links
        self.streams = [Streams(link) for link in links]
        self.calls = [
            LinkCalls(link, streams, Sockets(), actors=Everywhere(world))
            for link, streams, world in zip(
                links, self.streams, (self.here, self.there), strict=True
            )
        ]

    def stub(self, cls: type[DurableObject], name: str = "one") -> Any:
        """Leads to an actor there."""
        self.there.namespace(cls)
        ids, limits = IdFactory(f"test-{cls.__name__}"), self.here.limits
        namespace = DurableObjectNamespace(cls.__name__.upper(), ids, self.calls[0], limits)
        return namespace.get_by_name(name)

    async def empty(self) -> None:
        """Return when nothing is kept for anybody at either end."""
        await until(lambda: not any(map(len, self.calls)), "something is kept")
        await until(lambda: not any(map(len, self.streams)), "a stream is left")


@asynccontextmanager
async def two_worlds(root: Path) -> AsyncIterator[TwoWorlds]:
    """Both, until the end."""
    async with joined() as links:
        worlds = TwoWorlds(root, links)
        try:
            yield worlds
        finally:
            for streams in worlds.streams:
                await streams.close()
            for world in (worlds.here, worlds.there):
                world.close()
