"""Who may use an actor's storage, and what becomes of an actor whose database fails."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from perdure.actors.durable_storage import DurableStorage
from perdure.actors.errors import ActorReset, StorageAccess
from perdure.storage.errors import DatabaseFailed
from perdure.storage.limits import StorageLimits
from tests.world import Lab, World, turns

# Who may use it.

USES: dict[str, Callable[[DurableStorage], Any]] = {
    "put": lambda storage: storage.put("a", "foreign"),
    "get": lambda storage: storage.get("a"),
    "list": lambda storage: storage.list(),
    "delete": lambda storage: storage.delete("a"),
    "get_alarm": lambda storage: storage.get_alarm(),
    "delete_alarm": lambda storage: storage.delete_alarm(),
    "delete_all": lambda storage: storage.delete_all(),
    "sync": lambda storage: storage.sync(),
    "transaction": lambda storage: storage.transaction(lambda txn: txn.put("a", "foreign")),
    "transaction_sync": lambda storage: storage.transaction_sync(lambda: "ran"),
    "kv": lambda storage: storage.kv.put("a", "foreign"),
    "sql": lambda storage: storage.sql.exec("CREATE TABLE foreign_one (x)"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("where", ["actor", "outside", "thread", "to_thread", "callback", "reset"])
async def test_storage_is_its_actors_own(
    world: World, use: Callable[[DurableStorage], Any], where: str
) -> None:
    """Wherever else it is used it is refused with the reason, and nothing happens."""
    storage: DurableStorage = await world.inside(lambda lab: lab.ctx.storage, "owner")
    await world.inside(lambda lab: lab.ctx.storage.put("a", "own"), "owner")
    refused: list[StorageAccess] = []

    def try_it(lab: Lab | None = None) -> None:
        try:
            use(storage)
        except StorageAccess as error:
            refused.append(error)

    async def in_thread(lab: Lab) -> None:
        await asyncio.get_running_loop().run_in_executor(None, try_it)

    async def with_its_context(lab: Lab) -> None:
        await asyncio.to_thread(try_it)

    async def in_callback(lab: Lab) -> None:
        asyncio.get_running_loop().call_soon(try_it)
        await turns(2)

    if where == "actor":
        await world.inside(try_it, "another")
        text = "storage of actor owner was used from outside of it"
    elif where == "outside":
        try_it()
        text = "storage of actor owner was used from outside of it"
    elif where in {"thread", "to_thread"}:
        await world.inside(in_thread if where == "thread" else with_its_context, "owner")
        text = "used from another thread; it belongs to the thread of its actor"
    elif where == "callback":
        await world.inside(in_callback, "owner")
        text = "used from a callback of the event loop, which no gate can hold back"
    else:
        with pytest.raises(ActorReset):
            await world.inside(lambda lab: lab.ctx.abort(), "owner")
        await world.inside(try_it, "owner")
        text = "belongs to an instance that is gone"
    assert len(refused) == 1
    assert text in str(refused[0])
    found = await world.inside(lambda lab: lab.ctx.storage.list(), "owner")
    assert found == {"a": "own"}


async def test_a_thread_is_refused_also_while_its_actor_runs(world: World) -> None:
    """Not by luck: the actor is in the middle of a turn when the thread tries."""

    def script(lab: Lab) -> None:
        refused: list[str] = []

        def try_it() -> None:
            try:
                lab.ctx.storage.put("a", 1)
            except StorageAccess as error:
                refused.append(str(error))

        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(try_it,))
        thread.start()
        thread.join()
        assert "another thread" in refused[0]
        assert lab.ctx.storage.get("a").value is None

    await world.inside(script)


async def test_an_unnamed_actor_is_told_by_its_id(world: World) -> None:
    namespace = world.namespace(Lab)
    stub = namespace.get(namespace.new_unique_id())
    Lab.scripts[-1] = lambda lab: lab.ctx.storage
    await stub.run(-1)
    storage = Lab.results.pop(-1)
    with pytest.raises(StorageAccess, match=str(stub.id)):
        storage.get("a")


# A database that fails.


async def test_nothing_is_acknowledged_after_the_disk_is_full(world: World) -> None:
    """The handler that catches the error and the handler before it: all they wrote is lost."""
    world.host.storage_limits = StorageLimits(database_size_bytes_max=200_000)

    async def earlier(lab: Lab) -> None:
        await lab.ctx.storage.put("earlier", 1)

    async def fills(lab: Lab) -> str:
        await lab.ctx.storage.put("before", 1)
        with pytest.raises(DatabaseFailed):
            for n in range(100):
                await lab.ctx.storage.put(f"n{n}", bytes(10_000))
        return "stored"

    calls = [world.inside(earlier), world.inside(fills)]
    for failure in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(failure, DatabaseFailed)
        assert failure.durable_object_reset is True  # type: ignore[attr-defined]  # each caught error has it
    assert await world.inside(lambda lab: lab.ctx.storage.list()) == {}


async def test_a_transaction_that_swallows_a_failure_of_the_disk_does_not_commit(
    world: World,
) -> None:
    world.host.storage_limits = StorageLimits(database_size_bytes_max=200_000)

    def fills(storage: DurableStorage) -> None:
        with pytest.raises(DatabaseFailed):
            for n in range(100):
                storage.kv.put(f"n{n}", bytes(10_000))

    async def transacts(lab: Lab) -> None:
        await lab.ctx.storage.transaction(lambda txn: fills(lab.ctx.storage))

    def transacts_sync(lab: Lab) -> None:
        lab.ctx.storage.transaction_sync(lambda: fills(lab.ctx.storage))

    for script in (transacts, transacts_sync):
        with pytest.raises(DatabaseFailed, match="full"):
            await world.inside(script)
        assert await world.inside(lambda lab: lab.ctx.storage.list()) == {}
