"""``ctx`` in the platform's spelling."""

from typing import Any

import pytest

from perdure.actors.alarm import AlarmInfo
from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorAborted, ActorReset
from perdure.runtime.compat.handlers import construct_in_workers_style
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.js.values import JsList
from perdure.runtime.compat.js.websockets import WebSocketPair, WebSocketRequestResponsePair
from perdure.runtime.compat.views.env import EnvView
from perdure.runtime.compat.views.state import AlarmInfoView
from tests.world import World


async def test_sockets_are_the_same_objects_as_long_as_it_is_in_memory(workers: World) -> None:
    def script(lab: Any) -> None:
        ctx = lab.ctx
        pairs = [WebSocketPair.new() for _ in range(3)]
        for number, pair in enumerate(pairs):
            ctx.acceptWebSocket(pair["1"], JsList([f"n{number}", "all"]) if number else None)
        newest = [pair["1"] for pair in reversed(pairs)]
        sockets = ctx.getWebSockets()
        assert sockets == newest
        assert all(one is other for one, other in zip(sockets, newest, strict=True))
        assert len(sockets) == sockets.length == 3
        sockets[0].whatever = 5
        assert ctx.getWebSockets("n2")[0].whatever == 5
        assert ctx.getWebSockets("all") == newest[1::-1]
        assert ctx.getTags(newest[0]).to_py() == ["n2", "all"]
        assert {newest[0]: "key"}[ctx.getWebSockets()[0]] == "key"

    await workers.inside(script)


async def test_what_cannot_be_accepted_is_refused_in_the_platforms_words(workers: World) -> None:
    def script(lab: Any) -> None:
        client, server = WebSocketPair.new().object_values()
        with pytest.raises(TypeError, match="parameter 1 is not of type 'WebSocket'"):
            lab.ctx.acceptWebSocket("socket")
        with pytest.raises(JsException, match="tags are a list"):
            lab.ctx.acceptWebSocket(server, "tag")
        server.accept()
        with pytest.raises(JsException, match="Cannot call `acceptWebSocket\\(\\)`"):
            lab.ctx.acceptWebSocket(server)
        with pytest.raises(JsException, match="only hibernatable websockets can have tags"):
            lab.ctx.getTags(server)
        assert client is not server

    await workers.inside(script)


async def test_answers_by_itself_are_a_pair(workers: World) -> None:
    def script(lab: Any) -> None:
        ctx = lab.ctx
        assert ctx.getWebSocketAutoResponse() is None
        ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new("ping", "pong"))
        assert ctx.getWebSocketAutoResponse().response == "pong"
        ctx.setWebSocketAutoResponse()
        assert ctx.getWebSocketAutoResponse() is None
        server = WebSocketPair.new()["1"]
        ctx.acceptWebSocket(server)
        assert ctx.getWebSocketAutoResponseTimestamp(server) is None
        ctx.setHibernatableWebSocketEventTimeout(1000)
        assert ctx.getHibernatableWebSocketEventTimeout() == 1000

    await workers.inside(script)


class Loads(DurableObject):
    ctx: Any  # in this style it is a view

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)

        @self.ctx.blockConcurrencyWhile  # type: ignore[untyped-decorator]  # ctx is Any
        async def load() -> str:
            self.loaded = await self.ctx.storage.get("k") or "nothing"
            return self.loaded

        self.promise = load

    async def what(self) -> list[str]:
        return [self.loaded, await self.promise]

    async def end(self) -> None:
        try:
            self.ctx.abort("enough")
        except Exception:  # it passes this
            self.loaded = "caught"


async def test_block_concurrency_while_decorates(world: World) -> None:
    construct = construct_in_workers_style(Loads, EnvView(), has_sql=True)
    stub: Any = world.namespace(Loads, construct=construct).get_by_name("one")
    assert await stub.what() == ["nothing", "nothing"]


async def test_abort_does_not_return_and_passes_except_exception(world: World) -> None:
    construct = construct_in_workers_style(Loads, EnvView(), has_sql=True)
    stub: Any = world.namespace(Loads, construct=construct).get_by_name("one")
    with pytest.raises(ActorReset, match="enough"):
        await stub.end()
    assert issubclass(ActorAborted, BaseException)
    assert not issubclass(ActorAborted, Exception)


async def test_what_perdure_has_not_is_named(workers: World) -> None:
    def script(lab: Any) -> None:
        assert getattr(lab.ctx, "facets", None) is None
        with pytest.raises(AttributeError, match="ctx has no container on perdure"):
            lab.ctx.container

    await workers.inside(script)


async def test_wait_until_goes_on_after_the_reply(workers: World) -> None:
    done = workers.loop.create_future()

    async def later() -> None:
        done.set_result("done")

    def script(lab: Any) -> None:
        lab.ctx.waitUntil(later())

    await workers.inside(script)
    assert await done == "done"


def test_an_alarm_says_how_often_it_failed() -> None:
    info = AlarmInfoView(AlarmInfo(scheduled_time=5, retry_count=2))
    assert (info.isRetry, info.retryCount, info.scheduledTime) == (True, 2, 5)
