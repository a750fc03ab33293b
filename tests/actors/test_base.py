"""The two classes that user code derives from."""

from typing import Any

import pytest

from perdure.actors.base import DurableObject, WorkerEntrypoint
from perdure.actors.errors import NoSuchMethod
from perdure.actors.state import DurableObjectState, ExecutionContext
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.worker import Worker
from perdure.storage.errors import UsageError
from tests.world import FakeOutbound, World


class Plain(DurableObject):
    def __init__(self, ctx: DurableObjectState, env: Any) -> None:
        super().__init__(ctx, env)
        self.greeting = env.GREETING

    async def look(self) -> list[Any]:
        return [isinstance(self.ctx, DurableObjectState), self.env.GREETING, self.greeting]


class Forgetful(DurableObject):
    def __init__(self, ctx: DurableObjectState, env: Any) -> None:
        pass

    async def look(self) -> None: ...


async def test_an_actor_has_ctx_and_env_from_its_constructor_on(world: World) -> None:
    assert await world.stub(Plain, env=Env({"GREETING": "hi"})).look() == [True, "hi", "hi"]


async def test_a_constructor_that_forgets_super_is_told_so(world: World) -> None:
    with pytest.raises(UsageError, match=r"Forgetful.__init__ did not call super\(\).__init__"):
        await world.stub(Forgetful).look()


async def test_a_class_without_handlers_has_none(world: World) -> None:
    """The base class defines no handler, so that perdure can tell which ones there are."""
    with pytest.raises(NoSuchMethod, match=r"does not export a fetch\(\) function"):
        await world.stub(DurableObject).fetch("http://actor/")


async def test_an_entrypoint_has_ctx_and_env(world: World) -> None:
    env = Env({})
    entrypoints: list[WorkerEntrypoint] = []

    class Default(WorkerEntrypoint):
        def fetch(self, request: object) -> None:
            entrypoints.append(self)

    worker = Worker(world.loop, FakeOutbound(), Default, env)
    worker.fetch(None, lambda response, error: None)  # type: ignore[arg-type]  # it is not looked at
    worker.fetch(None, lambda response, error: None)  # type: ignore[arg-type]  # it is not looked at
    one, other = entrypoints
    assert isinstance(one.ctx, ExecutionContext)
    assert one.env is env
    assert one is not other, "an instance lives for one request"
