"""The operator asks a server of several processes: real ones."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.control.client import operate_on
from perdure.runtime.control.protocol import OperationFailed
from tests.runtime.shards.link.ends import until
from tests.runtime.shards.operations.copying import EndlessCopying
from tests.runtime.test_supervised import MAIN, NAMES, get, pid_of, running
from tests.serving import Serving
from tests.town import Listener


async def test_the_operator_reaches_actors_and_processes(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room"])
    data = tmp_path / "data"
    async with running(config, data) as server, aiohttp.ClientSession() as session:
        for name in NAMES:
            await get(session, f"{server.url}/{name}/add")
        async with operate_on(data, {}, needs_server=True) as operations:
            listed = Listener()
            assert (await operations.run("list", {"namespace": "ROOM"}, listed))["count"] == 8
            assert {item["name"] for item in listed.items} == set(NAMES)
            ids = [item["id"] for item in listed.items]
            assert ids == sorted(ids)
            for name in NAMES:
                arguments = {"namespace": "Room", "name": name}
                shown = await operations.run("show", arguments, Listener())
                assert (shown["name"], shown["keys"], shown["is_live"]) == (name, 1, True)
            seen = Listener()
            result = await operations.run("processes", {}, seen)
        assert result["processes"] == len(seen.items)
        workers = [item for item in seen.items if item["role"] == "worker"]
        assert [item["pid"] for item in workers] == [pid_of(server, slot) for slot in "01"]
        assert sum(item["actors"] for item in workers) == len(NAMES)
        assert sum(item["partitions"] for item in workers) == 1024
        [router] = [item for item in seen.items if item["role"] == "router"]
        assert (router["connections"] or 0) > 0
        assert router["client_sockets"] == router["unacknowledged"] == 0
    assert not (data / "control.sock").exists()


async def test_a_backup_of_live_workers_starts_with_all_that_was_acknowledged(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    data, copy = tmp_path / "data", tmp_path / "copy"
    async with running(config, data) as server, aiohttp.ClientSession() as session:
        for name in NAMES:
            await get(session, f"{server.url}/{name}/add")
            async with session.get(f"{server.url}/{name}/ring") as response:
                assert await response.text() == "set"
        async with operate_on(data, {}) as operations:
            backed = await operations.run("backup", {"target": str(copy)}, Listener())
            assert backed["files"] >= len(NAMES)
            verified = await operations.run("verify", {}, Listener())
            assert (verified["actors"], verified["findings"]) == (len(NAMES), 0)
            findings = Listener()
            await operations.run("doctor", {}, findings)
            names = [item["name"] for item in findings.items]
            assert names[-2:] == ["storage 0", "storage 1"]
        for name in NAMES:
            await get(session, f"{server.url}/{name}/add")
    inline = await serve.start(config, data_dir=copy)
    async with aiohttp.ClientSession() as session:
        for name in NAMES:
            count, _, _ = await get(session, f"{inline.url}/{name}/add")
            assert count == 2


async def test_neither_a_reload_nor_the_end_waits_for_a_backup(
    serve: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    data = tmp_path / "data"

    async with running(config, data) as server, operate_on(data, {}) as operations:
        for name in ("reload", "end"):
            copying = EndlessCopying(monkeypatch)
            target = {"target": str(tmp_path / name)}
            backing_up = asyncio.ensure_future(operations.run("backup", target, Listener()))
            await copying.begun.wait()
            if name == "reload":
                await server.reload(config, drain_s=600)  # for which the test would wait in vain
            else:
                await server.stop(drain_s=600)
            with pytest.raises(OperationFailed, match="given up"):
                await backing_up
            assert copying.has_ended
            assert list((tmp_path / name).iterdir()) == []


async def test_what_is_asked_while_a_worker_is_dead_is_done_by_its_successor(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    data = tmp_path / "data"
    async with running(config, data) as server, aiohttp.ClientSession() as session:
        for name in NAMES:
            await get(session, f"{server.url}/{name}/add")
        os.kill(pid_of(server, "0"), signal.SIGKILL)
        await until(lambda: not server.houses.is_serving("0"))
        async with operate_on(data, {}) as operations:
            for name in NAMES:
                arguments = {"namespace": "Room", "name": name}
                assert (await operations.run("show", arguments, Listener()))["keys"] == 1
            seen = Listener()
            await operations.run("processes", {}, seen)
        restarts = {item["slot"]: item["restarts"] for item in seen.items if item["slot"]}
        assert restarts["1"] == 0
        [worker] = [i for i in seen.items if (i["role"], i["slot"]) == ("worker", "0")]
        assert worker["restarts"] == 1


async def test_tail_follows_the_actors_of_all_workers(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room"])
    data = tmp_path / "data"
    async with running(config, data) as server, aiohttp.ClientSession() as session:
        listener = Listener()
        async with operate_on(data, {}) as operations:
            wanted = {"events": ["actor.started"]}
            following = asyncio.ensure_future(operations.run("tail", wanted, listener))
            await until(lambda: bool(listener.items))
            for name in NAMES:
                await get(session, f"{server.url}/{name}/add")

            def started() -> set[str]:
                return {event["name"] for item in listener.items for event in item["events"]}

            await until(lambda: started() == set(NAMES))
            await server.stop(drain_s=10)
            assert await following == {"lost": 0}
