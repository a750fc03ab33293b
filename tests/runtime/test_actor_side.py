"""The actors' side by itself: what a worker process has; nobody listens anywhere."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from perdure.actors.channel import ActorChannel
from perdure.actors.clock import SystemClock
from perdure.actors.events import Delivered, OnReply
from perdure.actors.http import Request, Response
from perdure.actors.ids import DurableObjectId, IdFactory
from perdure.runtime.actor_side import LOOKS_INTERVAL_S, ActorSide
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.host.loader import load_app
from perdure.runtime.host.migration_plan import Namespace
from perdure.runtime.host.registry import ActorRegistry
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.directory import DataDirectory
from tests.serving import Serving

MAIN = """
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Counter(DurableObject):
        async def fetch(self, request):
            count = (self.ctx.storage.kv.get("count") or 0) + 1
            self.ctx.storage.kv.put("count", count)
            return Response(f"{request.parsed_url.path} {count}")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            name = request.parsed_url.path.strip("/")
            return await self.env.COUNTER.get_by_name(name).fetch(request)
"""
AWAY = "away"  # the worker of this actor
waiting: list[Callable[[], None]] = []  # for it
NAMESPACES = {"app": {"Counter": Namespace("app-Counter", "Counter", "sqlite")}}


class Noted:
    """An ``ActorChannel`` that notes for whom an event is, and passes it on."""

    def __init__(self, names: list[str | None], registry: ActorRegistry) -> None:
        self.names = names
        self.registry = registry

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        self.names.append(actor_id.name)
        if actor_id.name == AWAY:
            waiting.append(lambda: self.registry.deliver(actor_id, event, on_reply))
            return
        self.registry.deliver(actor_id, event, on_reply)


@asynccontextmanager
async def assembled(
    config: WorkerConfig, directory: DataDirectory, slot: str, names: list[str | None]
) -> AsyncIterator[ActorSide]:
    loop = asyncio.get_running_loop()

    def channel(unique_key: str, registry: ActorRegistry) -> ActorChannel:
        assert unique_key == "app-Counter"
        return Noted(names, registry)

    async with AsyncExitStack() as cleanup:
        side = ActorSide(config, SystemClock(loop), loop, cleanup)
        index = AlarmIndex(directory.layout.root / f"alarms-of-{slot}.db")
        cleanup.callback(index.close)
        side.open_store(directory.layout, index, slot=slot, is_alone=False)
        side.assemble([load_app(config)], NAMESPACES, channel)
        side.alarms.start()
        yield side
        side.alarms.close()
        await side.drain(loop.time() + 60)
        side.close("the test is over")


async def ask(side: ActorSide, name: str) -> str:
    answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_response(response: Response | None, error: BaseException | None) -> None:
        assert response is not None, error
        answered.set_result(response)

    side.worker.fetch(Request(f"http://inside/{name}"), on_response)
    return await (await answered).text()


async def test_actors_are_reached_through_the_channel_it_was_given(
    serve: Serving, tmp_path: Path
) -> None:
    names: list[str | None] = []
    with DataDirectory.open(tmp_path / "data") as directory:
        async with assembled(serve.write(MAIN, objects=["Counter"]), directory, "0", names) as side:
            assert await ask(side, "a") == "/a 1"
            assert await ask(side, "b") == "/b 1"
            assert names == ["a", "b"]
            live = side.host.namespaces["app-Counter"].live
            assert set(live) == {IdFactory("app-Counter").id_from_name(n).raw for n in "ab"}


async def test_two_of_them_serve_one_directory_each_with_its_own_log(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Counter"])
    with DataDirectory.open(tmp_path / "data") as directory:
        async with (
            assembled(config, directory, "0", []) as one,
            assembled(config, directory, "1", []) as other,
        ):
            assert await ask(one, "a") == "/a 1"
            assert await ask(other, "b") == "/b 1"
        async with assembled(config, directory, "0", []) as one:
            assert await ask(one, "a") == "/a 2"
            assert await ask(one, "b") == "/b 2", "the other's log was left in good order"


async def test_it_does_not_wait_for_what_only_waits_in_vain(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Counter"])
    loop = asyncio.get_running_loop()
    with DataDirectory.open(tmp_path / "data") as directory:
        async with assembled(config, directory, "0", []) as side:
            asked = asyncio.ensure_future(ask(side, AWAY))
            while not waiting:
                await asyncio.sleep(0)
            await side.drain(loop.time() + 3600, lambda: 1)
            assert side.is_at_work

            may_wait = asyncio.ensure_future(side.drain(loop.time() + 3600, lambda: 0))
            await asyncio.sleep(2 * LOOKS_INTERVAL_S)
            assert not may_wait.done(), "it may come"
            waiting.pop()()
            assert await asked == "/away 1"
            await may_wait
            assert not side.is_at_work
