"""``perdure serve`` as a supervisor uses it: signals, exit codes, a log."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from perdure.cli.actors import counted
from perdure.runtime.config.cores import one_worker_per_core
from tests.cli.process import Start
from tests.runtime.edge.tls import client_context, issue, serial_of
from tests.wire import Wire

pytestmark = pytest.mark.slow

# Says when a request has begun; ends it when somebody writes into a pipe, or never.
SLOW = """
import asyncio
from pathlib import Path
from perdure import DurableObject, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("begun")
        if request.parsed_url.path == "/pipe":
            return Response(await asyncio.to_thread(Path("pipe").read_text))
        await asyncio.Event().wait()


class Room(DurableObject):
    pass
"""


@pytest.fixture
def slow(project: Path) -> None:
    """The project's requests take until their clients, or the server, end them."""
    (project / "src" / "main.py").write_text(SLOW)


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


def children_of(pid: int, program: str) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if program in words_of(child)]


def words_of(pid: str) -> str:
    """What a process is called; nothing if it has ended meanwhile."""
    try:
        return "\0".join(Path(f"/proc/{pid}/{name}").read_text() for name in ("cmdline", "comm"))
    except OSError:
        return ""


def configure(project: Path, more: str) -> None:
    path = project / "wrangler.toml"
    path.write_text(f"{path.read_text()}\n{more}\n")


async def test_clients_see_nothing_of_an_error_but_its_status(start: Start) -> None:
    running = await start("serve", "--workers", 0, "--port", 0)
    url = await running.ready()
    assert await get(f"{url}/boom") == (500, "Internal Server Error\n")
    ended = await running.stop(signal.SIGTERM)
    assert (ended.code, ended.out) == (0, "")
    assert " error   perdure.edge request.failed method=GET path=/boom\n" in ended.err
    assert "KeyError: 'boom'" in ended.err


async def test_workers_come_and_go_while_a_socket_stays(start: Start, project: Path) -> None:
    running = await start("serve", "--port", 0)
    url = await running.ready()
    wanted = one_worker_per_core()
    assert running.seen[-2] == f"{counted(wanted, 'worker')}."
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        assert await ws.receive_str() == "visit 1"
        workers = children_of(running.pid, "worker_process")
        assert len(workers) == wanted + 1, "one for each processor, and a spare one"
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert await ws.receive_str() == "visit 2", "its request was replayed"
        assert "worker" in await running.message("child.serving")
        assert await get(url) == (200, "visit 3")
    ended = await running.stop(signal.SIGTERM)
    assert ended.code == 0, ended.err


async def test_a_program_that_cannot_be_used_fails_in_any_shape(
    start: Start, project: Path
) -> None:
    (project / "src" / "main.py").write_text("raise RuntimeError('not today')")
    for workers in (0, 1):
        ended = await (await start("serve", "--port", 0, "--workers", workers)).ended()
        assert (ended.code, ended.out) == (2, "")
        assert "error: " in ended.err
        assert "RuntimeError: not today" in ended.err


async def test_it_listens_on_this_machine_only_unless_told_otherwise(start: Start) -> None:
    assert (await (await start("serve", "--workers", 0, "--port", 0)).ready()).startswith(
        "http://127.0.0.1:"
    )


async def test_the_json_log_is_one_object_a_line_from_start_to_stop(
    start: Start, project: Path
) -> None:
    configure(project, "nmae = 1")
    running = await start("serve", "--workers", 0, "--port", 0, "--log-format", "json")
    warning = json.loads(await running.message("nmae"))
    assert warning["level"] == "warning"
    assert warning["where"].startswith(f"{project}/wrangler.toml:")
    ready = json.loads(await running.message("server.ready"))
    assert ready["workers"] == 0
    assert (await get(f"{ready['url']}/boom"))[0] == 500
    ended = await running.stop(signal.SIGTERM)
    entries: list[Any] = [json.loads(line) for line in ended.err.splitlines()]
    assert [entry["event"] for entry in entries] == [
        "request.failed",
        "server.stopping",
        "server.stopped",
    ]
    assert entries[0]["exception"]["type"] == "KeyError"
    assert entries[1]["signal"] == "SIGTERM"
    assert (ended.code, ended.out, running.seen) == (0, "", [])


