"""A server of several processes, as its clients see it: real processes, real signals."""

import asyncio
import io
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.config.model import TlsConfig, WorkerConfig
from perdure.runtime.config.tls import CertificateRefused
from perdure.runtime.errors import MigrationDeclined, PortTaken
from perdure.runtime.observe.logs import LogStyle
from perdure.runtime.server import plan_only
from perdure.runtime.shards.supervisor.errors import ChildFailed
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.supervised import SupervisedServer
from perdure.storage.directory import DataDirectory
from perdure.storage.errors import DirectoryInUse
from tests.runtime.shards.link.ends import until
from tests.serving import Serving

MAIN = """
    import os
    import time
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        def add(self):
            count = (self.ctx.storage.kv.get("count") or 0) + 1
            self.ctx.storage.kv.put("count", count)
            return [count, os.getpid()]

        async def fetch(self, request):
            what = request.parsed_url.path.split("/")[2]
            if what == "body":
                return Response(await request.bytes())
            if what == "ring":
                await self.ctx.storage.set_alarm(time.time() * 1000 + 100)
                return Response("set")
            if what == "rung":
                return Response.json(self.ctx.storage.kv.get("rung") or 0)
            client, server = WebSocketPair()
            self.ctx.accept_web_socket(server)
            return Response(None, status=101, web_socket=client)

        async def alarm(self):
            self.ctx.storage.kv.put("rung", (self.ctx.storage.kv.get("rung") or 0) + 1)

        def web_socket_message(self, ws, message):
            ws.send(f"{message} from {os.getpid()}")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            name, what = request.parsed_url.path.split("/")[1:3]
            room = self.env.ROOM.get_by_name(name)
            if what == "add":
                return Response.json([*await room.add(), os.getpid()])
            if what == "heard":
                inner = (await room.fetch(request)).web_socket
                inner.accept()
                client, server = WebSocketPair()
                server.accept()
                server.on_message = lambda event: inner.send(f"{event.data}, passed on,")
                inner.on_message = lambda event: server.send(event.data)
                return Response(None, status=101, web_socket=client)
            return await room.fetch(request)
"""
MORE = """
    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Room"]
    [[migrations]]
    tag = "v2"
    new_sqlite_classes = ["Hall"]
"""
NAMES = [f"room{number}" for number in range(8)]


@asynccontextmanager
async def running(
    config: WorkerConfig, data_dir: Path, *, workers: int = 2, **options: Any
) -> AsyncIterator[SupervisedServer]:
    server = await SupervisedServer.start(
        config,
        data_dir=data_dir,
        workers=workers,
        **{"host": "127.0.0.1", "port": 0, "log_style": LogStyle("error"), **options},
    )
    try:
        yield server
    finally:
        pids = [process.pid for process in server.supervisor.statistics().processes]
        await server.stop(drain_s=10)
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


