"""Workers that are started together: each binds the other's classes, and has its own data."""

from dataclasses import replace
from pathlib import Path

from aiohttp import ClientSession

from perdure.runtime.config.model import DurableObjectBinding, MigrationStep, WorkerConfig
from perdure.runtime.host.migrations import peek
from perdure.storage.layout import Layout
from tests.serving import Serving

ROOM = """
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Room(DurableObject):
        async def enter(self, who):
            people = [*(self.ctx.storage.kv.get("people") or []), who]
            self.ctx.storage.kv.put("people", people)
            return [__name__, self.env.NAME, people]

        async def greet(self, who):
            # Back into the Worker that asks.
            return await self.env.BELL.get_by_name(who).ring()
"""
HALL = (
    ROOM
    + """
    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response("nobody outside reaches this")
"""
)
CHAT = """
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Bell(DurableObject):
        async def ring(self):
            count = (self.ctx.storage.kv.get("count") or 0) + 1
            self.ctx.storage.kv.put("count", count)
            return f"{self.ctx.id.name} rang {count} times in {self.env.NAME}"

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            who = request.parsed_url.path.strip("/")
            room = self.env.ROOM.get_by_name("lobby")
            return Response.json([await room.enter(who), await room.greet(who)])
"""


def write(serve: Serving) -> WorkerConfig:
    """The Worker ``app`` and, beside it, ``hall``; each binds a class of the other."""
    first = serve.write(CHAT, values={"NAME": "chat"})
    second = serve.write(HALL, values={"NAME": "hall"})
    chat = replace(
        first,
        bindings=[DurableObjectBinding("ROOM", "Room", "hall")],
        migrations=[MigrationStep("v1", new_sqlite_classes=("Bell",))],
    )
    hall = replace(
        second,
        name="hall",
        bindings=[DurableObjectBinding("BELL", "Bell", "app")],
        migrations=[MigrationStep("v1", new_sqlite_classes=("Room",))],
    )
    return replace(chat, others=(hall,))


async def get(url: str) -> object:
    async with ClientSession() as session, session.get(url) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_each_calls_objects_of_the_other(serve: Serving) -> None:
    config = write(serve)
    module = config.others[0].main.stem
    server = await serve.start(config)
    assert await get(f"{server.url}/ann") == [
        [module, "hall", ["ann"]],
        "ann rang 1 times in chat",
    ]
    assert await get(f"{server.url}/bob") == [
        [module, "hall", ["ann", "bob"]],
        "bob rang 1 times in chat",
    ]


async def test_their_state_is_there_after_a_restart(serve: Serving) -> None:
    config = write(serve)
    for count in (1, 2):
        server = await serve.start(config)
        assert await get(f"{server.url}/ann") == [
            [config.others[0].main.stem, "hall", ["ann"] * count],
            f"ann rang {count} times in chat",
        ]
        await server.stop(drain_s=5)
        serve.running.remove(server)
    recorded = await peek(Layout(config.base_dir / "data"), "hall")
    assert sorted(recorded.workers) == ["app", "hall"]
    assert {each.unique_key for each in recorded.namespaces} == {"app-Bell", "hall-Room"}


async def test_a_worker_joins_the_data_directory_of_one_that_was_alone(
    serve: Serving, tmp_path: Path
) -> None:
    config = write(serve)
    alone = replace(config, others=(), bindings=[DurableObjectBinding("BELL", "Bell")])
    data = tmp_path / "data"
    server = await serve.start(alone, data_dir=data)
    await server.stop(drain_s=5)
    serve.running.remove(server)
    server = await serve.start(config, data_dir=data)
    assert await get(f"{server.url}/ann") == [
        [config.others[0].main.stem, "hall", ["ann"]],
        "ann rang 1 times in chat",
    ]
