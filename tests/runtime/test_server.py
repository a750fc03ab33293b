"""The whole server: how it starts, or does not and leaves nothing behind; how it stops, and what
is there when it starts again."""

import asyncio
import contextlib
import json
import logging
import os
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.edge.request_record import RequestRecord
from perdure.runtime.errors import MigrationDeclined, PortTaken
from perdure.runtime.host.loader import LoadError, MainFailed
from perdure.runtime.host.migration_plan import MigrationPlan, MigrationRefused
from perdure.runtime.server import Server, plan_only
from perdure.runtime.shards.supervisor.errors import ChildFailed
from perdure.storage.alarm_distribution import distribute_alarms
from perdure.storage.errors import DirectoryInUse
from perdure.storage.layout import Layout
from tests.serving import Serving
from tests.wire import TEXT, Wire, close_frame, frame
from tests.world import FakeClock

MAIN = """
    import asyncio
    import json
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Counter(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.requests = 0
            self.go_on = asyncio.Event()

        async def fetch(self, request):
            self.requests += 1
            what = request.parsed_url.path.split("/")[2]
            return await getattr(self, what)(request)

        async def add(self, request):
            count = self.ctx.storage.kv.get("count") or 0
            self.ctx.storage.kv.put("count", count + 1)
            self.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS rows (n)")
            self.ctx.storage.sql.exec("INSERT INTO rows VALUES (?)", count)
            return Response.json(count + 1)

        async def read(self, request):
            rows = list(self.ctx.storage.sql.exec("SELECT count(*) AS n FROM rows"))
            return Response.json([self.ctx.storage.kv.get("count"), rows[0]["n"]])

        async def who(self, request):
            return Response.json([str(self.ctx.id), self.ctx.id.name, self.requests])

        async def slow(self, request):
            self.ctx.storage.kv.put("slow", "started")
            await self.go_on.wait()
            self.ctx.storage.kv.put("slow", "finished")
            return Response("finished")

        async def let_go(self, request):
            await request.bytes()
            self.go_on.set()
            return Response("")

        async def slow_state(self, request):
            return Response.json(self.ctx.storage.kv.get("slow"))

        async def size(self, request):
            return Response.json(len(await request.bytes()))

        async def large(self, request):
            return Response(b"x" * 20_000_000)

        async def endless(self, request):
            async def chunks():
                while True:
                    yield b"x" * 100_000
            return Response(chunks())

        async def ring(self, request):
            await self.ctx.storage.set_alarm(int(request.parsed_url.query["at_ms"]))
            return Response("")

        async def alarm(self):
            rung = self.ctx.storage.kv.get("rung") or 0
            self.ctx.storage.kv.put("rung", rung + 1)

        async def rung(self, request):
            return Response.json([self.ctx.storage.kv.get("rung") or 0,
                await self.ctx.storage.get_alarm()])

        async def socket(self, request):
            client, server = WebSocketPair()
            server.accept()
            server.on_message = lambda event: self.on_message(server, event.data)
            return Response(None, status=101, web_socket=client)

        def on_message(self, socket, message):
            self.ctx.storage.kv.put("said", message)
            socket.send("kept: " + message)

        async def said(self, request):
            return Response.json(self.ctx.storage.kv.get("said"))

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.parsed_url.path == "/env":
                return Response.json([self.env.GREETING, self.env.RULES, dir(self.env)])
            if request.parsed_url.path == "/socket":
                client, server = WebSocketPair()
                server.accept()
                server.on_message = lambda event: server.send(event.data)
                return Response(None, status=101, web_socket=client)
            name = request.parsed_url.path.split("/")[1]
            return await self.env.COUNTER.get_by_name(name).fetch(request)
"""


async def get(server: Server, path: str) -> Any:
    async with aiohttp.request("GET", server.url + path) as response:
        assert response.status == 200, await response.text()
        text = await response.text()
        return json.loads(text) if response.content_type == "application/json" else text


