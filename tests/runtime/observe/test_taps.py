"""What readers of the stream hear of a real server, and that nothing listens without one."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from perdure.actors.watch import watch as actor_watch
from perdure.runtime.observe.console import Ear
from perdure.runtime.observe.stream import Reader, StreamEvent, Wanted
from perdure.runtime.observe.taps import LogTap, stream
from perdure.runtime.server import Server
from perdure.runtime.sockets.watch import watch as socket_watch
from tests.serving import Serving

MAIN = """
    import asyncio
    import logging
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            path = request.parsed_url.path
            if request.headers.get("Upgrade") == "websocket":
                client, server = WebSocketPair()
                if path == "/hibernating":
                    self.ctx.accept_web_socket(server)
                else:
                    server.accept()
                    server.add_event_listener("message", lambda event: server.send("pong"))
                return Response(None, status=101, web_socket=client)
            if path == "/boom":
                raise KeyError("boom")
            if path == "/print":
                print("printed", "here")
                logging.getLogger("mine").info("logged", extra={"who": "me"})
                await asyncio.to_thread(logging.getLogger("mine").info, "from a thread")
            if path == "/alarm":
                await self.ctx.storage.set_alarm(1)
            if path == "/abort":
                self.ctx.abort("on purpose")
            return Response("done")

        async def web_socket_message(self, socket, message):
            socket.send("pong")

        async def alarm(self):
            pass

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name("lobby").fetch(request)
"""
RULE = """
[[perdure.firewall]]
name = "no-admin"
path = "/admin"
action = "deny"
"""

Open = Callable[..., "Listening"]


class Listening:
    """A reader, and what it has read."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.seen: list[StreamEvent] = []

    async def until(self, name: str, **fields: Any) -> StreamEvent:
        """Read up to an event of this name with these fields."""
        while True:
            for event in self.seen:
                if event.name == name and fields.items() <= event.fields.items():
                    return event
            async with asyncio.timeout(30):
                found = await self.reader.next()
            assert found is not None
            self.seen += found[0]


@pytest.fixture
async def listen() -> AsyncIterator[Open]:
    """Reads along: ``listen("alarm")``; without names, everything."""
    readers = []

    def listen(*names: str) -> Listening:
        readers.append(stream.open(Wanted(frozenset(names))))
        return Listening(readers[-1])

    yield listen
    for reader in readers:
        reader.end()
        with contextlib.suppress(ValueError):  # the test has closed it
            stream.close(reader)


@pytest.fixture
async def server(serve: Serving) -> Server:
    return await serve(MAIN, objects=["Room"], toml=RULE)


def name_of(event: StreamEvent) -> str | None:
    return None if event.actor_id is None else event.actor_id.name


async def test_a_request_is_told_when_it_was_answered(
    server: Server, http: aiohttp.ClientSession, listen: Open
) -> None:
    heard = listen("request")
    async with http.get(f"{server.url}/a?b=c") as answer:
        assert answer.status == 200
    event = await heard.until("request")
    assert event.fields["method"] == "GET"
    assert event.fields["path"] == "/a?b=c"
    assert event.fields["status"] == 200
    assert event.fields["address"] == "127.0.0.1"
    assert [event.name for event in heard.seen] == ["request"]


@pytest.mark.parametrize("path", ["/standard", "/hibernating"])
async def test_a_socket_is_told_of_from_its_upgrade_to_its_end(
    server: Server, http: aiohttp.ClientSession, listen: Open, path: str
) -> None:
    heard = listen(*SOCKET_STORY)
    async with http.ws_connect(server.url + path) as ws:
        await ws.send_str("ping é")
        assert await ws.receive_str() == "pong"
        await ws.close(code=4001, message=b"bye")
    closed = await heard.until("websocket.connection.closed")
    assert [event.name for event in heard.seen] == SOCKET_STORY
    assert {name_of(event) for event in heard.seen} == {"lobby"}
    assert len({event.fields["socket"] for event in heard.seen}) == 1
    accepted, received, sent, _ = [event.fields for event in heard.seen]
    assert accepted["path"] == path
    assert (received["kind"], received["size_bytes"]) == ("text", 7)
    assert (sent["kind"], sent["size_bytes"]) == ("text", 4)
    assert (closed.fields["code"], closed.fields["reason"]) == (4001, "bye")
    assert closed.fields["was_clean"] is True


SOCKET_STORY = [
    "websocket.connection.accepted",
    "message.received",
    "message.sent",
    "websocket.connection.closed",
]


async def test_a_client_that_vanishes_is_told_of_once(
    server: Server, http: aiohttp.ClientSession, listen: Open
) -> None:
    heard = listen("websocket.connection.closed")
    async with http.ws_connect(f"{server.url}/standard") as ws:
        connection = ws._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
    event = await heard.until("websocket.connection.closed")
    assert (event.fields["code"], event.fields["was_clean"]) == (1006, False)
    async with http.get(server.url) as answer:
        await answer.read()
    assert len(heard.seen) == 1


