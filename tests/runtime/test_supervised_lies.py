"""A worker that lies is cut off and replaced; the others stay as they are."""

import stat
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.control.client import operate_on
from perdure.runtime.control.protocol import OperationFailed
from perdure.runtime.shards.operations.errors import WORKER_LIES
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.supervised import SupervisedServer
from tests.runtime.test_supervised import NAMES, get, pid_of, running
from tests.serving import Serving
from tests.town import Listener

MAIN = """
    import gc
    import os
    import __main__
    from perdure import DurableObject, Response, WorkerEntrypoint
    from perdure.runtime.control import server
    from perdure.runtime.shards.link.link import Link
    from perdure.runtime.shards.peers import Peers
    from perdure.runtime.shards.supervisor.control import ControlConnection

    def all_of(cls):
        return [one for one in gc.get_objects() if type(one) is cls]

    class Foreign:  # a placement that says of each actor that another worker has it
        def __init__(self, placement, own):
            self.slots = placement.slots
            self.other = next(slot for slot in self.slots if slot != own)

        def slot_of(self, unique_key, raw_id):
            return self.other

    class Room(DurableObject):
        def where(self):
            return os.getpid()

        async def lie(self, how, own):
            __main__.UNLINK_S = 0.1  # it ends so soon when nobody talks to it any more
            if how == "partition":
                for peers in all_of(Peers):
                    peers.placement = Foreign(peers.placement, own)
                await self.env.ROOM.get_by_name(self.ctx.id.name).where()
            elif how == "answer":
                server.packb = lambda message: bytes([0xC1])
            elif how == "control":
                for control in all_of(ControlConnection):
                    control._socket.send(bytes([255]) * 100)
            else:
                said = {"garbage": bytes([0, 0, 0, 4]) + b"lies", "oversize": bytes([255]) * 100}
                for link in all_of(Link):
                    link._transport.write(said[how])

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            name, what, *rest = request.parsed_url.path.split("/")[1:]
            room = self.env.ROOM.get_by_name(name)
            if what == "where":
                return Response.json(await room.where())
            await room.lie(*rest)
            return Response("said")
"""


async def has_changed(server: SupervisedServer, slot: str, pid: int) -> None:
    """Wait until another process serves there."""
    while not server.houses.is_serving(slot) or pid_of(server, slot) == pid:
        await server.houses.lines.next_change()


def router_pids(server: SupervisedServer) -> list[int]:
    processes = server.supervisor.statistics().processes
    return [one.pid for one in processes if one.role is Role.ROUTER]


async def test_a_worker_that_lies_is_replaced_and_nobody_else(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    data = tmp_path / "data"
    async with running(config, data) as server, aiohttp.ClientSession() as session:

        async def homes() -> dict[str, int]:
            return {name: await get(session, f"{server.url}/{name}/where") for name in NAMES}

        routers = router_pids(server)
        for how in ("garbage", "oversize", "partition", "control", "answer"):
            honest, liar = pid_of(server, "0"), pid_of(server, "1")
            name = next(name for name, pid in (await homes()).items() if pid == liar)
            async with session.get(f"{server.url}/{name}/lie/{how}/1") as response:
                assert response.status in {200, 500, 503}, how
            if how == "answer":
                async with operate_on(data, {}) as operations:
                    with pytest.raises(OperationFailed, match="answered what is no answer") as told:
                        await operations.run("list", {}, Listener())
                    assert told.value.failure.kind == WORKER_LIES
            await has_changed(server, "1", liar)
            assert set((await homes()).values()) == {honest, pid_of(server, "1")}, how
        assert router_pids(server) == routers
        check_modes(data)


def check_modes(data: Path) -> None:
    """What processes of a server tell each other by is nobody else's."""
    sockets = [path for path in data.rglob("*") if path.is_socket()]
    assert sockets == [data / "control.sock"], "all other ways between processes have no names"
    locks = [path for name in ("LOCK", "OWNER", "HELD") for path in data.rglob(name)]
    assert len(locks) >= 5
    for path in (*sockets, *locks):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
