"""The camelCase handlers of a class, as an actor calls them."""

import logging
from typing import Any

import pytest

from perdure.actors.alarm import AfterAlarm
from perdure.actors.base import DurableObject
from perdure.actors.errors import NoSuchMethod
from perdure.actors.events import AlarmEvent, CallEvent
from perdure.runtime.compat.handlers import construct_in_workers_style, relaxed
from perdure.runtime.compat.js.buffers import ArrayBuffer
from perdure.runtime.compat.js.http import Response as JsResponse
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.js.values import JsDict
from perdure.runtime.compat.js.websockets import WebSocketPair
from perdure.runtime.compat.sdk.messages import Request, Response
from perdure.runtime.compat.views.env import EnvView
from perdure.storage.values import encode
from tests.world import FakeLink, World, turns

heard: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    heard.clear()


def stub_of(world: World, cls: type[Any], **options: Any) -> Any:
    construct = construct_in_workers_style(cls, EnvView(), has_sql=True, **options)
    return world.namespace(cls, construct=construct).get_by_name("one")


class Room(DurableObject):
    ctx: Any

    async def fetch(self, request: Request) -> Any:
        heard.append(type(request))
        if request.url.endswith("/js"):
            return JsResponse("js")
        if request.url.endswith("/none"):
            return None
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    def webSocketMessage(self, ws: Any, message: Any) -> None:
        heard.append((ws is self.ctx.getWebSockets()[0], message))

    async def webSocketClose(self, ws: Any, code: int, reason: str, wasClean: bool) -> None:
        heard.append((code, reason, wasClean))

    def webSocketError(self, ws: Any, error: Any) -> None:
        heard.append(error.message)

    async def alarm(self, info: Any) -> None:
        heard.append((info.isRetry, info.retryCount, info.scheduledTime))

    async def arm(self, time_ms: int) -> None:
        await self.ctx.storage.setAlarm(time_ms)

    async def take(self, value: Any, *, option: Any = None) -> Any:
        return [type(value).__name__, option and option.n]

    async def last(self, value: Any, options: Any) -> Any:
        return [value, type(options) is JsDict and options.a]


class Bare(DurableObject):
    """No handler at all."""


async def test_fetch_gets_a_request_and_may_answer_in_either_way(world: World) -> None:
    stub = stub_of(world, Room)
    answer = await stub.fetch("http://a/js")
    assert await answer.text() == "js"
    assert heard == [Request]
    with pytest.raises(TypeError, match="did not resolve to 'Response'"):
        await stub.fetch("http://a/none")


async def test_sockets_are_heard_under_the_platforms_names(world: World) -> None:
    stub = stub_of(world, Room)
    answer = await stub.fetch("http://a/")
    link = FakeLink()
    answer.web_socket.hand_over(link)
    link.says("text")
    link.says(b"\x01")
    link.is_lost(1002, "nonsense")
    assert heard[1:] == [
        (True, "text"),
        (True, ArrayBuffer(b"\x01")),
        "nonsense",
        (1002, "nonsense", False),
    ]


async def test_what_is_not_there_is_named(world: World) -> None:
    stub = stub_of(world, Bare)
    with pytest.raises(TypeError, match="Method fetch does not exist"):
        await stub.fetch("http://a/")


