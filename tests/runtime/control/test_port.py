"""The control port of a running server, asked as a collector and a load balancer would."""

import asyncio
import socket

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from perdure.runtime.control.port import is_loopback
from perdure.runtime.errors import PortTaken
from perdure.runtime.server import Server
from tests.serving import Serving

MAIN = """
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            if request.headers.get("Upgrade") == "websocket":
                client, server = WebSocketPair()
                server.accept()
                server.add_event_listener("message", lambda event: server.send(event.data))
                return Response(None, status=101, web_socket=client)
            if request.parsed_url.path == "/abort":
                self.ctx.abort("on purpose")
            self.ctx.storage.kv.put("n", 1)
            return Response("stored")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.parsed_url.path == "/missing":
                return Response("no", status=404)
            return await self.env.ROOM.get_by_name("secret-name").fetch(request)
"""
TOML = """
[perdure]
control_port = 0
"""


@pytest.fixture
async def server(serve: Serving) -> Server:
    return await serve(MAIN, objects=["Room"], toml=TOML)


def _control(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server.control_port}{path}"


async def _scrape(server: Server, session: aiohttp.ClientSession) -> dict[tuple[str, ...], float]:
    """Sample values, by name and the values of the labels in the order of their names."""
    async with session.get(_control(server, "/metrics")) as answer:
        assert answer.status == 200
        text = await answer.text()
    assert "secret-name" not in text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(text)
        for sample in family.samples
    }


async def test_messages_of_a_socket_are_counted(server: Server) -> None:
    events = "perdure_websocket_events_total"
    async with aiohttp.ClientSession() as session:
        before = await _scrape(server, session)
        async with session.ws_connect(server.url) as ws:
            for _ in range(3):
                await ws.send_str("hello")
                assert await ws.receive_str() == "hello"
        after = await _scrape(server, session)
    # Counts are the process's: what is compared is what this test has added.
    for event, count in {
        "websocket.connection.accepted": 1,
        "message.received": 3,
        "message.sent": 3,
        "message.dropped": 0,
        "websocket.protocol.error": 0,
    }.items():
        assert after[events, event] - before[events, event] == count, event


async def test_a_connection_that_ends_is_counted(server: Server) -> None:
    key = ("perdure_websocket_events_total", "websocket.connection.closed")
    async with aiohttp.ClientSession() as session:
        before = await _scrape(server, session)
        async with session.ws_connect(server.url):
            pass
        async with asyncio.timeout(30):
            while (await _scrape(server, session))[key] != before[key] + 1:
                pass


async def test_requests_are_counted_by_their_status(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/missing", "/missing", "/abort"):
            async with session.get(server.url + path) as answer:
                await answer.read()
        found = await _scrape(server, session)
    requests = "perdure_requests_total"
    assert [found[requests, name] for name in ("2xx", "4xx", "5xx")] == [1, 2, 1]


async def test_actors_and_commits_are_counted(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        before = await _scrape(server, session)
        for path in ("/", "/abort", "/"):
            async with session.get(server.url + path) as answer:
                await answer.read()
        found = await _scrape(server, session)
    namespace = next(iter(server.statistics().namespaces))
    events = "perdure_actor_lifecycle_events_total"
    assert found[events, "started", namespace] == 2
    assert found[events, "reset", namespace] == 1
    assert found["perdure_actors_live", namespace] == 1
    assert found["perdure_mailbox_events", namespace] == 0
    commits = ("perdure_commit_seconds_count",)
    assert found[commits] >= before[commits] + 2
    assert found["perdure_commit_seconds_bucket", "+Inf"] == found[commits]
    assert found["perdure_outputs_held_total",] >= before["perdure_outputs_held_total",] + 2


async def test_openmetrics_is_spoken_when_asked_for(server: Server) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(_control(server, "/metrics"), headers=accept) as answer,
    ):
        assert answer.content_type == "application/openmetrics-text"
        text = await answer.text()
    families = parse_openmetrics(text)  # type: ignore[no-untyped-call]  # it is not annotated
    names = {family.name for family in families}
    assert "perdure_websocket_events" in names


async def test_health_says_ok(server: Server) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(_control(server, "/health")) as answer,
    ):
        assert (answer.status, await answer.json()) == (200, {"status": "ok", "reasons": []})


async def test_a_degraded_server_answers_503_with_its_reasons(serve: Serving) -> None:
    toml = f"{TOML}free_space_size_bytes_min = {2**62}"
    server = await serve(MAIN, objects=["Room"], toml=toml)
    async with (
        aiohttp.ClientSession() as session,
        session.get(_control(server, "/health")) as answer,
    ):
        assert answer.status == 503
        said = await answer.json()
    assert said["status"] == "degraded"
    assert "left on the disk" in said["reasons"][0]


async def test_there_is_nothing_else_and_nothing_on_the_public_port(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(_control(server, "/")) as answer:
            assert answer.status == 404
        async with session.post(_control(server, "/metrics")) as answer:
            assert answer.status == 405
        async with session.get(server.url + "/metrics") as answer:
            assert await answer.text() == "stored"  # the program's


async def test_there_is_no_control_port_unless_asked_for(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Room"])
    assert server.control_port is None


async def test_a_taken_control_port_is_refused(serve: Serving) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            await serve(MAIN, objects=["Room"], toml=f"[perdure]\ncontrol_port = {port}")
    assert refused.value.port == port
    assert str(refused.value).endswith("choose another port with --control-port")


async def test_a_page_whose_name_resolves_to_this_machine_reads_nothing(server: Server) -> None:
    for path in ("/metrics", "/health", "/nothing"):
        async with (
            aiohttp.ClientSession() as session,
            session.get(_control(server, path), headers={"Host": "evil.example:9187"}) as answer,
        ):
            assert answer.status == 421
            text = await answer.text()
        assert text.endswith("localhost, not as 'evil.example:9187'.\n")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9187", "127.0.0.1", "[::1]:1", "127.9.9.9"]
)
async def test_names_of_this_machine_are_answered(server: Server, host: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(_control(server, "/health"), headers={"Host": host}) as answer,
    ):
        assert answer.status == 200


async def test_a_health_check_without_a_host_is_answered(server: Server) -> None:
    assert server.control_port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", server.control_port)
    writer.write(b"GET /health HTTP/1.0\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.0 200 ")
    await reader.read()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "0.0.0.0", "10.0.0.1:80", "a b", "::1", "[x"],
)
def test_other_hosts_are_not_this_machine(host: str) -> None:
    assert not is_loopback(host)
