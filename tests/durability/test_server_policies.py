"""What a whole server does about a full disk, a damaged file and a log that cannot be shortened."""

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.server import Server
from perdure.storage import checkpointer
from perdure.storage.bookmark import Bookmark
from tests.durability.conftest import HeldDisk
from tests.failing import fails_with
from tests.serving import Serving
from tests.world import turns

MAIN = """
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Room(DurableObject):
        async def put(self, value):
            await self.ctx.storage.put("value", value)
            return value

        async def put_unconfirmed(self, value):
            await self.ctx.storage.put("value", value, allow_unconfirmed=True)
            return value

        async def get(self, _):
            return await self.ctx.storage.get("value")

        async def bookmark(self, _):
            return await self.ctx.storage.get_current_bookmark()

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            _, name, method, value = request.parsed_url.path.split("/")
            room = self.env.ROOM.get_by_name(name)
            try:
                return Response.json(await getattr(room, method)(value))
            except Exception as error:
                return Response.json([type(error).__name__, str(error)], status=500)
"""


async def ask(server: Server, path: str) -> Any:
    async with aiohttp.request("GET", server.url + path) as response:
        return json.loads(await response.text())


def files(data_dir: Path) -> list[Path]:
    return sorted(data_dir.glob("actors/*/*/*.db"))


async def test_on_a_full_disk_old_actors_go_on_and_new_ones_wait_for_room(
    serve: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    toml = "[perdure]\nfree_space_size_bytes_min = 100_000_000"
    server = await serve(MAIN, objects=["Room"], toml=toml)
    assert await ask(server, "/old/put/1") == "1"
    assert not server.health().is_degraded
    real = os.statvfs
    with monkeypatch.context() as patch:
        full = os.statvfs_result((4096, 4096, 10**9, 9, 9, 0, 0, 0, 0, 255))
        patch.setattr(
            os,
            "statvfs",
            lambda path: full if path == server._actor_side.store.space._root else real(path),
        )
        for _ in range(2):
            name, text = await ask(server, "/new/put/1")
            assert name == "SpaceLow"
            assert "36,864 bytes left, and below 100,000,000 no new actor is begun" in text
        assert await ask(server, "/old/put/2") == "2"
        assert await ask(server, "/new/get/0") is None
        assert server.health().is_degraded
        told = [r.message.split(":")[0] for r in caplog.records if r.name == "perdure.storage"]
        assert told == ["space.low"]
    assert await ask(server, "/new/put/3") == "3"
    assert not server.health().is_degraded
    assert await ask(server, "/old/get/0") == "2"


async def test_a_damaged_actor_is_in_quarantine_and_the_house_is_not(
    serve: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    await ask(server, "/a/put/1")
    await server.stop(drain_s=0)
    (path,) = files(data_dir)
    good = path.read_bytes()
    path.write_bytes(b"\xff" * len(good))
    for _ in range(2):  # and after a restart still
        server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
        name, text = await ask(server, "/a/get/0")
        assert name == "ActorQuarantined"
        assert "SQLITE_NOTADB" in text
        assert "perdure actors restore" in text
        assert await ask(server, "/b/put/1") == "1"
        assert server.health().quarantined == 1
        assert any("in quarantine" in reason for reason in server.health().reasons)
        await server.stop(drain_s=0)
    (degraded,) = [vars(r)["reason"] for r in caplog.records if r.message == "storage.degraded"]
    assert "in quarantine" in degraded  # told when it was started again
    assert path.read_bytes() == b"\xff" * len(good)
    path.write_bytes(good)
    (mark,) = data_dir.glob("marks/*/*.quarantine.json")
    mark.unlink()
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    assert await ask(server, "/a/get/0") == "1"
    assert not server.health().is_degraded


@pytest.mark.parametrize("how", ["restored", "deleted"])
async def test_a_quarantine_ends_when_the_actor_is_restored_or_deleted(
    serve: Serving, tmp_path: Path, how: str
) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    await ask(server, "/a/put/1")
    bookmark = Bookmark.parse(await ask(server, "/a/bookmark/0"))
    await ask(server, "/a/put/2")
    await server.stop(drain_s=0)
    (path,) = files(data_dir)
    path.write_bytes(b"\xff" * path.stat().st_size)
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    assert (await ask(server, "/a/get/0"))[0] == "ActorQuarantined"
    [actor] = server._actor_side.store.marks.of_kind("quarantine")
    if how == "restored":
        await server._actor_side.store.restore(*actor, bookmark)
    else:
        await server._actor_side.store.replacements.delete(*actor, data_dir / "deleted.db")
    assert not server.health().is_degraded
    assert await ask(server, "/a/get/0") == ("1" if how == "restored" else None)
    assert await ask(server, "/a/put/3") == "3"
    await server.stop(drain_s=0)
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    assert await ask(server, "/a/get/0") == "3"


async def test_a_checkpoint_that_fails_is_seen_in_the_servers_health(
    serve: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    await ask(server, "/a/put/1")

    with monkeypatch.context() as patch:
        patch.setattr(checkpointer, "sync_file_system", fails_with(errno.EIO))
        server._actor_side.store.shorten()
        while server.health().checkpoint_problem is None:
            await asyncio.sleep(0)
    (reason,) = server.health().reasons
    assert "grows until a restart: [Errno 5] Input/output error" in reason
    assert await ask(server, "/a/put/2") == "2"
    await server.stop(drain_s=0)
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    assert await ask(server, "/a/get/0") == "2"
    assert not server.health().is_degraded


async def test_a_client_is_answered_before_an_unconfirmed_write_is_on_the_disk(
    serve: Serving, disk: HeldDisk
) -> None:
    server = await serve(MAIN, objects=["Room"])
    await ask(server, "/a/put/1")
    disk.is_held = True
    assert await ask(server, "/a/put_unconfirmed/2") == "2"
    await disk.is_reached()
    held = asyncio.create_task(ask(server, "/a/put/3"))
    await turns()
    assert not held.done()
    disk.let_all_go()
    assert await held == "3"
