"""Capabilities between workers of a server, when one of them is killed."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp

from tests.runtime.test_supervised import NAMES, get, pid_of, running
from tests.serving import Serving

MAIN = """
    import os
    from perdure import DurableObject, Response, RpcTarget, WorkerEntrypoint

    class Counter(RpcTarget):
        def __init__(self):
            self.count = 0

        def add(self):
            self.count += 1
            return self.count

    class Room(DurableObject):
        kept = None

        def where(self):
            return os.getpid()

        def counter(self):
            return Counter()

        async def keep(self, name):
            self.kept = (await self.env.ROOM.get_by_name(name).counter()).dup()
            return await self.kept.add()

        async def use(self):
            try:
                return await self.kept.add()
            except Exception as error:
                return [type(error).__name__, error.durable_object_reset, error.retryable]

        def targets(self):
            return len(self.ctx._actor.targets)

        def forget(self):
            self.kept.dispose()

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            name, what, *other = request.parsed_url.path.split("/")[1:]
            room = self.env.ROOM.get_by_name(name)
            return Response.json(await getattr(room, what)(*other))
"""


async def test_capabilities_of_a_worker_that_is_killed_fail_and_those_it_had_are_let_go_of(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):

        async def ask(*path: str) -> object:
            return await get(session, "/".join((server.url, *path)))

        homes = {name: await ask(name, "where") for name in NAMES}
        victim = pid_of(server, "1")
        stays = next(name for name in NAMES if homes[name] != victim)
        dies = next(name for name in NAMES if homes[name] == victim)
        assert await ask(stays, "keep", dies) == 1
        assert await ask(stays, "use") == 2
        assert await ask(dies, "keep", stays) == 1
        assert await ask(stays, "targets") == 1
        os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(20):
            while await ask(stays, "targets"):
                await asyncio.sleep(0)
        assert await ask(stays, "use") == ["WorkerLost", True, True]
        assert await ask(stays, "keep", dies) == 1, "another stub works"
        assert await ask(stays, "use") == 2
        assert await ask(stays, "forget") is None
        async with asyncio.timeout(20):
            while await ask(dies, "targets"):
                await asyncio.sleep(0)
