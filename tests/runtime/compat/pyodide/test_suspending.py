"""Functions that wait in their middle; tests/compat/programs/suspending does so in handlers."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

import pytest

from perdure.runtime.compat.pyodide.suspending import (
    WISH,
    CannotSuspend,
    can_wait,
    run,
    suspendable,
    wait_for,
)

WHO = contextvars.ContextVar("who", default="nobody")


def waiting(future: "asyncio.Future[Any]", log: list[Any]) -> Callable[[], Any]:
    def function() -> Any:
        log.append("begins")
        try:
            return wait_for(future)
        except BaseException as error:
            log.append(type(error))
            raise
        finally:
            log.append("ends")

    return function


async def test_a_function_waits_while_others_go_on() -> None:
    first, second = [asyncio.get_running_loop().create_future() for _ in range(2)]
    log: list[Any] = []
    tasks = [asyncio.create_task(run(waiting(each, log))) for each in (first, second)]
    await asyncio.sleep(0)
    assert log == ["begins", "begins"]
    second.set_result(2)
    assert await tasks[1] == 2
    first.set_exception(LookupError("of the first"))
    with pytest.raises(LookupError, match="of the first"):
        await tasks[0]
    assert log == ["begins", "begins", "ends", LookupError, "ends"]


async def test_it_is_cancelled_where_it_waits() -> None:
    future, log = asyncio.get_running_loop().create_future(), list[Any]()
    task = asyncio.create_task(run(waiting(future, log)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["begins", asyncio.CancelledError, "ends"]
    assert future.cancelled()


async def test_it_ends_when_nobody_goes_on_with_it() -> None:
    log: list[Any] = []
    handler = run(waiting(asyncio.get_running_loop().create_future(), log))
    handler.send(None)
    handler.close()
    assert log[0] == "begins"
    assert log[-1] == "ends"


async def test_what_goes_on_after_its_end_is_an_error() -> None:
    loop = asyncio.get_running_loop()

    def stubborn() -> None:
        while True:
            try:
                wait_for(loop.create_future())
            except BaseException:  # that is the test
                continue

    handler = run(stubborn)
    handler.send(None)
    with pytest.raises(RuntimeError, match="gone on after its end"):
        handler.close()


async def test_one_that_begins_in_the_stack_of_another_is_no_part_of_it() -> None:
    loop = asyncio.get_running_loop()
    inner_waits, outer_waits = loop.create_future(), loop.create_future()
    inner: list[asyncio.Task[Any]] = []
    log: list[str] = []

    def begins_another() -> str:
        inner.append(eager(run(lambda: wait_for(inner_waits))))
        log.append("begun")
        return str(wait_for(outer_waits))

    outer = asyncio.create_task(run(begins_another))
    await asyncio.sleep(0)
    assert log == ["begun"]
    inner_waits.set_result("inner")
    assert await inner[0] == "inner"
    assert not outer.done()
    outer_waits.set_result("outer")
    assert await outer == "outer"


def eager(coroutine: Any) -> "asyncio.Task[Any]":
    """A task whose first step is over when this returns, as those of actors are."""
    waits_for = coroutine.send(None)

    async def rest() -> Any:
        class Rest:
            def __await__(self) -> Any:
                given = waits_for
                while True:
                    yield given
                    try:
                        given = coroutine.send(None)
                    except StopIteration as end:
                        return end.value

        return await Rest()

    return asyncio.create_task(rest())


async def test_it_has_the_context_of_its_task() -> None:
    async def inner() -> str:
        await asyncio.sleep(0)
        return WHO.get()

    def outer() -> tuple[str, str, str]:
        before = WHO.get()
        WHO.set("the handler")
        return before, wait_for(inner()), WHO.get()

    token = WHO.set("the caller")
    assert await asyncio.create_task(run(outer)) == ("the caller", "the handler", "the handler")
    assert WHO.get() == "the caller"
    WHO.reset(token)


async def test_async_functions_and_what_they_call_wait_as_well() -> None:
    async def handler() -> Any:
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            return wait_for(asyncio.sleep(0, "slept")), can_wait()

    assert await run(handler) == ("slept", True)
    with pytest.raises(TimeoutError):
        await run(lambda: wait_for(asyncio.wait_for(asyncio.Event().wait(), 0)))


async def test_elsewhere_only_what_is_done_at_once_is_there() -> None:
    async def ready() -> int:
        return 5

    assert not can_wait()
    assert wait_for(ready()) == 5
    with pytest.raises(CannotSuspend, match="import it at the top"):
        wait_for(asyncio.sleep(0))


async def test_handlers_are_called_as_they_are_until_somebody_has_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WISH, "is_there", False)
    call = suspendable(can_wait)
    assert call() is False
    monkeypatch.setattr(WISH, "is_there", True)
    assert await call() is True
