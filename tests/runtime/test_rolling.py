"""New code, and other numbers of workers, while clients wait for answers: real processes."""

import asyncio
import os
import signal
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.config.load import load
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.config.settings import WORKERS_MAX
from perdure.runtime.errors import MigrationDeclined
from perdure.runtime.host.migration_plan import MigrationPlan
from perdure.runtime.rolling import NotSoMany
from perdure.runtime.shards.supervisor.errors import ChildFailed, SupervisorStopping
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics
from perdure.runtime.supervised import SupervisedServer
from tests.runtime.test_supervised import get, pid_of, running
from tests.runtime.test_supervised_sockets import KINDS, MAIN, Speaker
from tests.serving import Serving

# Several processes, each of which imports everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROGRAM = (
    textwrap.dedent(MAIN)
    + """

VERSION = 1


class Clock(DurableObject):
    async def ring(self):
        import time

        await self.ctx.storage.set_alarm(time.time() * 1000 + 86_400_000)

    async def alarm(self):
        raise AssertionError("it is a day too early")

    async def when(self):
        return await self.ctx.storage.get_alarm()

    async def get_version(self):
        return VERSION

    async def chain(self, other, file):
        import pathlib

        path = pathlib.Path(file)
        path.with_name(f"has begun {self.ctx.id.name}").touch()
        while not path.exists():
            await asyncio.sleep(0.01)
        return await self.env.CLOCK.get_by_name(other).get_version()


class Versioned(Default):
    async def fetch(self, request):
        what, *names = request.parsed_url.path.strip("/").split("/")
        if what == "version":
            return Response.json(VERSION)
        if what == "clock":
            clock = self.env.CLOCK.get_by_name(names[0])
            return Response.json(await getattr(clock, names[1])())
        if what == "chain":
            clock = self.env.CLOCK.get_by_name(names[0])
            return Response.json(await clock.chain(names[1], "/" + "/".join(names[2:])))
        if what == "new":
            return Response.json(await self.env.NEW.get_by_name(names[0]).get_version())
        return await super().fetch(request)


Default = Versioned
"""
)
OBJECTS = ["Room", "Deaf", "Clock"]
NAMES = "abcd"


def write(config: WorkerConfig, old: str, new: str) -> None:
    """Change the program."""
    text = config.main.read_text()
    assert old in text
    config.main.write_text(text.replace(old, new))


def configure(config: WorkerConfig, old: str, new: str) -> WorkerConfig:
    """Change the configuration, and read it anew."""
    text = config.path.read_text()
    assert old in text
    config.path.write_text(text.replace(old, new))
    return load(config.path).config


def migrate(config: WorkerConfig, change: str, more: str = "") -> WorkerConfig:
    """Add a migration to the configuration, and read it anew."""
    with config.path.open("a") as file:
        file.write(f'\n{more}[[migrations]]\ntag = "v2"\n{change}\n')
    return load(config.path).config