async def test_a_missing_handler_of_sockets_does_no_harm(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Deaf(DurableObject):
        ctx: Any

        async def fetch(self, request: Any) -> Any:
            client, server = WebSocketPair.new().object_values()
            self.ctx.acceptWebSocket(server)
            return Response(None, status=101, web_socket=client)

    answer = await stub_of(world, Deaf).fetch("http://a/")
    link = FakeLink()
    answer.web_socket.hand_over(link)
    with caplog.at_level(logging.ERROR):
        link.says("text")
    assert "Method webSocketMessage does not exist" in caplog.text
    caplog.clear()
    link.is_lost(1002, "nonsense")
    assert caplog.text == ""


async def test_an_alarm_is_told_of_itself(world: World) -> None:
    stub = stub_of(world, Room)
    answers: list[Any] = []
    registry = world.host.namespaces["test-Room"]
    await stub.arm(9_000_000_000_000)
    registry.deliver(
        stub.id, AlarmEvent(9_000_000_000_000, 2), lambda *answer: answers.append(answer)
    )
    await turns()
    assert heard == [(True, 2, 9_000_000_000_000)]
    assert answers[0][0][0] is AfterAlarm.DONE


async def test_arguments_and_results_are_converted(world: World) -> None:
    stub = stub_of(world, Room)
    assert await stub.take({"a": 1}) == ["JsDict", None]
    assert await stub.take(b"x") == ["ArrayBuffer", None]
    assert await stub.take([1], option={"n": 5}) == ["JsList", 5]
    assert await stub.last(1, a=2) == [1, 2]


@pytest.mark.parametrize("name", ["fetch", "alarm", "webSocketMessage", "webSocketClose"])
async def test_handlers_are_no_methods(name: str, world: World) -> None:
    stub = stub_of(world, Room)
    await stub.take(1)
    handlers: Any = world.actor(Room).handlers
    with pytest.raises(TypeError, match="is a reserved method"):
        handlers.call(CallEvent(name, encode([[], {}])))
    with pytest.raises(NoSuchMethod, match="does not implement"):
        handlers.call(CallEvent("_private", encode([[], {}])))


async def test_in_older_programs_handlers_have_a_prefix(world: World) -> None:
    class Old(DurableObject):
        async def on_fetch(self, request: Any, env: Any, ctx: Any) -> Any:
            assert env is self.env
            return JsResponse(f"{request.method} {ctx.id.name}")

    stub = stub_of(world, Old, has_global_handlers=True)
    assert await (await stub.fetch("http://a/")).text() == "GET one"


async def test_a_mixin_that_never_calls_ours_has_ctx_and_env(world: World) -> None:
    class Mixin:
        def __init__(self, ctx: Any, env: Any) -> None:
            self.seen = ctx

    class Mixed(Mixin, DurableObject):
        async def what(self) -> list[Any]:
            ctx: Any = self.ctx
            return [self.seen is ctx, ctx.id.name, isinstance(self.env, EnvView)]

    assert await stub_of(world, Mixed).what() == [True, "one", True]


async def test_fetch_takes_as_many_of_request_env_and_ctx_as_it_has_places_for(
    world: World,
) -> None:
    class WithNone(DurableObject):
        def fetch(self) -> Response:
            return Response("none")

    class WithThree(DurableObject):
        def fetch(self, request: Request, env: Any, ctx: Any) -> Response:
            return Response(f"{request.url} {env} {ctx}")

    assert await (await stub_of(world, WithNone).fetch("http://a/")).text() == "none"
    assert (
        await (await stub_of(world, WithThree).fetch("http://a/")).text() == "http://a/ None None"
    )


def test_surplus_arguments_are_dropped() -> None:
    assert relaxed(lambda: 0, 2)(1, 2) == 0
    assert relaxed(lambda a: a, 2)(1, 2) == 1
    assert relaxed(lambda a, b: (a, b), 2)(1, 2) == (1, 2)
    assert relaxed(lambda *all: all, 2)(1, 2) == (1, 2)
    assert relaxed(lambda a, *, b=5: (a, b), 2)(1, 2) == (1, 5)
    assert relaxed(max, 2)(1, 2) == 2


async def test_an_error_of_a_view_crosses_as_what_it_is(world: World) -> None:
    class Fails(DurableObject):
        ctx: Any

        async def fail(self) -> None:
            self.ctx.storage.sql.exec("nonsense")

    with pytest.raises(JsException, match='near "nonsense": syntax error') as raised:
        await stub_of(world, Fails).fail()
    assert raised.value.name == "Error"
