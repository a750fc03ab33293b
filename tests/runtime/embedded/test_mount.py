"""A mounted program: opened once, closed once."""

import asyncio
from pathlib import Path

import pytest

from perdure import UsageError, WrongThread
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.embedded.mount import Mount, NotOpen, ServedTwice
from perdure.runtime.errors import MigrationDeclined
from perdure.runtime.host.operations.errors import OperatorError
from tests.serving import Serving
from tests.town import Listener

from .conftest import MAIN

pytestmark = pytest.mark.inline("a mounted program has one process")


async def test_whoever_comes_first_opens_it_and_the_others_wait(config: WorkerConfig) -> None:
    mount = Mount(config)
    servers = await asyncio.gather(*(mount.open() for _ in range(3)))
    assert servers[0] is servers[1] is servers[2]
    assert mount.is_open
    await mount.close()
    assert not mount.is_open
    await mount.close()


async def test_two_cannot_have_one_directory(config: WorkerConfig) -> None:
    async with Mount(config).lifespan():
        other = Mount(config)
        with pytest.raises(ServedTwice, match="one worker process") as refused:
            await other.open()
        assert refused.value.pid is not None
    async with other.lifespan():  # it may try again
        assert other.is_open


async def test_draining_is_the_other_servers_business(config: WorkerConfig) -> None:
    mount = Mount(config)
    async with mount.lifespan():
        server = await mount.open()
        with pytest.raises(OperatorError, match="mounted in another server"):
            await server.desk.run("drain", {}, Listener())
        assert not server.stop_asked.done()


async def test_it_lives_on_one_loop(config: WorkerConfig) -> None:
    mount = Mount(config)
    async with mount.lifespan():

        def elsewhere() -> None:
            asyncio.run(mount.open())

        with pytest.raises(UsageError, match="one event loop"):
            await asyncio.to_thread(elsewhere)


async def test_data_is_deleted_only_when_that_was_said(serve: Serving, tmp_path: Path) -> None:
    first = serve.write(MAIN, objects=["Room"])
    async with Mount(first, data_dir=tmp_path / "data").lifespan():
        pass
    steps = """
    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Room"]
    [[migrations]]
    tag = "v2"
    deleted_classes = ["Room"]
    """
    second = serve.write(MAIN, toml=steps)
    with pytest.raises(MigrationDeclined):
        await Mount(second, data_dir=tmp_path / "data").open()
    async with Mount(second, data_dir=tmp_path / "data", delete_data=True).lifespan():
        pass


async def test_the_embedding_program_calls_actors_itself(config: WorkerConfig) -> None:
    mount = Mount(config)
    with pytest.raises(NotOpen, match=r"lifespan=rooms\.lifespan"):
        _ = mount.env
    with pytest.raises(NotOpen):
        mount.call(str)
    async with mount.lifespan():
        room = mount.env.ROOM.get_by_name("lobby")
        assert await room.count() == 0
        with pytest.raises(WrongThread, match=r"call\(\) of a mounted program"):
            await asyncio.to_thread(room.count)
        assert await asyncio.to_thread(mount.call, room.count) == 0

        async def elsewhere() -> None:
            await mount.env.ROOM.get_by_name("lobby").count()

        with pytest.raises(WrongThread, match="another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
        with pytest.raises(UsageError, match="await"):
            mount.call(room.count)
    with pytest.raises(NotOpen):
        _ = mount.env


def test_an_option_that_there_is_not_is_refused(config: WorkerConfig) -> None:
    with pytest.raises(TypeError, match=r"'dta_dir' is no option .* data_dir, env"):
        Mount(config, dta_dir="x")  # type: ignore[call-arg]  # it is the point
