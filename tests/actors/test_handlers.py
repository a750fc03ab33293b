"""Which method an event calls, and what may come back. Sockets are in test_socket_turn_handlers."""

import asyncio
from typing import Any

import pytest

from perdure.actors.alarm import AfterAlarm, AlarmInfo
from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset, NoSuchMethod, RemoteError
from perdure.actors.events import AlarmEvent
from perdure.actors.handlers import check_response
from perdure.actors.http import Request, Response
from perdure.actors.rpc import decode_error
from tests.world import World, turns

DUE_MS = 1_000_000_000  # the time that the clock of these tests shows


# fetch.


class Site(DurableObject):
    async def fetch(self, request: Request) -> Any:
        kind = request.parsed_url.path
        return {"/response": Response("ok"), "/none": None, "/text": "ok"}[kind]


class Plain(DurableObject):
    def fetch(self, request: Request) -> Response:
        return Response(request.method)


class Futures(DurableObject):
    """Handlers that return an awaitable which is no coroutine."""

    def fetch(self, request: Request) -> Any:
        return asyncio.ensure_future(asyncio.sleep(0, Response("later")))

    def call(self) -> Any:
        return self.ctx.storage.get("missing")


async def test_fetch_answers_with_a_response(world: World) -> None:
    response = await world.stub(Site).fetch("http://x/response")
    assert await response.text() == "ok"


@pytest.mark.parametrize(("path", "name"), [("none", "NoneType"), ("text", "str")])
async def test_anything_else_is_an_error_that_says_so(world: World, path: str, name: str) -> None:
    with pytest.raises(TypeError, match=f"did not resolve to 'Response'.*returned {name}; return"):
        await world.stub(Site).fetch(f"http://x/{path}")
    with pytest.raises(TypeError):
        check_response({})


async def test_handlers_may_be_plain_or_return_any_awaitable(world: World) -> None:
    assert await (await world.stub(Plain).fetch("http://x/")).text() == "GET"
    assert await (await world.stub(Futures).fetch("http://x/")).text() == "later"
    assert await world.stub(Futures).call() is None


async def test_a_class_without_fetch_says_so(world: World) -> None:
    class Silent(DurableObject):
        pass

    with pytest.raises(NoSuchMethod, match=r"Handler does not export a fetch\(\) function"):
        await world.stub(Silent).fetch("http://x/")


# alarm. How alarms come to be delivered is in runtime/host/test_alarms.


class Alarmed(DurableObject):
    """Does in its alarm what the test says."""

    seen: list[Any] = []
    then: Any = None

    async def set(self, time_ms: int) -> None:
        await self.ctx.storage.set_alarm(time_ms)

    async def get(self) -> Any:
        return await self.ctx.storage.get_alarm()

    async def alarm(self, info: AlarmInfo) -> None:
        self.seen.append((info, await self.ctx.storage.get_alarm()))
        if Alarmed.then is not None:
            await Alarmed.then(self)


@pytest.fixture
def alarmed() -> type[Alarmed]:
    Alarmed.seen, Alarmed.then = [], None
    return Alarmed


async def fire(
    world: World, cls: type[DurableObject], time_ms: int = DUE_MS, retry_count: int = 0
) -> tuple[Any, bytes | None]:
    """What an actor answers when it is woken for an alarm."""
    namespace = world.namespace(cls)
    future: asyncio.Future[tuple[Any, bytes | None]] = world.loop.create_future()
    world.host.namespaces[f"test-{cls.__name__}"].deliver(
        namespace.id_from_name("one"),
        AlarmEvent(time_ms, retry_count),
        lambda answer, failure: future.set_result((answer, failure)),
    )
    return await future


async def test_an_alarm_that_ran_is_taken_away(world: World, alarmed: type[Alarmed]) -> None:
    stub = world.stub(alarmed)
    await stub.set(DUE_MS)
    assert await fire(world, alarmed) == ((AfterAlarm.DONE, None), None)
    assert alarmed.seen == [(AlarmInfo(DUE_MS, 0), None)], "it does not see the one it runs for"
    assert await stub.get() is None
    assert world.alarms.committed_ms[-1] is None


async def test_an_actor_without_an_alarm_has_nothing_to_do(
    world: World, alarmed: type[Alarmed]
) -> None:
    assert await fire(world, alarmed) == ((AfterAlarm.REPLACED, None), None)
    await world.stub(alarmed).set(DUE_MS + 5000)
    assert await fire(world, alarmed) == ((AfterAlarm.REPLACED, DUE_MS + 5000), None)
    assert alarmed.seen == []


async def test_an_alarm_that_is_overdue_runs_with_its_own_time(
    world: World, alarmed: type[Alarmed]
) -> None:
    await world.stub(alarmed).set(DUE_MS)
    await fire(world, alarmed, DUE_MS + 60_000)
    assert alarmed.seen == [(AlarmInfo(DUE_MS, 0), None)]


