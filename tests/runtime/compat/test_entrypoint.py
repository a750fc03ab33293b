"""A Worker in Workers style."""

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perdure.actors.base import WorkerEntrypoint
from perdure.actors.http import Request as NativeRequest
from perdure.actors.http import Response as NativeResponse
from perdure.actors.limits import ActorLimits
from perdure.runtime.compat.entrypoint import WorkersWorker, entrypoint_of_globals
from perdure.runtime.compat.js.http import Request as JsRequest
from perdure.runtime.compat.js.http import Response as JsResponse
from perdure.runtime.compat.sdk.entrypoints import handler
from perdure.runtime.compat.sdk.messages import Request, Response
from perdure.runtime.compat.views.env import EnvView, bind
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.loader import LoadError
from perdure.runtime.host.scheduled import ScheduledEvent
from tests.world import World

MAIN = Path("main.py")


async def ask(world: World, entrypoint: type[Any], url: str = "http://a/") -> NativeResponse:
    native = Env({"GREETING": "hello"})
    view = EnvView()
    bind(view, native)
    worker = WorkersWorker(world.loop, world.outbound, entrypoint, native, ActorLimits(), view=view)
    done: asyncio.Future[NativeResponse] = world.loop.create_future()

    def on_response(response: NativeResponse | None, error: BaseException | None) -> None:
        if error is None:
            assert response is not None
            done.set_result(response)
        else:
            done.set_exception(error)

    worker.fetch(NativeRequest(url), on_response)
    return await done


async def test_default_gets_a_request_and_has_env_and_ctx(world: World) -> None:
    class Default(WorkerEntrypoint):
        ctx: Any

        async def fetch(self, request: Request) -> Response:
            self.ctx.waitUntil(asyncio.sleep(0))
            self.ctx.passThroughOnException()
            return Response(f"{self.env.GREETING} {request.url}")

    assert await (await ask(world, Default)).text() == "hello http://a/"


async def test_fetch_takes_as_many_of_request_env_and_ctx_as_it_has_places_for(
    world: World,
) -> None:
    class WithNone(WorkerEntrypoint):
        def fetch(self) -> Response:
            return Response("none")

    class WithThree(WorkerEntrypoint):
        def fetch(self, request: Request, env: Any, ctx: Any) -> Response:
            return Response(f"{request.url} {env} {ctx}")

    assert await (await ask(world, WithNone)).text() == "none"
    assert await (await ask(world, WithThree)).text() == "http://a/ None None"


async def test_a_default_without_fetch_says_so(world: World) -> None:
    class Default(WorkerEntrypoint):
        pass

    with pytest.raises(TypeError, match="Method fetch does not exist"):
        await ask(world, Default)


def module(**names: Any) -> ModuleType:
    made = ModuleType("main")
    vars(made).update(names)
    return made


async def test_functions_of_the_module_answer_in_older_programs(world: World) -> None:
    async def on_fetch(request: Any, env: Any) -> Any:
        assert isinstance(request, JsRequest)
        return JsResponse(f"{env.GREETING} {request.method}")

    entrypoint = entrypoint_of_globals(module(on_fetch=on_fetch), MAIN)
    assert entrypoint is not None
    assert await (await ask(world, entrypoint)).text() == "hello GET"


async def test_a_decorated_function_gets_the_request_of_workers(world: World) -> None:
    @handler
    async def on_fetch(request: Any, env: Any, ctx: Any) -> Any:
        assert isinstance(request, Request)
        ctx.waitUntil(asyncio.sleep(0))
        return Response(env.GREETING)

    entrypoint = entrypoint_of_globals(module(on_fetch=on_fetch), MAIN)
    assert entrypoint is not None
    assert await (await ask(world, entrypoint)).text() == "hello"


async def test_other_functions_do_not_answer_requests(world: World) -> None:
    entrypoint = entrypoint_of_globals(module(on_scheduled=lambda: None), MAIN)
    assert entrypoint is not None
    with pytest.raises(TypeError, match="Method on_fetch does not exist"):
        await ask(world, entrypoint)


def test_a_module_without_such_functions_has_none() -> None:
    assert entrypoint_of_globals(module(on_fetch=5), MAIN) is None


def test_functions_and_a_class_are_too_much() -> None:
    both = module(on_fetch=lambda: None, Default=WorkerEntrypoint)
    with pytest.raises(LoadError, match="Cannot define multiple default entrypoints"):
        entrypoint_of_globals(both, MAIN)


async def fire(world: World, entrypoint: type[Any]) -> BaseException | None:
    view, native = EnvView(), Env({"GREETING": "hello"})
    bind(view, native)
    worker = WorkersWorker(world.loop, world.outbound, entrypoint, native, ActorLimits(), view=view)
    done: asyncio.Future[BaseException | None] = world.loop.create_future()
    worker.scheduled(ScheduledEvent("*/5 * * * *", 1_700_000_000_000), done.set_result)
    return await done


async def test_a_cron_trigger_runs_scheduled_with_a_controller(world: World) -> None:
    heard = []

    class Default(WorkerEntrypoint):
        async def scheduled(self, controller: Any, env: Any, ctx: Any) -> None:
            controller.noRetry()
            heard.append((controller.cron, controller.scheduledTime, env, ctx, self.env.GREETING))

    class Shorter(WorkerEntrypoint):
        def scheduled(self, controller: Any) -> None:
            heard.append(controller.cron)

    assert await fire(world, Default) is None
    assert await fire(world, Shorter) is None
    assert heard == [("*/5 * * * *", 1_700_000_000_000, None, None, "hello"), "*/5 * * * *"]


async def test_a_cron_trigger_runs_on_scheduled_of_older_programs(world: World) -> None:
    heard = []

    async def on_scheduled(controller: Any, env: Any, ctx: Any) -> None:
        heard.append((controller.cron, env.GREETING, ctx is not None))

    entrypoint = entrypoint_of_globals(module(on_scheduled=on_scheduled), MAIN)
    assert entrypoint is not None
    assert await fire(world, entrypoint) is None
    assert heard == [("*/5 * * * *", "hello", True)]


async def test_a_cron_trigger_without_a_handler_says_so(world: World) -> None:
    class Default(WorkerEntrypoint):
        pass

    assert str(await fire(world, Default)) == "Method scheduled does not exist"
