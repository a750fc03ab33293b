"""Actors and their past, on a whole server: bookmarks, going back, and forth again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.server import Server
from tests.serving import Serving

MAIN = """
    import json
    from datetime import datetime, timezone
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            what, _, argument = request.parsed_url.path.strip("/").partition("/")
            return Response.json(await getattr(self, what)(argument))

        async def put(self, value):
            self.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS words (word)")
            self.ctx.storage.sql.exec("INSERT INTO words VALUES (?)", value)
            return await self.ctx.storage.get_current_bookmark()

        async def words(self, _):
            try:
                return [word for (word,) in self.ctx.storage.sql.exec("SELECT word FROM words").raw()]
            except Exception as error:
                return str(error)

        async def at(self, time_ms):
            return await self.ctx.storage.get_bookmark_for_time(int(time_ms))

        async def back(self, bookmark):
            try:
                return await self.ctx.storage.on_next_session_restore_bookmark(bookmark)
            except Exception as error:
                return f"{type(error).__name__}: {error}"

        async def back_now(self, bookmark):
            undo = await self.ctx.storage.on_next_session_restore_bookmark(bookmark)
            await self.ctx.storage.put("undo", undo)
            self.ctx.abort("going back")

        async def alarm_in(self, seconds):
            await self.ctx.storage.set_alarm(
                datetime.now(timezone.utc).timestamp() * 1000 + float(seconds) * 1000)
            return await self.ctx.storage.get_current_bookmark()

        async def no_alarm(self, _):
            await self.ctx.storage.delete_alarm()
            return await self.ctx.storage.get_current_bookmark()

        async def alarm(self):
            self.ctx.storage.kv.put("rang", True)

        async def alarm_at(self, _):
            return await self.ctx.storage.get_alarm()

        async def inside(self, _):
            async def ask(txn):
                return await self.ctx.storage.get_current_bookmark()
            try:
                return await self.ctx.storage.transaction(ask)
            except Exception as error:
                return str(error)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            _, name, rest = request.parsed_url.path.split("/", 2)
            return await self.env.ROOM.get_by_name(name).fetch(f"http://room/{rest}")
"""


class Rooms:
    def __init__(self, server: Server, client: aiohttp.ClientSession) -> None:
        self.server = server
        self._client = client

    async def start_again(self, serve: Serving) -> None:
        await self.server.stop(drain_s=0)
        serve.running.remove(self.server)
        self.server = await serve.start(self.server.config)

    async def __call__(self, path: str) -> Any:
        async with self._client.get(f"{self.server.url}/{path}") as answer:
            if answer.status != 200:
                return f"{answer.status}"
            return await answer.json()


@pytest.fixture
async def rooms(serve: Serving) -> AsyncIterator[Rooms]:
    server = await serve(MAIN, objects=["Room"])
    async with aiohttp.ClientSession() as client:
        yield Rooms(server, client)


async def test_an_actor_goes_back_and_forth_again(rooms: Rooms) -> None:
    marks = [await rooms(f"a/put/{word}") for word in ("one", "two", "three")]
    assert marks == sorted(marks)
    assert len(set(marks)) == 3
    undo = await rooms(f"a/back/{marks[0]}")
    assert await rooms("a/words") == ["one", "two", "three"], "not before the next session"
    assert undo >= marks[2]
    assert await rooms(f"a/back_now/{marks[1]}") == "500", "the last word counts"
    assert await rooms("a/words") == ["one", "two"]
    later = await rooms("a/put/four")
    assert later > undo
    await rooms(f"a/back_now/{undo}")
    assert await rooms("a/words") == ["one", "two", "three"]
    await rooms(f"a/back_now/{later}")
    assert await rooms("a/words") == ["one", "two", "four"]


async def test_events_that_come_while_an_actor_goes_back_find_it_there(rooms: Rooms) -> None:
    mark = await rooms("a/put/one")
    for number in range(20):
        await rooms(f"a/put/{number}")
    await rooms(f"a/back_now/{mark}")
    answers = await asyncio.gather(*(rooms("a/words") for _ in range(10)))
    assert answers == [["one"]] * 10


async def test_a_restore_that_was_asked_for_outlives_the_server(
    rooms: Rooms, serve: Serving
) -> None:
    mark = await rooms("a/put/one")
    await rooms("a/put/two")
    await rooms(f"a/back/{mark}")
    await rooms.start_again(serve)
    assert await rooms("a/words") == ["one"]
    await rooms.start_again(serve)
    assert await rooms("a/words") == ["one"], "once"


async def test_a_time_is_a_bookmark_too(rooms: Rooms) -> None:
    await rooms("a/put/one")
    assert await rooms("a/at/99999999999999") == await rooms("a/at/99999999999999")
    before = await rooms("a/at/1000")
    await rooms(f"a/back_now/{before}")
    assert "no such table" in await rooms("a/words")


async def test_what_is_no_bookmark_of_the_actor_is_refused(rooms: Rooms) -> None:
    mark = await rooms("a/put/one")
    await rooms("b/put/one")
    assert "InvalidBookmark" in await rooms(f"b/back/{mark}")
    assert "InvalidBookmark" in await rooms("b/back/yesterday")
    future = mark[:9] + "00000000ffffffff" + mark[25:]
    assert "InvalidBookmark" in await rooms(f"a/back/{future}")
    assert "outside of the transaction" in await rooms("a/inside")


async def test_the_alarm_goes_back_as_well(rooms: Rooms) -> None:
    with_alarm = await rooms("a/alarm_in/3600")
    due = await rooms("a/alarm_at")
    without = await rooms("a/no_alarm")
    await rooms(f"a/back_now/{with_alarm}")
    assert await rooms("a/alarm_at") == due
    await rooms(f"a/back_now/{without}")
    assert await rooms("a/alarm_at") is None


async def test_without_a_past_only_the_log_is_left(serve: Serving, tmp_path: Path) -> None:
    server = await serve(MAIN, objects=["Room"], toml="[perdure]\npoint_in_time_days = 0\n")
    async with aiohttp.ClientSession() as client:
        rooms = Rooms(server, client)
        mark = await rooms("a/put/one")
        await rooms("a/put/two")
        await rooms(f"a/back_now/{mark}")
        assert await rooms("a/words") == ["one"]
    assert not list(tmp_path.rglob("archive"))
