"""The operator asks a server of several processes: real ones."""

from pathlib import Path

import aiohttp

from perdure.runtime.control.client import operate_on
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
