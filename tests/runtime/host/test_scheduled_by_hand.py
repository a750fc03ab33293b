"""Cron triggers, from the clock or by hand, to what a program makes of them."""

from dataclasses import replace

import aiohttp

from perdure.runtime.host.scheduled_by_hand import PATH, TEST_PATH
from tests.serving import Serving
from tests.world import FakeClock

MAIN = """
from perdure import DurableObject, Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(await self.env.LOG.get_by_name("a").all() or "nothing")

    async def scheduled(self, event):
        if event.cron == "boom":
            raise KeyError("boom")
        await self.env.LOG.get_by_name("a").add(f"{event.cron} at {event.scheduled_time}")

class Log(DurableObject):
    async def add(self, text):
        self.ctx.storage.kv.put("log", f"{await self.all()}{text};")

    async def all(self):
        return self.ctx.storage.kv.get("log") or ""
"""


async def get(url: str, **query: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.get(url, params=query) as answer:
        return answer.status, await answer.text()


async def test_whoever_develops_may_fire_one(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Log"], show_errors=True)
    assert await get(server.url) == (200, "nothing")
    assert await get(server.url + PATH, cron="*/5 * * * *", time="1700000000000") == (200, "ok")
    assert await get(server.url) == (200, "*/5 * * * * at 1700000000000;")
    assert await get(server.url + PATH, cron="boom") == (500, "exception")
    status, text = await get(server.url + PATH, time="now")
    assert (status, text) == (400, "time should be Unix milliseconds, but is 'now'.\n")


async def test_wranglers_path_for_tests_is_there_where_it_is_asked_for(serve: Serving) -> None:
    config = serve.write(MAIN, objects=["Log"])
    server = await serve.start(config, show_errors=True)
    assert await get(server.url + TEST_PATH, cron="* * * * *") == (200, "nothing")
    config = replace(config, dev=replace(config.dev, test_scheduled=True))
    data_dir = config.base_dir / "other"
    server = await serve.start(config, show_errors=True, data_dir=data_dir)
    query = {"cron": "* * * * *", "time": "1700000000000"}
    assert await get(server.url + TEST_PATH, **query) == (200, "Ran scheduled event")
    assert await get(server.url) == (200, "* * * * * at 1700000000000;")
    status, text = await get(server.url + TEST_PATH, cron="boom")
    assert status == 500
    assert "KeyError: 'boom'" in text


async def test_nobody_else_may(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Log"])
    assert await get(server.url + PATH, cron="*/5 * * * *") == (200, "nothing")


async def test_a_program_without_a_handler_has_failed(serve: Serving) -> None:
    main = MAIN.replace("async def scheduled", "async def other")
    server = await serve(main, objects=["Log"], show_errors=True)
    assert await get(server.url + PATH, cron="x") == (500, "exception")


async def test_the_clock_fires_them(serve: Serving) -> None:
    clock = FakeClock()
    clock.now_s = 1_767_225_600.0
    toml = '[triggers]\ncrons = ["*/2 * * * *"]\n'
    server = await serve(MAIN, objects=["Log"], toml=toml, clock=clock)
    clock.advance(180)
    status, text = await get(server.url)
    assert (status, text) == (200, "*/2 * * * * at 1767225720000;")
