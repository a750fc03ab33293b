"""``perdure tail`` beside a server, each a process of its own."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import Result

from tests.cli.process import Running, Start

pytestmark = pytest.mark.slow

Invoke = Callable[..., Result]


async def get(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        await response.read()
        return response.status


async def following(start: Start, *options: object) -> Running:
    """A reader that has begun to read."""
    reader = await start("tail", *options)
    await reader.message("Following")
    return reader


async def event(reader: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("{" + await reader.line("{"))
    return found


async def test_a_reader_follows_requests_messages_and_actors_as_json(start: Start) -> None:
    server = await start("serve", "--workers", 0, "--port", 0)
    url = await server.ready()
    reader = await following(start, "--format", "json", "--event", "request", "--event", "message")
    assert await get(f"{url}/a") == 200
    seen = await event(reader)
    assert (seen["event"], seen["method"], seen["path"]) == ("request", "GET", "/a")
    assert seen["time"].endswith("Z")
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws") as ws:
        assert await ws.receive_str() == "visit 2"
        await ws.close()
    seen = await event(reader)
    assert (seen["event"], seen["namespace"], seen["name"]) == ("message.sent", "Room", "a")
    assert (seen["kind"], seen["size_bytes"]) == ("text", 7)
    ended = await reader.stop()
    assert ended.code == 0
    assert ended.err == ""


async def test_people_get_a_line_for_each_event(start: Start) -> None:
    url = await (await start("serve", "--workers", 0, "--port", 0)).ready()
    reader = await following(start, "--format", "pretty", "--status", "error")
    assert await get(url) == 200  # not told of
    assert await get(f"{url}/boom") == 500
    line = (await reader.line("")).split(" ", 1)[1]
    assert line.split() == ["error", "in", "fetch:", "KeyError:", "'boom'"]
    await reader.line("  Traceback")
    line = await reader.line(line[:0])
    while " request " not in line:
        line = await reader.line("")
    assert "GET /boom 500 Internal Server Error" in line
    assert "address=127.0.0.1" in line


async def test_a_program_that_is_being_written_can_be_followed_too(start: Start) -> None:
    url = await (await start("dev", "--workers", 0, "--port", 0)).ready()
    reader = await following(start, "--namespace", "ROOM", "--name", "a")
    assert await get(url) == 200
    assert (await event(reader))["event"] == "actor.started"


async def test_a_server_that_stops_is_told(start: Start) -> None:
    server = await start("serve", "--workers", 0, "--port", 0)
    await server.ready()
    reader = await following(start)
    assert (await server.stop(signal.SIGTERM)).code == 0
    ended = await reader.ended()
    assert (ended.code, ended.err) == (0, "The server has stopped.\n")


async def test_a_server_that_is_killed_is_told(start: Start) -> None:
    server = await start("serve", "--workers", 0, "--port", 0)
    await server.ready()
    reader = await following(start, "--format", "pretty")
    await server.stop(signal.SIGKILL)
    ended = await reader.ended()
    assert ended.code == 1
    assert "The server has gone away without a word" in ended.err
    assert "Traceback" not in ended.err


async def test_an_interrupted_reader_leaves_the_server_alone(start: Start) -> None:
    server = await start("serve", "--workers", 0, "--port", 0)
    url = await server.ready()
    for number in (signal.SIGINT, signal.SIGTERM):
        ended = await (await following(start)).stop(number)
        assert (ended.code, ended.err) == (0, "")
    assert await get(url) == 200
    ended = await server.stop(signal.SIGTERM)
    assert (ended.code, "operation.failed" in ended.err) == (0, False)


CHATTY = """
from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        client, server = WebSocketPair()
        server.accept()
        server.add_event_listener("message", lambda _: [server.send("x") for _ in range(1000)])
        return Response(None, status=101, web_socket=client)


class Room(DurableObject):
    pass
"""


async def test_a_reader_that_does_not_read_loses_events_and_holds_nobody_up(
    start: Start, project: Path
) -> None:
    (project / "src" / "main.py").write_text(CHATTY)
    server = await start("serve", "--workers", 0, "--port", 0)
    url = await server.ready()
    reader = await following(start, "--event", "message.sent")
    reader.send(signal.SIGSTOP)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        for _ in range(25):  # more than both sides, and the kernel between them, can hold
            await ws.send_str("more")
            for _ in range(1000):
                assert await ws.receive_str() == "x"
    reader.send(signal.SIGCONT)
    last = lost = 0
    while not lost:
        seen = await event(reader)
        if seen["event"] == "events.lost":
            lost = seen["count"]
        else:
            assert seen["event"] == "message.sent"
            last += 1
    assert last + lost >= 4096
    assert (await reader.stop()).code == 0


async def test_what_cannot_be_followed_is_told_with_a_hint(start: Start) -> None:
    server = await start("serve", "--workers", 0, "--port", 0)
    await server.ready()
    ended = await (await start("tail", "--format", "pretty", "--event", "mesage.sent")).ended()
    assert ended.code == 2
    assert 'There is no event "mesage.sent"' in ended.err
    assert 'Did you mean "message.sent"?' in ended.err


async def test_without_a_server_there_is_nothing_to_follow(start: Start) -> None:
    server = await start("serve", "--workers", 0, "--port", 0)
    assert await get(await server.ready()) == 200
    await server.stop(signal.SIGTERM)
    ended = await (await start("tail", "--format", "json")).ended()
    assert ended.code == 2
    assert "No server runs on" in json.loads(ended.err)["message"]


def test_without_data_there_is_no_server(invoke: Invoke, project: Path) -> None:
    result = invoke("tail", "-c", project / "wrangler.toml", "--format", "pretty")
    assert result.exit_code == 2
    assert "does not exist" in result.output
