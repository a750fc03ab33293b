"""Cron triggers that a program fires over a binding; what is told is workerd's, asked by hand."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from perdure.actors.base import WorkerEntrypoint
from perdure.actors.limits import ActorLimits
from perdure.actors.service_stub import ServiceAddress, ServiceStub
from perdure.runtime.compat.entrypoint import WorkersWorker
from perdure.runtime.compat.js.dates import Date
from perdure.runtime.compat.js.proxies import JsException, jsnull
from perdure.runtime.compat.style import EXTRA_HANDLERS_FLAG
from perdure.runtime.compat.views.env import EnvView, bind
from perdure.runtime.compat.views.raw import RAW_SCHEDULING, RawSchedulingFetcher
from perdure.runtime.compat.views.scheduling import SCHEDULING, SchedulingService
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.exports import LoopbackStub
from perdure.runtime.host.services import WorkerService
from tests.actors.test_service_stub import Noted
from tests.serving import Serving
from tests.world import World

MAIN = """
    from datetime import datetime, timezone
    import js
    from workers import DurableObject, Response, WorkerEntrypoint, env

    EARLY = env.OTHER
    TIME = datetime(2026, 1, 1, tzinfo=timezone.utc)

    class Other(WorkerEntrypoint):
        async def scheduled(self, controller, env, ctx):
            await self.env.LOG.getByName("a").add(
                f"{controller.cron} {controller.scheduledTime} {self.ctx.props}")
            if "final" in controller.cron:
                controller.noRetry()
            if "boom" in controller.cron:
                raise ValueError("boom")
            return "not told"

    class Without(WorkerEntrypoint):
        pass

    class Log(DurableObject):
        async def add(self, text):
            self.ctx.storage.kv.put("log", [*await self.all(), text])

        async def all(self):
            return self.ctx.storage.kv.get("log") or []

        async def fire(self):
            told = await self.env.OTHER.scheduled({"cron": "by an object", "scheduledTime": TIME})
            return [told.outcome, told.noRetry]

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            log = self.env.LOG.getByName("a")
            exports = self.ctx.exports
            told = []
            for fired in (
                self.env.OTHER.scheduled({"scheduledTime": TIME, "cron": "a"}),
                self.env.OTHER.scheduled(scheduledTime=js.Date.new(5), cron="final"),
                EARLY.scheduled({"scheduledTime": 6, "cron": "boom"}),
                EARLY.scheduled({"scheduledTime": 7, "cron": "final boom"}),
                exports.Other.scheduled({"scheduledTime": 8, "cron": "own"}),
                exports.Other(props={"n": 1}).scheduled({"scheduledTime": 9, "cron": "props"}),
                exports.Without.scheduled({"cron": "nobody"}),
            ):
                result = await fired
                told.append([result.outcome, result["noRetry"]])
            told.append(await log.fire())
            return Response.json([told, await log.all()])
"""
TOML = """
    [[services]]
    binding = "OTHER"
    service = "app"
    entrypoint = "Other"
"""


async def test_a_trigger_is_fired_and_told_of(serve: Serving, http: aiohttp.ClientSession) -> None:
    config = serve.write(MAIN, objects=["Log"], toml=TOML)
    server = await serve.start(replace(config, compatibility_flags=[EXTRA_HANDLERS_FLAG]))
    async with http.get(server.url) as answer:
        told, log = await answer.json()
    assert told == [
        ["ok", False],
        ["ok", True],
        ["exception", False],
        ["exception", True],
        ["ok", False],
        ["ok", False],
        ["exception", True],
        ["ok", False],
    ]
    assert log == [
        "a 1767225600000 {}",
        "final 5 {}",
        "boom 6 {}",
        "final boom 7 {}",
        "own 8 {}",
        "props 9 {'n': 1}",
        "by an object 1767225600000 {}",
    ]


async def test_without_the_flag_it_is_a_method(serve: Serving, http: aiohttp.ClientSession) -> None:
    main = """
    from workers import Response, WorkerEntrypoint

    class Other(WorkerEntrypoint):
        async def scheduled(self, said):
            return f"{type(said).__name__} {said.cron}"

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response(await self.env.OTHER.scheduled({"cron": "a"}))
    """
    server = await serve(main, toml=TOML)
    async with http.get(server.url) as answer:
        assert await answer.text() == "JsDict a"


@pytest.mark.parametrize("make", [SCHEDULING.of_service, RAW_SCHEDULING.of_service])
async def test_what_has_no_handlers_says_so(world: World, make: Any) -> None:
    view = make(ServiceStub(Noted()))
    assert isinstance(view, SchedulingService | RawSchedulingFetcher)

    async def script(lab: object) -> list[Any]:
        said: list[Any] = [
            (),
            (None,),
            (jsnull,),
            ({"cron": 5, "scheduledTime": datetime.now(UTC)},),
            ({"scheduledTime": Date()},),
        ]
        return [await view.scheduled(*arguments) for arguments in said]

    assert await world.inside(script) == [{"outcome": "exception", "noRetry": True}] * 5


async def test_an_entrypoint_of_ones_own_with_props_can_be_fired_too(world: World) -> None:
    class Other(WorkerEntrypoint):
        def scheduled(self, controller: Any) -> None:
            heard.append((controller.cron, self.ctx.props["n"]))

    heard: list[Any] = []
    bind(view := EnvView(), Env({}))
    limits = ActorLimits()
    worker = WorkersWorker(world.loop, world.outbound, Other, Env({}), limits, view=view)
    loopback = LoopbackStub(WorkerService(ServiceAddress("app", "Other"), worker, Other))
    for views in (SCHEDULING, RAW_SCHEDULING):
        own = views.of_loopback(loopback)(props={"n": 1})

        async def script(lab: object, own: Any = own) -> Any:
            return await own.scheduled(cron="a")

        assert await world.inside(script) == {"outcome": "ok", "noRetry": False}
    assert heard == [("a", 1), ("a", 1)]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("text", "parameter 1 is not of type 'ScheduledOptions'"),
        (5, "parameter 1 is not of type 'ScheduledOptions'"),
        ({"scheduledTime": "x"}, "the provided value is not of type 'date'"),
        ({"scheduledTime": True}, "the provided value is not of type 'date'"),
        ({"scheduledTime": float("nan")}, "the provided value is not of type 'date'"),
    ],
)
async def test_options_that_are_none_are_refused(world: World, options: Any, why: str) -> None:
    view = SCHEDULING.of_service(ServiceStub(Noted()))

    async def script(lab: object) -> None:
        with pytest.raises(JsException, match=why):
            await view.scheduled(options)

    await world.inside(script)


async def test_outside_of_a_handler_it_is_refused() -> None:
    view = SCHEDULING.of_service(ServiceStub(Noted()))
    with pytest.raises(JsException, match="works only while a handler"):
        await view.scheduled()
