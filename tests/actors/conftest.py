"""Tasks of either kind, for the tests that compare them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from perdure.actors.execution import Execution, install_task_factory
from perdure.actors.task import ActorTask
from tests.world import FakeOutbound


@pytest.fixture
async def execution() -> Execution:
    loop = asyncio.get_running_loop()
    install_task_factory(loop)
    return Execution(loop, FakeOutbound())


@pytest.fixture(params=["asyncio.Task", "ActorTask"])
async def spawn(
    request: pytest.FixtureRequest, execution: Execution
) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Start a coroutine as a task of either kind; whatever it starts itself is of that kind."""

    def start_asyncios(coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=asyncio.get_running_loop())

    def start_ours(coro: Coroutine[Any, Any, Any]) -> ActorTask:
        task = execution.start(coro, execution.root)
        task.start_later()
        return task

    return start_asyncios if request.param == "asyncio.Task" else start_ours