async def get(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as response:
        assert response.status == 200, await response.text()
        return await response.json(content_type=None)


def pid_of(server: SupervisedServer, slot: str) -> int:
    processes = server.supervisor.statistics().processes
    [pid] = [p.pid for p in processes if (p.role, p.slot) == (Role.WORKER, slot)]
    return pid


async def test_actors_are_spread_over_workers_and_reached_from_all(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        homes: dict[str, set[int]] = {name: set() for name in NAMES}
        entrypoints = set()
        for turn in range(1, 4):
            for name in NAMES:
                count, home, entrypoint = await get(session, f"{server.url}/{name}/add")
                assert count == turn
                homes[name].add(home)
                entrypoints.add(entrypoint)
        workers = {pid_of(server, slot) for slot in "01"}
        assert all(len(home) == 1 for home in homes.values()), "one actor has one instance"
        assert {pid for home in homes.values() for pid in home} == entrypoints == workers
        body = os.urandom(3_000_000)
        async with session.post(f"{server.url}/{NAMES[0]}/body", data=io.BytesIO(body)) as response:
            assert await response.read() == body


@pytest.mark.parametrize("path", ["socket", "heard"])
async def test_sockets_of_actors_in_any_worker(serve: Serving, tmp_path: Path, path: str) -> None:
    config = serve.write(MAIN, objects=["Room"])
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        seen = set()
        for name in NAMES:
            client = await session.ws_connect(f"{server.url}/{name}/{path}")
            await client.send_str(name)
            said, _, pid = (await client.receive_str(timeout=20)).rpartition(" from ")
            assert said == (name if path == "socket" else f"{name}, passed on,")
            seen.add(int(pid))
            await client.close()
        assert seen == {pid_of(server, slot) for slot in "01"}


async def test_a_worker_that_is_killed_costs_nobody_an_answer(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        for turn in range(1, 4):
            for name in NAMES:
                count, _, _ = await get(session, f"{server.url}/{name}/add")
                assert count == turn
            os.kill(pid_of(server, str(turn % 2)), signal.SIGKILL)


async def test_what_had_not_begun_goes_to_the_successor_with_its_body(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    body = os.urandom(3 * 2**20)
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        stopped = pid_of(server, "1")
        os.kill(stopped, signal.SIGSTOP)  # what comes there from now on does not begin
        asking = [
            asyncio.ensure_future(session.post(f"{server.url}/{name}/body", data=io.BytesIO(body)))
            for name in NAMES
        ]
        await asyncio.wait(asking, timeout=2, return_when=asyncio.FIRST_COMPLETED)
        os.kill(stopped, signal.SIGKILL)
        for answer in asking:
            async with await answer as response:
                assert response.status == 200, await response.text()
                assert await response.read() == body


async def test_another_number_of_workers_finds_everything(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room"])
    for turn, workers in enumerate((1, 3, 2), 1):
        async with (
            running(config, tmp_path / "data", workers=workers) as server,
            aiohttp.ClientSession() as session,
        ):
            for name in NAMES:
                count, _, _ = await get(session, f"{server.url}/{name}/add")
                assert count == turn
                rung = await get(session, f"{server.url}/{name}/rung")
                assert rung in {turn - 1, turn - 2}, "an alarm may have had no time to ring"
                async with session.get(f"{server.url}/{name}/ring") as response:
                    assert await response.text() == "set"

            async def all_rung(server: SupervisedServer, least: int) -> bool:
                rung = [await get(session, f"{server.url}/{name}/rung") for name in NAMES]
                return bool(min(rung) >= least)

            async with asyncio.timeout(20):
                while not await all_rung(server, turn):
                    await asyncio.sleep(0)
    inline = await serve.start(config, data_dir=tmp_path / "data")
    async with aiohttp.ClientSession() as session:
        for name in NAMES:
            count, home, _ = await get(session, f"{inline.url}/{name}/add")
            assert (count, home) == (4, os.getpid()), "one process finds it, too"


async def test_a_program_that_cannot_be_imported_starts_nothing(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write("raise RuntimeError('no such luck')", objects=["Room"])
    with pytest.raises(ChildFailed, match="no such luck"):
        async with running(config, tmp_path / "data"):
            pass
    assert not (tmp_path / "data").exists()
    async with running(serve.write(MAIN, objects=["Room"]), tmp_path / "data"):
        pass
    broken = serve.write("raise RuntimeError('no such luck')", toml=MORE)
    with pytest.raises(ChildFailed, match="no such luck"):
        async with running(broken, tmp_path / "data"):
            pass
    assert [step.tag for step in (await plan_only(broken, tmp_path / "data")).steps] == ["v2"]


async def test_what_is_wrong_around_a_program_is_found_before_it_is_imported(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write("import pathlib; pathlib.Path(__file__).unlink()", objects=["Room"])
    data, missing = tmp_path / "data", tmp_path / "missing.pem"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CertificateRefused) as refused:
            async with running(having(config, tls=TlsConfig(missing)), data):
                pass
        assert refused.value.file == missing
        for options, wanted in (({"port": port}, {}), ({}, {"control_port": port})):
            with pytest.raises(PortTaken):
                async with running(having(config, **wanted), data, **options):
                    pass
    assert not data.exists()
    with DataDirectory.open(data), pytest.raises(DirectoryInUse):
        async with running(config, data):
            pass
    assert config.main.exists()


def having(config: WorkerConfig, **wanted: Any) -> WorkerConfig:
    return replace(config, perdure=replace(config.perdure, **wanted))


async def test_a_port_that_is_taken(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room"])
    async with running(config, tmp_path / "one", workers=1) as server:
        with pytest.raises(PortTaken) as failed:
            async with running(config, tmp_path / "two", port=server.port):
                pass
        assert (failed.value.host, failed.value.port) == ("127.0.0.1", server.port)
        async with running(
            config, tmp_path / "two", workers=1, port=server.port, port_is_fixed=False
        ) as other:
            assert other.port > server.port


async def test_a_name_is_listened_at_with_all_its_addresses_also_after_an_upgrade(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    options: dict[str, Any] = {"host": "localhost", "workers": 1, "routers": 2}
    async with running(config, tmp_path / "data", **options) as server:
        assert server.url == f"http://localhost:{server.port}"
        for count in range(1, 5):
            async with aiohttp.ClientSession() as session:
                for address in ("127.0.0.1", "[::1]"):
                    url = f"http://{address}:{server.port}/{len(address)}/add"
                    assert (await get(session, url))[0] == count
            if count == 2:
                assert (await server.upgrade()).routers == 2


async def test_ports_that_are_open_already_stay_open_when_it_ends(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        for count in (1, 2):
            async with (
                running(config, tmp_path / "data", workers=1, opened=[ours]) as server,
                aiohttp.ClientSession() as session,
            ):
                assert server.port == port
                assert (await get(session, f"{server.url}/a/add"))[0] == count


async def test_a_migration_that_deletes_is_asked_about(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room"])
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        await get(session, f"{server.url}/a/add")
    deletes = serve.write(
        """
            from perdure import WorkerEntrypoint

            class Default(WorkerEntrypoint):
                async def fetch(self, request):
                    return None
        """,
        toml="""
            [[migrations]]
            tag = "v1"
            new_sqlite_classes = ["Room"]
            [[migrations]]
            tag = "v2"
            deleted_classes = ["Room"]
        """,
    )
    answers: list[bool] = []

    def confirm(answer: bool) -> Callable[[Any], bool]:
        def asked(_: Any) -> bool:
            answers.append(answer)
            return answer

        return asked

    with pytest.raises(MigrationDeclined):
        async with running(deletes, tmp_path / "data", confirm=confirm(False)):
            pass
    async with running(deletes, tmp_path / "data", confirm=confirm(True)):
        assert answers == [False, True]
        await until(lambda: not list((tmp_path / "data" / "actors").iterdir()))