def held(data_dir: Path) -> list[str]:
    """Files of the data directory that this process has open."""
    found = []
    for fd in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(fd))
        except FileNotFoundError:  # the one that listed them
            continue
    return [path for path in found if path.startswith(str(data_dir))]


def busy_port() -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken


# Starting.


async def test_it_says_where_it_listens(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    assert server.host == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert await get(server, "/a/add") == 1


async def test_an_ipv6_address_stands_in_brackets(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"], host="::1")
    assert server.url == f"http://[::1]:{server.port}"
    assert await get(server, "/a/add") == 1


async def test_a_name_of_the_machine_will_do(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"], host="localhost")
    assert server.url == f"http://localhost:{server.port}"
    assert await get(server, "/a/add") == 1


async def test_vars_and_bindings_are_in_env(serve: Serving) -> None:
    values = {"GREETING": "Good day", "RULES": [1, 2]}
    server = await serve(MAIN, objects=["Counter"], values=values)
    assert await get(server, "/env") == ["Good day", [1, 2], ["COUNTER", "GREETING", "RULES"]]
    assert server.env.GREETING == "Good day"


async def test_every_request_is_told(serve: Serving) -> None:
    records: list[RequestRecord] = []
    server = await serve(MAIN, objects=["Counter"], on_request=records.append)
    await get(server, "/a/add?b")
    assert [(r.method, r.path, r.status) for r in records] == [("GET", "/a/add?b", 200)]


async def test_fifty_first_requests_make_one_instance(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    counts = await asyncio.gather(*(get(server, "/one/add") for _ in range(50)))
    assert sorted(counts) == list(range(1, 51))
    identity, name, requests = await get(server, "/one/who")
    assert (len(identity), name, requests) == (64, "one", 51)
    statistics = server.statistics()
    assert (statistics.actors_live, statistics.actors_started) == (1, 1)


async def test_the_statistics_count_sessions(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    async with await Wire.connect(server.url) as wire:
        assert (await wire.upgrade("/a/socket")).status == 101
        assert server.statistics().sessions == 1


# Starting that fails.


async def test_a_port_that_is_taken(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Counter"])
    with busy_port() as taken, pytest.raises(PortTaken) as failed:
        port = taken.getsockname()[1]
        await serve.start(config, data_dir=tmp_path / "data", port=port)
    assert (failed.value.host, failed.value.port) == ("127.0.0.1", port)
    assert str(failed.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Stop the program that does, or choose another port with --port"
    )
    assert held(tmp_path / "data") == []
    server = await serve.start(config, data_dir=tmp_path / "data")
    assert await get(server, "/a/add") == 1


async def test_the_next_free_port_when_the_port_may_be_another(serve: Serving) -> None:
    with busy_port() as taken:
        port = taken.getsockname()[1]
        server = await serve(MAIN, objects=["Counter"], port=port, port_is_fixed=False)
        assert port < server.port <= port + 19
        assert await get(server, "/a/add") == 1


async def test_no_port_is_free(
    serve: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.front_side.PORTS_TRIED", 1)
    config = serve.write(MAIN, objects=["Counter"])
    with busy_port() as taken, pytest.raises(PortTaken):
        port = taken.getsockname()[1]
        await serve.start(config, data_dir=tmp_path / "data", port=port, port_is_fixed=False)
    assert held(tmp_path / "data") == []


async def test_ports_end_at_65535(serve: Serving) -> None:
    taken = socket.socket()
    with contextlib.suppress(OSError):  # taken already, which is as good
        taken.bind(("127.0.0.1", 65535))
        taken.listen()
    with taken, pytest.raises(PortTaken) as failed:
        await serve(MAIN, objects=["Counter"], port=65535, port_is_fixed=False)
    assert failed.value.port == 65535


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
async def test_an_address_that_is_not_of_this_machine(
    serve: Serving, tmp_path: Path, host: str
) -> None:
    config = serve.write(MAIN, objects=["Counter"])
    with pytest.raises(PortTaken) as failed:
        await serve.start(config, data_dir=tmp_path / "data", host=host)
    assert str(failed.value).startswith(f"cannot listen on {host}:0: ")
    assert "Unknown error" not in str(failed.value)
    assert str(failed.value).endswith("--host, or another port with --port")
    assert held(tmp_path / "data") == []


async def test_a_directory_that_is_in_use(serve: Serving, tmp_path: Path) -> None:
    first = await serve(MAIN, objects=["Counter"], data_dir=tmp_path / "data")
    with pytest.raises(DirectoryInUse):
        await serve(MAIN, objects=["Counter"], data_dir=tmp_path / "data")
    assert await get(first, "/a/add") == 1
    await first.stop(drain_s=0)
    second = await serve(MAIN, objects=["Counter"], data_dir=tmp_path / "data")
    assert await get(second, "/a/add") == 2


@pytest.mark.parametrize(
    ("main", "error"),
    [
        ("raise ValueError('out of order')", MainFailed),
        ("this is no program", MainFailed),
        ("from perdure import WorkerEntrypoint", LoadError),
        ("class Default: pass", LoadError),
        (MAIN.replace("class Counter", "class Kounter"), LoadError),
    ],
)
async def test_a_program_that_cannot_be_used_leaves_the_directory_alone(
    serve: Serving, tmp_path: Path, main: str, error: type[Exception]
) -> None:
    with pytest.raises((error, ChildFailed)):  # the latter is how a supervisor hears of it
        await serve(main, objects=["Counter"], data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


DELETES = """
    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Counter"]
    [[migrations]]
    tag = "v2"
    deleted_classes = ["Counter"]
"""


async def filled(serve: Serving, data_dir: Path) -> str:
    """A data directory with one actor that has counted to 1; and its id."""
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    assert await get(server, "/a/add") == 1
    identity, _, _ = await get(server, "/a/who")
    await server.stop(drain_s=0)
    return str(identity)


async def test_a_deletion_that_nobody_confirms_changes_nothing(
    serve: Serving, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    await filled(serve, data_dir)
    asked: list[MigrationPlan] = []

    def no(plan: MigrationPlan) -> bool:
        asked.append(plan)
        return False

    with pytest.raises(MigrationDeclined) as declined:
        await serve(MAIN, toml=DELETES, data_dir=data_dir, confirm=no)
    assert str(declined.value) == (
        "the migration deletes all objects of Counter; it was not confirmed"
    )
    assert [declined.value.plan] == asked
    assert held(data_dir) == []
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    assert await get(server, "/a/add") == 2


async def test_a_deletion_that_is_confirmed_moves_the_data_away(
    serve: Serving, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    await filled(serve, data_dir)
    await (await serve(MAIN, toml=DELETES, data_dir=data_dir)).stop(drain_s=0)
    again = DELETES + '[[migrations]]\ntag = "v3"\nnew_sqlite_classes = ["Counter"]'
    server = await serve(MAIN, objects=["Counter"], toml=again, data_dir=data_dir)
    assert await get(server, "/a/add") == 1


async def test_nobody_is_asked_when_nothing_is_deleted(serve: Serving, tmp_path: Path) -> None:
    def never(plan: MigrationPlan) -> bool:
        raise AssertionError(plan)

    await serve(MAIN, objects=["Counter"], data_dir=tmp_path / "data", confirm=never)


async def test_a_directory_of_another_worker_is_refused(serve: Serving, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    await filled(serve, data_dir)
    config = serve.write(MAIN, objects=["Counter"])
    other = WorkerConfig(**{**{f: getattr(config, f) for f in config.__slots__}, "name": "other"})
    with pytest.raises(MigrationRefused):
        await serve.start(other, data_dir=data_dir)
    assert held(data_dir) == []


async def test_what_would_be_done_can_be_seen_before(serve: Serving, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    config = serve.write(MAIN, objects=["Counter"])
    plan = await plan_only(config, data_dir)
    assert list(plan.namespaces) == ["Counter"]
    assert not data_dir.exists()
    await filled(serve, data_dir)
    assert (await plan_only(serve.write(MAIN, toml=DELETES), data_dir)).is_destructive


async def test_no_alarm_rings_in_a_server_that_cannot_listen(
    serve: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir, clock = tmp_path / "data", FakeClock()
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    await get(server, f"/a/ring?at_ms={clock.time_ms() + 1000}")
    await server.stop(drain_s=0)
    clock.advance(10)
    monkeypatch.setattr("perdure.runtime.front_side.PORTS_TRIED", 1)
    with busy_port() as taken, pytest.raises(PortTaken):
        port = taken.getsockname()[1]
        await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock, port=port)
    assert held(data_dir) == []
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    assert await get(server, "/a/rung") == [1, None]


# Stopping.


async def test_nothing_is_open_after_it_has_stopped(serve: Serving, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    for name in "abc":
        await get(server, f"/{name}/add")
    assert held(data_dir)
    await server.stop(drain_s=0)
    assert held(data_dir) == []
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_it_can_be_told_to_stop_twice(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    await server.stop(drain_s=0)
    await server.stop(drain_s=0)


async def test_idle_connections_are_closed_at_once(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    async with await Wire.connect(server.url) as wire, await Wire.connect(server.url) as silent:
        wire.say("GET /a/add HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200
        await server.stop(drain_s=60)
        assert await wire.rest() == b""
        assert await silent.rest() == b""


async def start_slow(server: Server, wire: Wire) -> None:
    wire.say("GET /a/slow HTTP/1.1", "Host: a")
    while await get(server, "/a/slow_state") != "started":
        pass


async def test_running_requests_finish(serve: Serving, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    async with await Wire.connect(server.url) as wire, await Wire.connect(server.url) as other:
        # One that waits for the other: its head has come, and its body has not.
        other.say("POST /a/let_go HTTP/1.1", "Host: a", "Content-Length: 100000")
        await start_slow(server, wire)
        stopping = asyncio.create_task(server.stop(drain_s=60))
        await asyncio.sleep(0)
        other.send(b"x" * 100_000)
        assert (await other.answer()).get("Connection") == "close"
        answer = await wire.answer()
        assert (answer.text, answer.get("Connection")) == ("finished", "close")
        assert await wire.rest() == b""
        await stopping
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    assert await get(server, "/a/slow_state") == "finished"


async def test_an_upload_under_way_is_read_to_its_end(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    async with await Wire.connect(server.url) as wire:
        wire.say("POST /a/size HTTP/1.1", "Host: a", "Content-Length: 300000", body=b"x")
        await wire.drain()
        while not server._front_side.front.is_busy:
            await asyncio.sleep(0)
        stopping = asyncio.create_task(server.stop(drain_s=60))
        await asyncio.sleep(0)
        for _ in range(3):
            wire.send(b"x" * 99_999)
            await wire.drain()
        wire.send(b"xx")
        assert (await wire.answer()).text == "300000"
        await stopping


async def test_a_large_answer_is_written_to_its_end(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    async with await Wire.connect(server.url, receive_buffer_size=4096) as wire:
        wire.say("GET /a/large HTTP/1.1", "Host: a")
        assert (await wire.head()).status == 200
        stopping = asyncio.create_task(server.stop(drain_s=60))
        await asyncio.sleep(0)
        assert len(await wire.read(20_000_000)) == 20_000_000
        await stopping


async def test_what_takes_too_long_is_cut_off(
    serve: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    async with await Wire.connect(server.url) as wire:
        await start_slow(server, wire)
        await server.stop(drain_s=0.05)
        assert b"200 OK" not in await wire.rest()
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.INFO] == []
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    assert await get(server, "/a/slow_state") == "started", "what it wrote is there"


@pytest.mark.parametrize("path", ["/a/large", "/a/endless"])
async def test_a_client_that_does_not_read_cannot_hold_it_up(
    serve: Serving, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.front_side.CLIENTS_LEAVE_S", 0.05)
    server = await serve(MAIN, objects=["Counter"])
    async with await Wire.connect(server.url, receive_buffer_size=4096) as wire:
        wire.say(f"GET {path} HTTP/1.1", "Host: a")
        assert (await wire.head()).status == 200
        await server.stop(drain_s=0.05)


async def test_a_second_word_cuts_the_drain_short(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    async with await Wire.connect(server.url) as wire:
        await start_slow(server, wire)
        stopping = asyncio.create_task(server.stop(drain_s=3600))
        await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
        await server.stop(drain_s=0)
        assert b"200 OK" not in await wire.rest()


@pytest.mark.parametrize("path", ["/a/socket", "/socket"])
async def test_websockets_are_closed_with_1001(serve: Serving, path: str) -> None:
    server = await serve(MAIN, objects=["Counter"])
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade(path)
        stopping = asyncio.create_task(server.stop(drain_s=60))
        assert (await wire.frame()).close == (1001, "the server is going away")
        wire.send(close_frame(1001))
        assert await wire.rest() == b""
        await stopping


async def test_websockets_that_do_not_answer_are_cut_off(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.front_side.CLIENTS_LEAVE_S", 0.05)
    server = await serve(MAIN, objects=["Counter"])
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/socket")
        await server.stop(drain_s=3600)
        assert await wire.close_frame() == (1001, "the server is going away")


async def test_what_was_written_is_there_after_a_restart(serve: Serving, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    for name, times in (("a", 1), ("b", 5)):
        for _ in range(times):
            await get(server, f"/{name}/add")
    await server.stop(drain_s=0)
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    assert await get(server, "/a/read") == [1, 1]
    assert await get(server, "/b/read") == [5, 5]
    assert await get(server, "/b/add") == 6


async def test_what_a_client_was_told_is_there_after_a_restart(
    serve: Serving, tmp_path: Path
) -> None:
    """Also when it was told while the server was stopping."""
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    told = ""
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/a/socket")
        wire.send(b"".join(frame(TEXT, str(n)) for n in range(300)))
        told = await wire.text()
        stopping = asyncio.create_task(server.stop(drain_s=0))
        while (got := await wire.frame()).opcode == TEXT:
            told = got.payload.decode()
        assert got.close[0] == 1001
        wire.send(close_frame(1001))
        await stopping
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir)
    kept = await get(server, "/a/said")
    assert int(kept) >= int(told.removeprefix("kept: "))


# Starting again.


async def test_an_alarm_rings_after_a_restart_when_it_was_due_meanwhile(
    serve: Serving, tmp_path: Path
) -> None:
    data_dir, clock = tmp_path / "data", FakeClock()
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    at_ms = clock.time_ms() + 60_000
    await get(server, f"/a/ring?at_ms={at_ms}")
    assert await get(server, "/a/rung") == [0, at_ms]
    await server.stop(drain_s=0)
    clock.advance(120)
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    assert await get(server, "/a/rung") == [1, None]


async def test_alarms_of_workers_ring_in_a_server_that_is_one_process(
    serve: Serving, tmp_path: Path
) -> None:
    data_dir, clock = tmp_path / "data", FakeClock()
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    await get(server, f"/a/ring?at_ms={clock.time_ms() + 60_000}")
    await server.stop(drain_s=0)
    distribute_alarms(Layout(data_dir), ("1",), lambda *_: "1")
    assert not (data_dir / "alarms.db").exists()
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    clock.advance(61)
    assert await get(server, "/a/rung") == [1, None]


async def test_an_alarm_that_is_due_later_rings_then(serve: Serving, tmp_path: Path) -> None:
    data_dir, clock = tmp_path / "data", FakeClock()
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    await get(server, f"/a/ring?at_ms={clock.time_ms() + 60_000}")
    await server.stop(drain_s=0)
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    assert (await get(server, "/a/rung"))[0] == 0
    clock.advance(61)
    assert await get(server, "/a/rung") == [1, None]


async def test_an_alarm_rings_by_the_machines_clock(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Counter"])
    await get(server, "/a/ring?at_ms=1")
    while await get(server, "/a/rung") != [1, None]:
        pass


async def test_an_alarm_does_not_ring_after_the_stop(serve: Serving) -> None:
    clock = FakeClock()
    server = await serve(MAIN, objects=["Counter"], clock=clock)
    await get(server, f"/a/ring?at_ms={clock.time_ms() + 1000}")
    await server.stop(drain_s=0)
    clock.advance(10)
    assert server.statistics().actors_live == 0


NOT_BOUND = '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Counter"]'


async def test_an_alarm_of_a_class_that_main_does_not_have_any_more_waits(
    serve: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir, clock = tmp_path / "data", FakeClock()
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    await get(server, f"/a/ring?at_ms={clock.time_ms() + 1000}")
    await server.stop(drain_s=0)
    clock.advance(10)
    without = MAIN.replace("class Counter(", "class Former(")
    await (await serve(without, toml=NOT_BOUND, data_dir=data_dir, clock=clock)).stop(drain_s=0)
    assert "alarm.without_class" in [r.getMessage() for r in caplog.records]
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    assert await get(server, "/a/rung") == [1, None]


async def test_an_alarm_of_a_class_that_is_only_not_bound_any_more_rings(
    serve: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir, clock = tmp_path / "data", FakeClock()
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    await get(server, f"/a/ring?at_ms={clock.time_ms() + 1000}")
    await server.stop(drain_s=0)
    clock.advance(10)
    await (await serve(MAIN, toml=NOT_BOUND, data_dir=data_dir, clock=clock)).stop(drain_s=1)
    assert "alarm.without_class" not in [r.getMessage() for r in caplog.records]
    server = await serve(MAIN, objects=["Counter"], data_dir=data_dir, clock=clock)
    assert await get(server, "/a/rung") == [1, None]


RENAMED = """
    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Counter"]
    [[migrations]]
    tag = "v2"
    renamed_classes = [{ from = "Counter", to = "Tally" }]
"""


async def test_ids_and_data_survive_the_renaming_of_a_class(serve: Serving, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    identity = await filled(serve, data_dir)
    main = MAIN.replace("Counter", "Tally").replace("COUNTER", "TALLY")
    server = await serve(main, objects=["Tally"], toml=RENAMED, data_dir=data_dir)
    assert (await get(server, "/a/who"))[0] == identity
    assert await get(server, "/a/add") == 2
    await server.stop(drain_s=0)
    server = await serve(main, objects=["Tally"], toml=RENAMED, data_dir=data_dir)
    assert await get(server, "/a/add") == 3


async def test_a_class_of_new_classes_has_keys_and_values_but_no_sql(serve: Serving) -> None:
    main = """
        from perdure import DurableObject, Response, WorkerEntrypoint

        class Plain(DurableObject):
            async def fetch(self, request):
                await self.ctx.storage.put("key", "value")
                try:
                    self.ctx.storage.sql.exec("SELECT 1")
                except Exception as error:
                    return Response.json([await self.ctx.storage.get("key"), str(error)])

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                return await self.env.PLAIN.get_by_name("one").fetch(request)
    """
    toml = '[[migrations]]\ntag = "v1"\nnew_classes = ["Plain"]'
    server = await serve(main, objects=["Plain"], toml=toml)
    value, error = await get(server, "/")
    assert value == "value"
    assert "new_sqlite_classes" in error


async def test_idle_actors_leave_memory_and_start_again_from_disk(serve: Serving) -> None:
    clock = FakeClock()
    server = await serve(MAIN, objects=["Counter"], clock=clock)
    assert await get(server, "/a/add") == 1
    clock.advance(60)
    assert server.statistics().actors_live == 0
    assert await get(server, "/a/add") == 2
    assert server.statistics().actors_started == 2