async def patiently(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds, and leave the processors to the server meanwhile."""
    async with asyncio.timeout(240):
        while not condition():
            await asyncio.sleep(0.01)


class Crowd:
    """Clients of rooms of both kinds, each with unanswered messages at all times."""

    def __init__(self, session: aiohttp.ClientSession, server: SupervisedServer) -> None:
        self.session = session
        self.server = server
        self.speakers: list[Speaker] = []

    async def join(self) -> None:
        for path in [f"/room/{name}-{how}/{how}" for name in NAMES for how in KINDS]:
            self.speakers.append(Speaker(await self.session.ws_connect(self.server.url + path)))
        await self.speak(10)

    async def speak(self, count: int) -> None:
        await asyncio.gather(*(speaker.go_on(count) for speaker in self.speakers))

    @asynccontextmanager
    async def speaking(self, count: int = 60) -> AsyncIterator[None]:
        """What happens here happens while all of them wait for answers."""
        speaking = asyncio.ensure_future(self.speak(count))
        heard = self.heard
        await patiently(lambda: self.heard > heard + 20)
        yield
        await speaking

    @property
    def heard(self) -> int:
        return sum(len(speaker.heard) for speaker in self.speakers)

    async def leave(self) -> None:
        """All that was said is counted once, and nobody was sent away."""
        said = self.speakers[0].said
        for name in [f"{name}-{how}" for name in NAMES for how in KINDS]:
            assert await get(self.session, f"{self.server.url}/room/{name}/count") == said
        for speaker in self.speakers:
            await speaker.socket.close()


@asynccontextmanager
async def crowded(
    serve: Serving, data_dir: Path, **options: Any
) -> AsyncIterator[tuple[WorkerConfig, SupervisedServer, Crowd]]:
    config = serve.write(PROGRAM, objects=OBJECTS, limits={"shutdown_timeout_s": 15})
    async with running(config, data_dir, **options) as server, aiohttp.ClientSession() as session:
        crowd = Crowd(session, server)
        await crowd.join()
        yield config, server, crowd


async def versions(crowd: Crowd) -> set[Any]:
    """What all workers run."""
    asked = 2 * crowd.server.workers
    return {await get(crowd.session, f"{crowd.server.url}/version") for _ in range(asked)}


async def test_new_code_without_a_client_noticing(serve: Serving, tmp_path: Path) -> None:
    async with crowded(serve, tmp_path / "data") as (config, server, crowd):
        old = {pid_of(server, slot) for slot in "01"}
        write(config, "VERSION = 1", "VERSION = 2")
        async with crowd.speaking():
            reloaded = await server.reload(load(config.path).config)
        assert (reloaded.workers, reloaded.was_at_once, reloaded.tags) == (2, False, ())
        assert (reloaded.needs_upgrade, reloaded.needs_start) == ((), ())
        assert not old & {pid_of(server, slot) for slot in "01"}
        assert await versions(crowd) == {2}

        # Code that cannot be imported is refused, and what was there goes on.
        write(config, "VERSION = 2", "VERSION = 3\nimport nothing_of_this_name")
        new = [pid_of(server, slot) for slot in "01"]
        async with crowd.speaking():
            with pytest.raises(ChildFailed, match="No module named 'nothing_of_this_name'") as no:
                await server.reload(load(config.path).config)
        assert config.main.name in no.value.why
        assert [pid_of(server, slot) for slot in "01"] == new
        assert await versions(crowd) == {2}

        # A worker that dies now cannot be followed before the file is mended.
        os.kill(new[0], signal.SIGKILL)
        await patiently(lambda: server.supervisor.statistics().backoff_failures.get("worker 0"))
        write(config, "\nimport nothing_of_this_name", "")
        await server.reload(load(config.path).config)
        assert await versions(crowd) == {3}
        await crowd.leave()


async def test_a_class_is_added_while_workers_with_the_old_code_go_on(
    serve: Serving, tmp_path: Path
) -> None:
    async with crowded(serve, tmp_path / "data") as (config, server, crowd):
        write(config, "VERSION = 1", "VERSION = 2")
        write(config, "Default = Versioned", "Default = Versioned\n\n\nclass New(Clock): ...")
        binding = '[[durable_objects.bindings]]\nname = "NEW"\nclass_name = "New"\n'
        new = migrate(config, 'new_sqlite_classes = ["New"]', binding)
        async with crowd.speaking():
            reloaded = await server.reload(new)
        assert (reloaded.tags, reloaded.was_at_once) == (("v2",), False)
        for name in NAMES:
            assert await get(crowd.session, f"{server.url}/new/{name}") == 2
        await crowd.leave()


async def test_migrations_that_rename_and_delete_are_applied_while_no_worker_lives(
    serve: Serving, tmp_path: Path
) -> None:
    async with crowded(serve, tmp_path / "data") as (config, server, crowd):
        deaf = Speaker(await crowd.session.ws_connect(f"{server.url}/deaf/x/hibernating"))
        await deaf.go_on(3)
        write(config, "class Room(", "class Hall(")
        write(config, "class Deaf(Room):\n    on_restart", "class Def:\n    on_restart")
        text = config.path.read_text()
        text = text.replace('class_name = "Room"', 'class_name = "Hall"')
        config.path.write_text(text.replace('class_name = "Deaf"', 'class_name = "Clock"'))
        new = migrate(
            config,
            'deleted_classes = ["Deaf"]\nrenamed_classes = [{ from = "Room", to = "Hall" }]',
        )
        asked: list[MigrationPlan] = []

        def decline(planned: MigrationPlan) -> bool:
            asked.append(planned)
            return False

        with pytest.raises(MigrationDeclined):
            await server.reload(new, confirm=decline)
        assert [one.class_name for one in asked[0].destroyed] == ["Deaf"]
        async with crowd.speaking():
            reloaded = await server.reload(new, confirm=lambda _: True)
        assert (reloaded.tags, reloaded.was_at_once, reloaded.workers) == (("v2",), True, 2)
        assert (await deaf.socket.receive(timeout=60)).data == 1012
        assert not (tmp_path / "data" / "actors" / "app-Deaf").exists()
        await crowd.leave()


async def test_other_numbers_of_workers_without_a_client_noticing(
    serve: Serving, tmp_path: Path
) -> None:
    async with crowded(serve, tmp_path / "data", workers=1) as (_, server, crowd):
        for name in NAMES:
            await get(crowd.session, f"{server.url}/clock/{name}/ring")
        rings = [await get(crowd.session, f"{server.url}/clock/{name}/when") for name in NAMES]
        for workers in (3, 2):
            before = server.workers
            async with crowd.speaking():
                resized = await server.resize(workers)
            assert (resized.before, resized.workers, server.workers) == (before, workers, workers)
            assert resized.moved_partitions > 0
            homes = {pid_of(server, str(slot)) for slot in range(workers)}
            assert len(homes) == workers
            if workers == 3:  # one that dies is followed by one that knows them all
                async with crowd.speaking(20):
                    os.kill(pid_of(server, "2"), signal.SIGKILL)
            assert rings == [
                await get(crowd.session, f"{server.url}/clock/{name}/when") for name in NAMES
            ]
        assert (await server.resize(2)).moved_partitions == 0
        for number in (0, WORKERS_MAX + 1):
            with pytest.raises(NotSoMany):
                await server.resize(number)
        retired = tmp_path / "data" / "log" / "2"
        await patiently(lambda: not list(retired.glob("*.seg")))
        assert list((tmp_path / "data" / "archive" / "2").glob("*.arc")), "its past is kept"
        await crowd.leave()
        [router] = [p for p in processes(server) if p.role is Role.ROUTER]
        os.kill(router.pid, signal.SIGKILL)  # its successor knows of two workers
        async with aiohttp.ClientSession() as session:
            for name in NAMES:
                await get(session, f"{server.url}/clock/{name}/when")


async def test_what_workers_wait_for_from_each_other_is_done_before_all_of_them_end(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(PROGRAM, objects=OBJECTS)
    may_go_on = tmp_path / "may_go_on"
    async with (
        running(config, tmp_path / "data", workers=2) as server,
        aiohttp.ClientSession() as session,
    ):
        asking = [
            asyncio.ensure_future(get(session, f"{server.url}/chain/{name}/{other}{may_go_on}"))
            for name, other in zip(NAMES, NAMES[1:] + NAMES[:1], strict=True)
        ]
        await patiently(lambda: len(list(tmp_path.glob("has begun *"))) == len(NAMES))
        resizing = asyncio.ensure_future(server.resize(3, drain_s=60))
        is_draining = [False]
        server.supervisor.on_change(lambda p: is_draining.append(p.state is ChildState.DRAINING))
        await patiently(lambda: sum(is_draining) >= 2)
        late = asyncio.ensure_future(get(session, f"{server.url}/version"))
        may_go_on.touch()
        assert await asyncio.gather(*asking) == [1] * len(NAMES)
        assert (await resizing).workers == 3
        assert await late == 1, "what came meanwhile was kept for the new ones"


async def test_settings_that_workers_do_not_read_are_told_of(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(PROGRAM, objects=OBJECTS, limits={"header_size_bytes_max": 20_000})
    async with running(config, tmp_path / "data", workers=1) as server:
        new = configure(config, "header_size_bytes_max = 20000", "header_size_bytes_max = 30000")
        for _ in range(2):  # as long as it is so
            reloaded = await server.reload(new)
            assert reloaded.needs_upgrade == ("perdure.limits.header_size_bytes_max",)
        assert server.config == new


async def test_two_changes_are_made_one_after_the_other_and_end_with_the_server(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(PROGRAM, objects=OBJECTS)
    async with running(config, tmp_path / "data", workers=1) as server:
        first = asyncio.ensure_future(server.reload(config))
        second = asyncio.ensure_future(server.resize(2))
        third = asyncio.ensure_future(server.reload(config))
        assert (await first).workers == 1
        assert (await second).before == 1
        await patiently(lambda: any(p.slot == "1" and p.generation > 5 for p in processes(server)))
    with pytest.raises(SupervisorStopping):
        await third


def processes(server: SupervisedServer) -> tuple[ProcessStatistics, ...]:
    return server.supervisor.statistics().processes
