"""Where user code runs: one turn at a time, also the turns of tasks it creates."""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import Any

import pytest

from perdure.actors.errors import NotInHandler
from perdure.actors.execution import (
    CURRENT,
    TURNS_PER_PUMP_MAX,
    Execution,
    current_execution,
    install_task_factory,
    wait_for_it,
)
from perdure.actors.gates import InputGate
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.task import ActorTask
from tests.world import FakeLink, FakeOutbound, turns


class Turn:
    """A turn that does what it is told."""

    def __init__(self, gate: InputGate, action: Callable[[], None]) -> None:
        self.gate = gate
        self.step = action
        self.since_s = 0.0


# Turns.


async def test_a_turn_runs_at_once_when_nothing_else_does(execution: Execution) -> None:
    ran: list[str] = []
    execution.resume(Turn(execution.root, lambda: ran.append("turn")))
    assert ran == ["turn"]
    assert execution.turn is None


async def test_no_two_turns_are_ever_on_the_stack_together(execution: Execution) -> None:
    order: list[str] = []

    def outer() -> None:
        order.append("outer in")
        execution.resume(Turn(execution.root, inner))
        order.append("outer out")

    def inner() -> None:
        order.append("inner")

    execution.resume(Turn(execution.root, outer))
    assert order == ["outer in", "outer out", "inner"]


async def test_turns_are_taken_in_the_order_in_which_they_were_due(execution: Execution) -> None:
    order: list[int] = []
    gate = execution.root

    def first() -> None:
        for n in range(3):
            execution.resume(Turn(gate, lambda n=n: order.append(n)))  # type: ignore[misc]  # n of this round

    execution.resume(Turn(gate, first))
    assert order == [0, 1, 2]


async def test_only_turns_of_the_innermost_gate_run(execution: Execution) -> None:
    ran: list[str] = []
    section = InputGate(execution.root)
    execution.gate = section
    execution.resume(Turn(execution.root, lambda: ran.append("outside")))
    execution.resume(Turn(section, lambda: ran.append("inside")))
    assert ran == ["inside"]
    execution.gate = section.end()
    execution.resume(Turn(section, lambda: ran.append("inside, later")))
    assert ran == ["inside"], "it does not overtake what waits"
    execution.pump()
    assert ran == ["inside", "outside", "inside, later"]


async def test_a_turn_that_raises_does_not_stop_those_behind_it(execution: Execution) -> None:
    ran: list[str] = []

    def raises() -> None:
        execution.resume(Turn(execution.root, lambda: ran.append("next")))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execution.resume(Turn(execution.root, raises))
    assert execution.turn is None
    execution.pump()
    assert ran == ["next"]


async def test_asking_for_the_next_turn_within_a_turn_takes_none(execution: Execution) -> None:
    order: list[str] = []

    def outer() -> None:
        execution.resume(Turn(execution.root, lambda: order.append("inner")))
        execution.pump()
        order.append("outer")

    execution.resume(Turn(execution.root, outer))
    assert order == ["outer", "inner"]


async def test_what_is_emitted_leaves_behind_what_was_sent_before(execution: Execution) -> None:
    order: list[Any] = []

    class OrderedLink(FakeLink):
        def transmit(self, messages: Any, close: Any = None) -> None:
            del close
            order.extend(messages)

    def turn() -> None:
        client, server = WebSocketPair()
        server.take(execution)
        client.hand_over(OrderedLink())
        server.send("frame 1")
        execution.emit(lambda: order.append("call"))
        server.send("frame 2")

    execution.resume(Turn(execution.root, turn))
    assert order == ["frame 1", "call", "frame 2"]


async def test_the_loop_gets_its_chance_between_many_turns(execution: Execution) -> None:
    ran: list[int] = []
    total = TURNS_PER_PUMP_MAX * 2 + 10

    def many() -> None:
        for n in range(total):
            execution.resume(Turn(execution.root, lambda n=n: ran.append(n)))  # type: ignore[misc]  # n of this round

    execution.resume(Turn(execution.root, many))
    assert len(ran) == TURNS_PER_PUMP_MAX
    await asyncio.sleep(0)
    assert len(ran) == TURNS_PER_PUMP_MAX * 2
    await turns(3)
    assert ran == list(range(total))


async def test_a_task_that_is_done_takes_no_turn(execution: Execution) -> None:
    section = InputGate(execution.root)
    execution.gate = section
    task = execution.spawn(asyncio.sleep(0))
    await turns(2)
    assert list(execution.root.held) == [task]
    task.discard()
    execution.gate = section.end()
    execution.pump()
    assert not execution.root.held


# Contexts.


async def test_an_execution_does_not_see_the_variables_of_who_started_it() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("starter's")
    execution = Execution(asyncio.get_running_loop(), FakeOutbound())
    assert execution.context.run(variable.get) == "unset"
    assert execution.context.run(CURRENT.get) is execution
    assert CURRENT.get() is None


async def test_what_runs_outside_of_any_handler_is_told_so() -> None:
    with pytest.raises(NotInHandler, match=r"fetch\(\) works only while a handler"):
        current_execution("fetch()")


