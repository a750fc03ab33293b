"""The Worker: one instance of ``Default`` for each request, interleaving at its awaits."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.actors.base import DurableObject, WorkerEntrypoint
from perdure.actors.errors import NoSuchMethod
from perdure.actors.execution import CURRENT
from perdure.actors.fetch import fetch
from perdure.actors.http import Request, Response
from perdure.actors.socket_pair import WebSocketPair
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.scheduled import ScheduledEvent
from perdure.runtime.host.worker import Worker
from tests.world import World, turns

Answer = tuple[Response | None, BaseException | None]


def make(world: World, entrypoint: type[Any], **env: Any) -> Worker:
    return Worker(world.loop, world.outbound, entrypoint, Env(env))


async def ask(worker: Worker, url: str = "http://test/") -> Answer:
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    worker.fetch(Request(url), lambda response, error: future.set_result((response, error)))
    return await future


async def test_a_handler_that_does_not_suspend_has_answered_when_fetch_returns(
    world: World,
) -> None:
    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            return Response(f"{self.env.GREETING} {request.url}")

    answers: list[Answer] = []
    worker = make(world, Default, GREETING="hello")
    worker.fetch(Request("http://test/x"), lambda *answer: answers.append(answer))
    response, error = answers[0]
    assert error is None
    assert response is not None
    assert await response.text() == "hello http://test/x"


async def test_a_plain_method_answers_as_well(world: World) -> None:
    class Default(WorkerEntrypoint):
        def fetch(self, request: Request) -> Response:
            return Response(request.method)

    response, _ = await ask(make(world, Default))
    assert response is not None
    assert await response.text() == "GET"


async def test_each_request_has_an_instance_of_its_own(world: World) -> None:
    class Default(WorkerEntrypoint):
        seen = 0

        def fetch(self, request: Request) -> Response:
            self.seen += 1
            return Response(str(self.seen))

    worker = make(world, Default)
    for _ in range(3):
        response, _ = await ask(worker)
        assert response is not None
        assert await response.text() == "1"


async def test_requests_interleave_at_their_awaits(world: World) -> None:
    order: list[str] = []
    gates = {"a": world.loop.create_future(), "b": world.loop.create_future()}

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            name = request.url[-1]
            await gates[name]
            order.append(name)
            return Response(name)

    worker = make(world, Default)
    first = asyncio.ensure_future(ask(worker, "http://test/a"))
    second = asyncio.ensure_future(ask(worker, "http://test/b"))
    await turns()
    gates["b"].set_result(None)
    await second
    gates["a"].set_result(None)
    await first
    assert order == ["b", "a"]


@pytest.mark.parametrize("result", [None, "text", {"a": 1}])
async def test_what_is_no_response_is_an_error_that_says_so(world: World, result: Any) -> None:
    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Any:
            return result

    response, error = await ask(make(world, Default))
    assert response is None
    assert isinstance(error, TypeError)
    assert "the Promise did not resolve to 'Response'" in str(error)
    assert type(result).__name__ in str(error)


async def test_what_the_handler_raises_is_handed_on(world: World) -> None:
    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            if request.url.endswith("later"):
                await asyncio.sleep(0)
            raise KeyError("x")

    worker = make(world, Default)
    for url in ("http://test/now", "http://test/later"):
        response, error = await ask(worker, url)
        assert response is None
        assert isinstance(error, KeyError)
    assert not worker.tasks


async def test_a_handler_that_is_cancelled_is_an_error_too(world: World) -> None:
    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
            return Response("never")

    _, error = await ask(make(world, Default))
    assert isinstance(error, asyncio.CancelledError)


async def test_an_entrypoint_without_fetch_is_told(world: World) -> None:
    class Default(WorkerEntrypoint):
        pass

    _, error = await ask(make(world, Default))
    assert isinstance(error, NoSuchMethod)
    assert str(error) == "Handler does not export a fetch() function."


async def test_what_waits_until_goes_on_after_the_response(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    gate = world.loop.create_future()

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            self.ctx.wait_until(self.later())
            self.ctx.wait_until(self.fails())
            return Response("at once")

        async def later(self) -> None:
            await gate
            done.append("later")

        async def fails(self) -> None:
            raise ValueError("in the background")

    response, _ = await ask(make(world, Default))
    assert response is not None
    assert done == []
    gate.set_result(None)
    await turns()
    assert done == ["later"]
    assert "in the background" in caplog.text


async def test_fetch_works_in_a_worker_and_leaves_at_once(world: World) -> None:
    world.outbound.answer = lambda request: Response(f"answer to {request.url}")

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            return await fetch("http://elsewhere.test/")

    response, _ = await ask(make(world, Default))
    assert response is not None
    assert await response.text() == "answer to http://elsewhere.test/"


async def test_a_streaming_body_is_read_in_turns_of_the_worker(world: World) -> None:
    owners: list[object] = []

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            async def chunks() -> AsyncIterator[bytes]:
                for chunk in (b"one ", b"two"):
                    owners.append(CURRENT.get())
                    await asyncio.sleep(0)
                    yield chunk

            return Response(chunks())

    worker = make(world, Default)
    response, _ = await ask(worker)
    assert response is not None
    assert await response.text() == "one two"
    assert owners == [worker, worker]


async def test_closing_ends_what_is_under_way_and_its_sockets(world: World) -> None:
    cleaned: list[str] = []

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            _, server = WebSocketPair()
            server.accept()
            try:
                await world.loop.create_future()
            finally:
                cleaned.append("up")
            return Response("never")

    worker = make(world, Default)
    asking = asyncio.ensure_future(ask(worker))
    await turns()
    assert len(worker.sessions) == 1
    worker.close()
    _, error = await asking
    assert isinstance(error, asyncio.CancelledError)
    assert cleaned == ["up"]
    assert not worker.sessions
    assert not worker.tasks


async def test_closing_gets_over_a_handler_that_awaits_while_it_ends(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            try:
                await world.loop.create_future()
            finally:
                await asyncio.sleep(0)
            return Response("never")

    worker = make(world, Default)
    asking = [asyncio.ensure_future(ask(worker)) for _ in range(2)]
    await turns()
    worker.close()
    for call in asking:
        _, error = await call
        assert isinstance(error, asyncio.CancelledError)
    assert caplog.messages.count("task.cleanup_raised") == 2


async def test_the_end_of_the_program_ends_it(world: World) -> None:
    class Default(WorkerEntrypoint):
        def fetch(self, request: Request) -> Response:
            raise SystemExit(3)

    answers: list[Answer] = []
    worker = make(world, Default)
    with pytest.raises(SystemExit):
        worker.fetch(Request("http://test/"), lambda *answer: answers.append(answer))
    assert isinstance(answers[0][1], SystemExit)


async def test_a_handler_that_returns_a_future_is_waited_for(world: World) -> None:
    class Default(WorkerEntrypoint):
        def fetch(self, request: Request) -> Any:
            return asyncio.ensure_future(asyncio.sleep(0, Response("later")))

    response, _ = await ask(make(world, Default))
    assert response is not None
    assert await response.text() == "later"


async def test_a_call_of_an_actor_leaves_a_worker_at_once(world: World) -> None:
    noted: list[str] = []

    class Noting(DurableObject):
        def note(self, entry: str) -> None:
            noted.append(entry)

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            call = world.stub(Noting).note("called")
            assert noted == ["called"]
            await call
            return Response(None)

    assert (await ask(make(world, Default)))[1] is None


@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_cron_triggers_event_is_handled(world: World, *, is_plain: bool) -> None:
    seen: list[ScheduledEvent] = []

    class Plain(WorkerEntrypoint):
        def scheduled(self, event: ScheduledEvent) -> None:
            seen.append(event)

    class Default(WorkerEntrypoint):
        async def scheduled(self, event: ScheduledEvent) -> None:
            await asyncio.sleep(0)
            seen.append(event)

    done: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    event = ScheduledEvent("* * * * *", 60_000)
    make(world, Plain if is_plain else Default).scheduled(event, done.set_result)
    assert await done is None
    assert seen == [event]


async def test_a_cron_triggers_error_is_told_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Default(WorkerEntrypoint):
        async def scheduled(self, event: ScheduledEvent) -> None:
            raise KeyError(event.cron)

    class Without(WorkerEntrypoint):
        pass

    errors: list[BaseException | None] = []
    events = [ScheduledEvent("a", 0), ScheduledEvent("b", 0)]
    make(world, Default).scheduled(events[0], errors.append)
    await turns()
    make(world, Without).scheduled(events[1], errors.append)
    assert [event.no_retry for event in events] == [False, True]
    assert [type(error) for error in errors] == [KeyError, NoSuchMethod]
    assert [record.getMessage() for record in caplog.records] == ["scheduled.failed"] * 2
