"""Calls that fail, through stubs that then are broken or are not; callers that have gone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import (
    ActorReset,
    NoSuchMethod,
    RemoteError,
    ReservedMethod,
)
from perdure.actors.http import Request, Response
from perdure.actors.session import LOST
from perdure.actors.socket_pair import WebSocketPair
from perdure.runtime.host.bindings import Env
from tests.actors.called import Called
from tests.world import FakeLink, Lab, World, turns


class AppError(Exception):
    """Of the app's own."""


class Target(Called):
    """What the stubs of this file call, besides."""

    async def note_later(self, entry: Any) -> None:
        await turns(3)
        self.order.append(entry)

    def fails(self, kind: str) -> None:
        raise {"builtin": ValueError("no"), "app": AppError("no")}[kind]

    async def put_and_fail(self) -> None:
        await self.ctx.storage.put("k", "written")
        raise AppError("after the write")

    async def get(self) -> Any:
        return await self.ctx.storage.get("k")

    def reset(self) -> None:
        self.ctx.abort("on demand")

    async def resets_a_third(self) -> None:
        await self.env.TARGETS.get_by_name("third").reset()

    def _private(self) -> None: ...


# Errors.


async def test_what_the_other_side_raises_is_caught_by_class(world: World) -> None:
    stub = world.stub(Target)
    with pytest.raises(ValueError, match="no") as caught:
        await stub.fails("builtin")
    assert caught.value.remote is True  # type: ignore[attr-defined]  # each caught error has it
    with pytest.raises(AppError) as mine:
        await stub.fails("app")
    assert "in fails" in mine.value.__notes__[-1]
    assert await stub.echo() == [(), {}], "neither the stub nor the actor is broken"


async def test_an_exception_does_not_undo_what_was_written(world: World) -> None:
    stub = world.stub(Target)
    with pytest.raises(AppError, match="after the write"):
        await stub.put_and_fail()
    assert await stub.get() == "written"


async def test_missing_private_and_reserved_names_are_told_apart(world: World) -> None:
    stub = world.stub(Target)
    with pytest.raises(NoSuchMethod) as missing:
        await stub.frobnicate(1)
    assert str(missing.value) == 'The RPC receiver does not implement the method "frobnicate".'
    assert missing.value.remote
    with pytest.raises(NoSuchMethod):
        await stub.kept()  # an attribute of the instance
    with pytest.raises(AttributeError, match="names with an underscore are private"):
        stub._private()
    for name in ("alarm", "constructor", "web_socket_message", "connect", "dup"):
        with pytest.raises(ReservedMethod, match=name):
            getattr(stub, name)


async def test_names_that_a_caller_smuggles_past_its_stub_are_refused_by_the_actor(
    world: World,
) -> None:
    stub = world.stub(Target)
    with pytest.raises(ReservedMethod):
        await stub._call("alarm")
    with pytest.raises(NoSuchMethod):
        await stub._call("_private")
    with pytest.raises(NoSuchMethod):
        await stub._call("__init__", None, None)


async def test_a_generator_that_is_exhausted_in_a_method_is_told_as_a_remote_error(
    world: World,
) -> None:
    class Careless(DurableObject):
        def take(self) -> Any:
            return next(iter([]))

    with pytest.raises(RemoteError, match="StopIteration"):
        await world.stub(Careless).take()


# Resets.


async def test_a_stub_whose_actor_was_reset_stays_broken_and_a_new_one_works(
    world: World,
) -> None:
    stub = world.stub(Target)
    await stub.keep("memory")
    with pytest.raises(ActorReset, match="on demand") as first:
        await stub.reset()
    assert first.value.durable_object_reset
    assert first.value.retryable
    for _ in range(2):
        with pytest.raises(ActorReset, match="on demand") as later:
            await stub.what_is_kept()
        assert later.value is not first.value
    with pytest.raises(ActorReset):
        await stub.fetch("http://actor/")
    assert await world.stub(Target).what_is_kept() == [], "memory is fresh"


async def test_all_calls_under_way_fail_with_the_reason(world: World) -> None:
    one, other = world.stub(Target), world.stub(Target)
    calls = [one.note_later(1), other.note_later(2)]
    await turns(1)
    reset = world.stub(Target).reset()
    for call in (*calls, reset):
        with pytest.raises(ActorReset, match="on demand"):
            await call
    with pytest.raises(ActorReset):
        await one.what_is_kept()


async def test_the_reset_of_a_third_actor_does_not_break_a_stub(world: World) -> None:
    env = Env({})
    env.fill({"TARGETS": world.namespace(Target, env=env)})
    stub = world.stub(Target)
    with pytest.raises(ActorReset, match="on demand") as caught:
        await stub.resets_a_third()
    assert caught.value.remote
    assert await stub.echo() == [(), {}]


# A caller that has gone.


async def test_a_call_that_was_cancelled_has_been_made_all_the_same(world: World) -> None:
    stub = world.stub(Target)

    async def script(lab: Lab) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await stub.note_later("arrives")

    await world.inside(script)
    await turns()
    assert await stub.note("x") == ["arrives", "x"]


async def test_a_call_that_was_cancelled_may_fail_unheard(world: World) -> None:
    stub = world.stub(Target)
    call = stub.note_later("never")
    await turns(1)
    call.cancel()
    with pytest.raises(ActorReset):
        await world.stub(Target).reset()
    assert call.cancelled()
    with pytest.raises(ActorReset, match="on demand"):
        await stub.note("x")  # the stub has heard of it


class Slow(DurableObject):
    """Answers late, when nobody may be waiting any more."""

    released = asyncio.Event()
    closed: list[Any] = []

    async def fetch(self, request: Request) -> Response:
        await self.released.wait()
        if request.is_upgrade:
            client, server = WebSocketPair()
            server.accept()
            server.on_close = self.closed.append
            return Response(None, status=101, web_socket=client)
        return Response(self.endless())

    async def endless(self) -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)


async def test_an_answer_that_nobody_waits_for_is_let_go(world: World) -> None:
    """Else the actor would hold a body, or a socket, that nobody will ever read."""
    Slow.released = asyncio.Event()
    stub = world.stub(Slow)
    body = stub.fetch("http://x/")
    socket = stub.fetch("http://x/", headers={"Upgrade": "websocket"})
    await turns(2)
    body.cancel()
    socket.cancel()
    Slow.released.set()
    await turns()
    assert [event.code for event in Slow.closed] == [LOST]
    actor = world.actor(Slow)
    assert actor.is_idle


async def test_an_answer_that_somebody_waits_for_is_not(world: World) -> None:
    Slow.released = asyncio.Event()
    Slow.released.set()
    response = await world.stub(Slow).fetch("http://x/", headers={"Upgrade": "websocket"})
    link = FakeLink()
    response.web_socket.hand_over(link)
    assert link.receiver is not None
    response = await world.stub(Slow).fetch("http://x/")
    assert len(await response.body.read_chunk()) == 100_000
    response.body.cancel()