async def test_the_log_is_as_the_configuration_says(start: Start, project: Path) -> None:
    configure(project, '[perdure.log]\nformat = "json"\nlevel = "debug"')
    running = await start("serve", "--workers", 0, "--port", 0)
    url = json.loads(await running.message("server.ready"))["url"]
    assert (await get(f"{url}/x?y=1"))[0] == 200
    entry = json.loads(await running.message("request.answered"))
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/x?y=1", 200)
    assert entry["duration_ms"] >= 0


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("number", "shape"), [(signal.SIGTERM, ()), (signal.SIGINT, ("--workers", 0))]
)
async def test_requests_under_way_may_finish(
    start: Start, project: Path, number: signal.Signals, shape: tuple[object, ...]
) -> None:
    os.mkfifo(project / "pipe")
    running = await start("serve", "--port", 0, *shape)
    request = asyncio.create_task(get(f"{await running.ready()}/pipe"))
    await running.line("begun")
    running.send(number)
    await running.message("server.stopping")
    (project / "pipe").write_text("whole")
    assert await request == (200, "whole")
    ended = await running.ended()
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.endswith("server.stopped\n")


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("why", ["a second signal", "the limit"])
async def test_a_request_without_end_is_cut_off(start: Start, project: Path, why: str) -> None:
    if why == "the limit":
        configure(project, "[perdure.limits]\nshutdown_timeout_s = 0.01")
    running = await start("serve", "--workers", 0, "--port", 0)
    url = await running.ready()
    request = asyncio.create_task(get(url))
    await running.line("begun")
    running.send(signal.SIGTERM)
    if why == "a second signal":
        await running.message("server.stopping")
        running.send(signal.SIGTERM)
    assert (await running.ended()).code == 0
    with contextlib.suppress(aiohttp.ClientError):
        assert (await request)[0] >= 500


async def test_a_deletion_wants_yes(start: Start, project: Path) -> None:
    config = project / "wrangler.toml"
    new = 'new_sqlite_classes = ["Room"]'
    before = config.read_text().replace(new, 'new_sqlite_classes = ["Room", "Old"]')
    config.write_text(before)
    await (running := await start("serve", "--workers", 0, "--port", 0)).ready()
    await running.stop()
    config.write_text(f'{before}\n[[migrations]]\ntag = "v2"\ndeleted_classes = ["Old"]\n')
    refused = await (await start("serve", "--workers", 0, "--port", 0)).ended()
    assert (refused.code, refused.out) == (2, "")
    assert "agree with --yes" in refused.err
    await (await start("serve", "--workers", 0, "--port", 0, "--yes")).ready()


async def test_a_refused_start_says_why_in_words(start: Start, project: Path) -> None:
    (project / "src" / "main.py").unlink()
    ended = await (await start("serve", "--workers", 0, "--port", 0)).ended()
    assert (ended.code, ended.out) == (2, "")
    assert "wrangler.toml:2: error: There is no file" in ended.err
    assert "Traceback" not in ended.err


# TLS.


async def test_tls_with_a_certificate_that_is_renewed(start: Start, tmp_path: Path) -> None:
    files = issue(tmp_path / "tls")
    options = ("--port", 0, "--tls-cert", files.cert, "--tls-key", files.key)
    running = await start("serve", "--workers", 0, *options)
    url = await running.ready()
    assert url.startswith("https://127.0.0.1:")
    async with connection_to(url) as (before, wire):
        issue(tmp_path / "tls")
        running.send(signal.SIGHUP)
        await running.message("tls.certificate_loaded")
        async with connection_to(url) as (after, _):
            assert before != after
        wire.say("GET / HTTP/1.1", "Host: a")
        assert (await wire.answer()).text == "visit 1"
    ended = await running.stop(signal.SIGTERM)
    assert ended.code == 0
    assert "Traceback" not in ended.err


async def test_a_certificate_that_cannot_be_used_is_told(start: Start, tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    for command in ("serve", "dev"):
        running = await start(command, "--port", 0, "--tls-cert", cert)
        ended = await running.ended()
        assert (ended.code, ended.out) == (2, "")
        assert "cert.pem: error: The file cannot be read: No such file or directory." in ended.err
        assert "Traceback" not in ended.err


@contextlib.asynccontextmanager
async def connection_to(url: str) -> AsyncIterator[tuple[int, Wire]]:
    """The number of the server's certificate, and a connection."""
    where = URL(url)
    reader, writer = await asyncio.open_connection(where.host, where.port, ssl=client_context())
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    async with Wire(reader, writer) as wire:
        yield serial_of(shown), wire


async def test_metrics_are_on_the_port_that_was_asked_for(start: Start) -> None:
    running = await start(
        "serve", "--workers", 0, "--port", 0, "--control-port", 0, "--log-format", "json"
    )
    told = json.loads(await running.message("control.ready"))
    status, text = await get(told["url"])
    assert told["url"].startswith("http://127.0.0.1:")
    assert status == 200
    assert "perdure_connections " in text
    assert (await get(told["url"].replace("/metrics", "/health")))[0] == 200


async def test_a_control_port_of_the_configuration_is_opened_and_an_option_wins(
    start: Start, project: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        configure(project, f"[perdure]\ncontrol_port = {port}")
        ended = await (await start("serve", "--workers", 0, "--port", 0)).ended()
        assert ended.code == 1
        assert f"cannot listen on 127.0.0.1:{port}" in ended.err
        assert "--control-port" in ended.err
        running = await start("serve", "--workers", 0, "--port", 0, "--control-port", 0)
        await running.ready()
        assert (await running.stop(signal.SIGTERM)).code == 0


async def test_a_program_that_is_being_written_tells_where_its_metrics_are(
    start: Start, project: Path
) -> None:
    configure(project, "[perdure]\ncontrol_port = 0")
    running = await start("dev", "--workers", 0, "--port", 0)
    status, text = await get(await running.line("Metrics on "))
    assert (status, "perdure_requests_total" in text) == (200, True)
