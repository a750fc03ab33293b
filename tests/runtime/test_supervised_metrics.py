"""Metrics and health of a server of several processes, as a collector reads them."""

import os
import signal
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families as parse

from perdure.runtime.supervised import SupervisedServer
from tests.runtime.test_supervised import pid_of, running
from tests.serving import Serving

MAIN = """
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            if request.headers.get("Upgrade") == "websocket":
                client, server = WebSocketPair()
                self.ctx.accept_web_socket(server)
                return Response(None, status=101, web_socket=client)
            self.ctx.storage.kv.put("n", 1)
            return Response("stored")

        def web_socket_message(self, ws, message):
            ws.send(message)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name(request.parsed_url.path).fetch(request)
"""
NAMES = [f"room{number}" for number in range(8)]
Samples = dict[tuple[str, ...], float]
STARTED = ("perdure_actor_lifecycle_events_total", "started")


def control(server: SupervisedServer, path: str) -> str:
    return f"http://127.0.0.1:{server.control_port}{path}"


async def scrape(server: SupervisedServer, session: aiohttp.ClientSession) -> Samples:
    async with session.get(control(server, "/metrics")) as answer:
        assert answer.status == 200
        text = await answer.text()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(text)
        for sample in family.samples
    }


async def visit_all(server: SupervisedServer, session: aiohttp.ClientSession) -> None:
    for name in NAMES:
        async with session.get(f"{server.url}/{name}") as answer:
            assert answer.status == 200


async def test_all_processes_are_one_server(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room"], toml="[perdure]\ncontrol_port = 0")
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        await visit_all(server, session)
        client = await session.ws_connect(f"{server.url}/{NAMES[0]}")
        await client.send_str("hello")
        assert await client.receive_str(timeout=20) == "hello"
        found = await scrape(server, session)
        [started] = [key for key in found if key[:2] == STARTED]
        namespace = started[2]
        assert found[started] == found["perdure_actors_live", namespace] == len(NAMES)
        assert found["perdure_requests_total", "2xx"] == len(NAMES)
        assert found["perdure_commit_seconds_count",] >= len(NAMES)
        assert found["perdure_websocket_events_total", "message.received"] == 1
        assert found["perdure_sockets_held", "router-0"] == 1
        for process in ("supervisor", "router-0", "worker-0", "worker-1"):
            assert found["perdure_process_memory_bytes", process] > 1_000_000
        for process in ("router-0", "worker-0", "worker-1"):
            assert found["perdure_process_state", process, "serving"] == 1
            assert found["perdure_process_serving", process] == 1
            assert found["perdure_process_restarts_total", process] == 0
        async with session.get(control(server, "/health")) as answer:
            assert await answer.json() == {"status": "ok", "reasons": []}
        await client.close()


async def test_counters_do_not_go_back_when_a_worker_dies(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room"], toml="[perdure]\ncontrol_port = 0")
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        aiohttp.ClientSession() as session,
    ):
        await visit_all(server, session)
        before = await scrape(server, session)
        os.kill(pid_of(server, "0"), signal.SIGKILL)
        await visit_all(server, session)
        after = await scrape(server, session)
        [started] = [key for key in after if key[:2] == STARTED]
        assert before[started] == len(NAMES)
        assert after[started] == 2 * len(NAMES)
        assert after["perdure_actors_live", started[2]] == len(NAMES)
        assert after["perdure_process_restarts_total", "worker-0"] == 1
        counters = [key for key in before if key[0].endswith(("_total", "_count"))]
        assert [key for key in counters if after[key] < before[key]] == []