async def test_the_execution_whose_code_runs_is_known(execution: Execution) -> None:
    assert execution.context.run(current_execution, "anything") is execution


# Tasks that user code creates.


async def test_tasks_created_inside_are_stepped_by_their_execution(execution: Execution) -> None:
    async def inner() -> Any:
        return asyncio.current_task()

    async def outer() -> Any:
        return [
            await asyncio.create_task(inner(), name="named"),
            await asyncio.ensure_future(inner()),
            await asyncio.get_running_loop().create_task(inner()),
        ]

    created = await _run(execution, outer())
    assert [type(task) for task in created] == [ActorTask] * 3
    assert all(task.owner is execution for task in created)
    assert created[0].get_name() == "named"


async def _run(execution: Execution, coro: Any) -> Any:
    task = execution.start(coro, execution.root)
    task.start_later()
    return await task


async def test_a_factory_that_is_given_the_name_sets_it(execution: Execution) -> None:
    """As loops do since Python 3.13; before, they set it afterwards."""
    factory: Any = execution.loop.get_task_factory()
    task = execution.context.run(factory, execution.loop, asyncio.sleep(0), name="named")
    assert task.get_name() == "named"
    await task


async def test_tasks_created_outside_are_asyncios(execution: Execution) -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    assert isinstance(task, asyncio.Task)
    await task


async def test_a_task_with_a_context_of_its_own_still_belongs_to_its_actor(
    execution: Execution,
) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    context = contextvars.Context()
    context.run(variable.set, "given")

    async def inner() -> Any:
        return variable.get(), CURRENT.get()

    async def outer() -> Any:
        return await asyncio.create_task(inner(), context=context)

    assert await _run(execution, outer()) == ("given", execution)


async def test_a_task_created_in_a_section_belongs_to_it(execution: Execution) -> None:
    created: list[Any] = []

    async def outer() -> None:
        created.append(asyncio.create_task(asyncio.sleep(0)))

    section = InputGate(execution.root)
    execution.gate = section
    task = execution.start(outer(), section)
    execution.resume(task)
    assert created[0].gate is section
    await created[0]


async def test_a_task_created_by_a_callback_of_the_loop_waits_at_the_actors_gate(
    execution: Execution,
) -> None:
    created: list[Any] = []

    def callback() -> None:
        created.append(asyncio.create_task(asyncio.sleep(0, "ran")))

    async def outer() -> None:
        asyncio.get_running_loop().call_soon(callback)

    await _run(execution, outer())
    await turns(2)
    assert created[0].gate is execution.root
    assert await created[0] == "ran"


async def test_another_task_factory_goes_on_making_all_other_tasks() -> None:
    loop = asyncio.get_running_loop()
    made: list[Any] = []

    def factory(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coro)
        return asyncio.Task(coro, loop=loop, **options)

    loop.set_task_factory(factory)
    install_task_factory(loop)
    installed = loop.get_task_factory()
    install_task_factory(loop)
    assert loop.get_task_factory() is installed, "a second call changes nothing"
    await asyncio.create_task(asyncio.sleep(0))
    assert len(made) == 1
    execution = Execution(loop, FakeOutbound())

    async def outer() -> Any:
        return asyncio.create_task(asyncio.sleep(0))

    assert isinstance(await _run(execution, outer()), ActorTask)
    assert len(made) == 1
    loop.set_task_factory(None)


async def test_a_task_of_an_execution_on_another_loop_is_made_by_that_loop() -> None:
    """User code may run a loop of its own in a thread, and take its context with it."""
    here = Execution(asyncio.get_running_loop(), FakeOutbound())

    def elsewhere() -> Any:
        async def main() -> Any:
            install_task_factory(asyncio.get_running_loop())
            task = asyncio.create_task(asyncio.sleep(0))
            await task
            return task

        return asyncio.run(main())

    task = await asyncio.to_thread(here.context.copy().run, elsewhere)
    assert isinstance(task, asyncio.Task)


# wait_until.


async def test_wait_until_keeps_an_awaitable_running(execution: Execution) -> None:
    future = asyncio.get_running_loop().create_future()
    execution.wait_until(future)
    assert len(execution.tasks) == 1
    await turns(2)
    future.set_result(None)
    await turns(2)
    assert not execution.tasks


async def test_what_wait_until_waited_for_is_logged_when_it_fails(
    execution: Execution, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> None:
        raise ValueError("in the background")

    execution.wait_until(fails())
    await turns(4)
    [record] = [r for r in caplog.records if r.message == "wait_until.failed"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "in the background"


async def test_what_wait_until_waited_for_may_be_cancelled(
    execution: Execution, caplog: pytest.LogCaptureFixture
) -> None:
    future = asyncio.get_running_loop().create_future()
    execution.wait_until(future)
    await turns(2)
    future.cancel()
    await turns(4)
    assert not execution.tasks
    assert "wait_until.failed" not in caplog.messages


async def test_any_awaitable_becomes_a_coroutine() -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result(3)
    assert await wait_for_it(future) == 3