async def test_a_broken_protocol_is_told_of(
    server: Server, http: aiohttp.ClientSession, listen: Open
) -> None:
    heard = listen("websocket.protocol.error")
    async with http.ws_connect(f"{server.url}/standard") as ws:
        connection = ws._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.write(b"\xff\xff")
        await ws.receive()
    event = await heard.until("websocket.protocol.error")
    assert event.fields["code"] == 1002
    assert name_of(event) == "lobby"


async def test_an_error_is_told_with_its_handler_and_its_traceback(
    server: Server, http: aiohttp.ClientSession, listen: Open
) -> None:
    heard = listen("error")
    async with http.get(f"{server.url}/boom") as answer:
        assert answer.status == 500
    event = await heard.until("error")
    assert name_of(event) == "lobby"
    assert event.fields["handler"] == "fetch"
    assert isinstance(event.fields["exception"], KeyError)


async def test_what_code_prints_and_logs_is_told_with_its_actor(
    server: Server, http: aiohttp.ClientSession, listen: Open
) -> None:
    logging.getLogger("mine").setLevel(logging.INFO)
    heard = listen("console", "log")
    async with http.get(f"{server.url}/print") as answer:
        await answer.read()
    printed = await heard.until("console")
    assert (name_of(printed), printed.fields["text"]) == ("lobby", "printed here")
    logged = await heard.until("log", message="logged")
    assert (logged.fields["level"], logged.fields["logger"]) == ("info", "mine")
    assert logged.fields["fields"] == {"who": "me"}
    assert name_of(logged) == "lobby"
    assert name_of(await heard.until("log", message="from a thread")) == "lobby"


async def test_the_life_of_an_actor_and_its_alarm_are_told(
    server: Server, http: aiohttp.ClientSession, listen: Open
) -> None:
    heard = listen("actor.started", "actor.reset", "alarm")
    async with http.get(f"{server.url}/alarm") as answer:
        await answer.read()
    alarm = await heard.until("alarm")
    assert (alarm.fields["outcome"], alarm.fields["then"]) == ("ok", "done")
    assert name_of(alarm) == "lobby"
    async with http.get(f"{server.url}/abort") as answer:
        await answer.read()
    assert name_of(await heard.until("actor.reset")) == "lobby"
    assert heard.seen[0].name == "actor.started"


async def test_an_eviction_tells_how_many_sockets_stay(
    serve: Serving, http: aiohttp.ClientSession, listen: Open
) -> None:
    server = await serve(MAIN, objects=["Room"], toml="[perdure]\nidle_timeout_s = 0.01")
    heard = listen("actor.evicted")
    async with http.ws_connect(f"{server.url}/hibernating"):
        assert (await heard.until("actor.evicted")).fields == {"sockets": 1}


async def test_messages_of_an_actor_that_sleeps_are_told_with_its_name(
    serve: Serving, http: aiohttp.ClientSession, listen: Open
) -> None:
    server = await serve(MAIN, objects=["Room"], toml="[perdure]\nidle_timeout_s = 0.01")
    heard = listen("actor.evicted", "actor.started", "message.received")
    async with http.ws_connect(f"{server.url}/hibernating") as ws:
        await heard.until("actor.evicted")
        heard.seen.clear()
        await ws.send_str("wake up")
        assert await ws.receive_str() == "pong"
        received = await heard.until("message.received")
        await heard.until("actor.started")
    assert [event.name for event in heard.seen][:2] == ["message.received", "actor.started"]
    assert name_of(received) == "lobby"


async def test_a_rule_that_refuses_is_told_of(
    server: Server, http: aiohttp.ClientSession, listen: Open
) -> None:
    heard = listen("firewall")
    async with http.get(f"{server.url}/admin?token=secret") as answer:
        assert answer.status == 403
    fields = (await heard.until("firewall")).fields
    assert (fields["rule"], fields["outcome"]) == ("no-admin", "refused")
    assert (fields["method"], fields["path"]) == ("GET", "/admin")


async def test_without_a_reader_nothing_listens(listen: Open) -> None:
    def is_tapped() -> list[bool]:
        root = logging.getLogger()
        return [
            actor_watch.tell is not None,
            socket_watch.tell is not None,
            any(isinstance(handler, LogTap) for handler in root.handlers),
            isinstance(sys.stdout, Ear),
        ]

    assert is_tapped() == [False] * 4
    heard = listen("message.sent")
    assert is_tapped() == [False, True, False, False]
    everything = listen()
    assert is_tapped() == [True] * 4
    stream.close(everything.reader)
    assert is_tapped() == [False, True, False, False]
    stream.close(heard.reader)
    assert is_tapped() == [False] * 4