async def test_an_alarm_that_failed_keeps_its_row_until_it_is_given_up(
    world: World, alarmed: type[Alarmed], caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(actor: Alarmed) -> None:
        await actor.ctx.storage.put("written", True)
        raise ValueError("no")

    alarmed.then = fails
    await world.stub(alarmed).set(DUE_MS)
    assert await fire(world, alarmed) == ((AfterAlarm.RETRY, DUE_MS), None)
    assert await world.stub(alarmed).get() == DUE_MS
    assert "alarm.failed" in caplog.messages
    assert await fire(world, alarmed, retry_count=6) == ((AfterAlarm.GIVE_UP, None), None)
    assert [info.retry_count for info, _ in alarmed.seen] == [0, 6]
    assert await world.stub(alarmed).get() is None


@pytest.mark.parametrize("fails", [False, True])
async def test_what_the_handler_sets_or_deletes_stands(
    world: World, alarmed: type[Alarmed], fails: bool
) -> None:
    async def sets(actor: Alarmed) -> None:
        await actor.ctx.storage.set_alarm(DUE_MS + 1000)
        assert await actor.ctx.storage.get_alarm() == DUE_MS + 1000
        if fails:
            raise ValueError

    async def deletes(actor: Alarmed) -> None:
        await actor.ctx.storage.delete_alarm()
        if fails:
            raise ValueError

    for then, row in ((sets, DUE_MS + 1000), (deletes, None)):
        alarmed.then = then
        await world.stub(alarmed).set(DUE_MS)
        assert await fire(world, alarmed) == ((AfterAlarm.REPLACED, row), None)
        assert await world.stub(alarmed).get() == row


async def test_what_another_handler_sets_meanwhile_stands_too(
    world: World, alarmed: type[Alarmed]
) -> None:
    release = asyncio.Event()

    async def waits(actor: Alarmed) -> None:
        await release.wait()

    alarmed.then = waits
    await world.stub(alarmed).set(DUE_MS)
    firing = asyncio.ensure_future(fire(world, alarmed))
    await turns(2)
    assert await world.stub(alarmed).get() is None
    await world.stub(alarmed).set(DUE_MS + 9000)
    release.set()
    assert await firing == ((AfterAlarm.REPLACED, DUE_MS + 9000), None)


@pytest.mark.parametrize("is_sync", [False, True])
async def test_a_change_that_the_handler_rolled_back_does_not_count(
    world: World, alarmed: type[Alarmed], is_sync: bool
) -> None:
    """Else the old alarm would stand in the place of a new one, and fire again and again."""

    async def undoes(actor: Alarmed) -> None:
        storage = actor.ctx.storage

        def callback(txn: Any = storage) -> None:
            txn.set_alarm(DUE_MS + 1000)
            raise LookupError

        with pytest.raises(LookupError):
            if is_sync:
                storage.transaction_sync(callback)
            else:
                await storage.transaction(callback)

    alarmed.then = undoes
    await world.stub(alarmed).set(DUE_MS)
    assert await fire(world, alarmed) == ((AfterAlarm.DONE, None), None)


async def test_a_change_in_a_transaction_that_is_kept_counts(
    world: World, alarmed: type[Alarmed]
) -> None:
    async def sets(actor: Alarmed) -> None:
        await actor.ctx.storage.transaction(lambda txn: txn.set_alarm(DUE_MS + 1000).value)

    alarmed.then = sets
    await world.stub(alarmed).set(DUE_MS)
    assert await fire(world, alarmed) == ((AfterAlarm.REPLACED, DUE_MS + 1000), None)


async def test_an_alarm_of_an_actor_that_aborts_is_not_answered_but_failed(
    world: World, alarmed: type[Alarmed]
) -> None:
    async def aborts(actor: Alarmed) -> None:
        actor.ctx.abort("enough")

    alarmed.then = aborts
    await world.stub(alarmed).set(DUE_MS)
    answer, failure = await fire(world, alarmed)
    assert answer is None
    assert failure is not None
    assert isinstance(decode_error(failure), ActorReset)
    alarmed.then = None
    assert await fire(world, alarmed) == ((AfterAlarm.DONE, None), None), "it is there still"


async def test_a_handler_that_is_cancelled_is_failed_as_well(
    world: World, alarmed: type[Alarmed]
) -> None:
    async def cancelled(actor: Alarmed) -> None:
        raise asyncio.CancelledError("stop")

    alarmed.then = cancelled
    await world.stub(alarmed).set(DUE_MS)
    _, failure = await fire(world, alarmed)
    assert failure is not None
    assert isinstance(decode_error(failure), RemoteError)
    alarmed.then = None
    assert await fire(world, alarmed) == ((AfterAlarm.DONE, None), None)


async def test_handlers_take_the_info_or_leave_it_and_may_be_plain(world: World) -> None:
    called: list[Any] = []

    class Setting(DurableObject):
        async def set(self) -> None:
            await self.ctx.storage.set_alarm(DUE_MS)

    class WithoutInfo(Setting):
        def alarm(self) -> None:
            called.append("without")

    class WithInfo(Setting):
        def alarm(self, info: AlarmInfo) -> None:
            called.append(info)

    class Optional(Setting):
        async def alarm(self, info: AlarmInfo | None = None) -> None:
            called.append(info)

    for cls in (WithoutInfo, WithInfo, Optional):
        await world.stub(cls).set()
        assert await fire(world, cls) == ((AfterAlarm.DONE, None), None)
    assert called == ["without", AlarmInfo(DUE_MS, 0), AlarmInfo(DUE_MS, 0)]


async def test_an_alarm_whose_handler_was_taken_out_of_the_class_fails(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Later(DurableObject):
        async def set(self) -> None:
            self.ctx.storage.alarm.has_handler = True  # as the class had it when it was set
            await self.ctx.storage.set_alarm(DUE_MS)

    await world.stub(Later).set()
    assert await fire(world, Later) == ((AfterAlarm.RETRY, DUE_MS), None)
    [record] = [r for r in caplog.records if r.message == "alarm.failed"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], NoSuchMethod)
