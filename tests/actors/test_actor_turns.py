"""The turns of an actor, and what leaves it: gates, writes, replies, frames, calls."""

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import RemoteError
from perdure.actors.events import CallEvent
from perdure.actors.fetch import fetch
from perdure.actors.http import Response
from perdure.actors.packing import pack_call
from perdure.actors.socket_pair import WebSocketPair
from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from tests.world import FakeLink, Lab, World, turns


def after_crash(world: World, tmp_path: Path) -> dict[str, Any]:
    """What would be found if the process ended right now."""
    path: Path = world.actor().database.path
    copy = tmp_path / f"crash-{len(list(tmp_path.iterdir()))}"
    copy.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, copy)
    database = ActorDatabase(copy / path.name)
    try:
        return KeyValue(database).list()
    finally:
        database.close()


# Turns.


async def test_awaiting_storage_lets_nothing_in_between(world: World) -> None:
    """So that reading, changing and writing needs no lock."""

    async def increments(lab: Lab) -> int:
        value: int = await lab.ctx.storage.get("n") or 0
        await lab.ctx.storage.put("n", value + 1)
        await lab.ctx.storage.delete("x")
        await lab.ctx.storage.list()
        await lab.ctx.storage.sync()
        assert await lab.ctx.storage.get("n") == value + 1
        return value + 1

    results = await asyncio.gather(*[world.inside(increments) for _ in range(50)])
    assert results == list(range(1, 51))


async def test_awaiting_anything_else_lets_others_in(world: World) -> None:
    async def increments(lab: Lab) -> int:
        value: int = await lab.ctx.storage.get("n") or 0
        await asyncio.sleep(0)
        await lab.ctx.storage.put("n", value + 1)
        return value + 1

    results = await asyncio.gather(*[world.inside(increments) for _ in range(3)])
    assert results == [1, 1, 1]


async def test_writes_between_two_suspensions_are_one_transaction(
    world: World, tmp_path: Path
) -> None:
    release = asyncio.Event()
    states: list[dict[str, Any]] = []

    async def script(lab: Lab) -> None:
        await lab.ctx.storage.put("a", 1)
        states.append(after_crash(world, tmp_path))
        lab.ctx.storage.sql.exec("CREATE TABLE t (x)")
        await lab.ctx.storage.put("b", 1)
        states.append(after_crash(world, tmp_path))
        await release.wait()
        await lab.ctx.storage.put("c", 1)

    call = asyncio.ensure_future(world.inside(script))
    await turns(4)
    states.append(after_crash(world, tmp_path))
    release.set()
    await call
    states.append(after_crash(world, tmp_path))
    assert states == [{}, {}, {"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}]


async def test_an_exception_undoes_nothing(world: World) -> None:
    async def script(lab: Lab) -> None:
        await lab.ctx.storage.put("a", 1)
        raise ValueError("after the write")

    with pytest.raises(ValueError, match="after the write"):
        await world.inside(script)
    assert await world.inside(lambda lab: lab.ctx.storage.get("a")) == 1


async def test_a_turn_that_only_reads_commits_nothing_and_makes_no_file(world: World) -> None:
    def script(lab: Lab) -> None:
        assert lab.ctx.storage.get("a").value is None
        assert lab.ctx.storage.list().value == {}

    await world.inside(script)
    assert not world.actor().committer._is_due
    assert not world.actor().database.path.exists()


async def test_a_task_that_code_makes_is_stepped_at_the_actors_gate(world: World) -> None:
    order: list[str] = []

    async def task(name: str) -> None:
        await asyncio.sleep(0)
        order.append(name)

    async def makes(lab: Lab) -> None:
        made = asyncio.create_task(task("task"))

        async def callback(txn: object) -> None:
            await turns(5)
            order.append("transaction")

        await lab.ctx.storage.transaction(callback)
        order.append("handler")
        await made

    await world.inside(makes)
    assert order == ["transaction", "handler", "task"]


@pytest.mark.parametrize("kind", ["executor", "event", "queue", "future", "task"])
async def test_what_a_library_wakes_waits_while_anothers_transaction_is_open(
    world: World, kind: str
) -> None:
    order: list[str] = []
    thread_event, event = threading.Event(), asyncio.Event()
    future = world.loop.create_future()
    queue: asyncio.Queue[int] = asyncio.Queue()
    in_thread = world.loop.run_in_executor(None, thread_event.wait)
    awaited: dict[str, Any] = {
        "executor": in_thread,
        "event": event.wait(),
        "queue": queue.get(),
        "future": future,
        "task": asyncio.create_task(event.wait()),
    }

    async def waits(lab: Lab) -> None:
        await awaited.pop(kind)
        order.append("woken")

    async def transacts(lab: Lab) -> None:
        async def callback(txn: object) -> None:
            order.append("in")
            event.set()
            future.set_result(None)
            queue.put_nowait(1)
            thread_event.set()
            while not in_thread.done():
                await asyncio.sleep(0)
            await turns(5)
            order.append("out")

        await lab.ctx.storage.transaction(callback)
        order.append("behind")

    waiting = asyncio.ensure_future(world.inside(waits))
    await turns(2)
    await world.inside(transacts)
    await waiting
    assert order == ["in", "out", "behind", "woken"]
    for name in {"event", "queue"} & awaited.keys():
        awaited[name].close()


async def test_handlers_interleave_at_their_awaits(world: World) -> None:
    order: list[str] = []
    events = [asyncio.Event() for _ in range(2)]

    def handler(n: int) -> Any:
        async def script(lab: Lab) -> None:
            order.append(f"{n} in")
            await events[n].wait()
            order.append(f"{n} out")

        return script

    calls = [asyncio.ensure_future(world.inside(handler(n))) for n in range(2)]
    await turns(2)
    events[1].set()
    await turns(3)
    events[0].set()
    await asyncio.gather(*calls)
    assert order == ["0 in", "1 in", "1 out", "0 out"]


async def test_handlers_can_time_out_and_go_on(world: World) -> None:
    async def script(lab: Lab) -> str:
        try:
            async with asyncio.timeout(0.001):
                await fetch("http://never.answers/")
        except TimeoutError:
            await lab.ctx.storage.put("timed out", True)
        return "went on"

    assert await world.inside(script) == "went on"
    assert await world.inside(lambda lab: lab.ctx.storage.get("timed out")) is True


async def test_a_handler_that_is_cancelled_is_its_callers_error(world: World) -> None:
    async def script(lab: Lab) -> None:
        asyncio.current_task().cancel("by itself")  # type: ignore[union-attr]  # there is one
        await asyncio.sleep(0)

    with pytest.raises(RemoteError, match="CancelledError: the handler was cancelled"):
        await world.inside(script)


async def test_the_end_of_the_program_is_not_caught_and_answered(world: World) -> None:
    class Ending(DurableObject):
        def end(self) -> None:
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        world.stub(Ending).end()


# Output.


async def test_a_reply_waits_for_the_write_it_depends_on(world: World) -> None:
    call = asyncio.ensure_future(world.inside(lambda lab: lab.ctx.storage.put("a", 1).value))
    while not world.host.statistics().actors_live:
        await asyncio.sleep(0)
    assert world.actor().database.has_writes
    assert not call.done()
    assert world.actor().replies_due
    await call
    assert not world.actor().database.has_writes


async def test_a_reply_waits_for_writes_it_may_have_read(world: World, tmp_path: Path) -> None:
    """Another handler's, of the same iteration of the loop."""
    found: list[Any] = []

    class Store(DurableObject):
        def put(self) -> None:
            self.ctx.storage.put("a", 1)

        def get(self) -> Any:
            return self.ctx.storage.get("a").value

    stub = world.stub(Store)
    await stub.get()
    actor = world.actor(Store)
    written, read = stub.put(), stub.get()
    read.add_done_callback(lambda _: found.append(actor.database.has_writes))
    assert not read.done()
    assert await read == 1
    await written
    assert found == [False]


async def test_a_reply_that_depends_on_nothing_leaves_at_once(world: World) -> None:
    class Quick(DurableObject):
        async def call(self) -> int:
            return 5

    call = world.stub(Quick).call()
    assert call.done(), "within the call itself"
    assert await call == 5


async def test_frames_calls_requests_and_replies_leave_in_the_order_of_their_making(
    world: World,
) -> None:
    order: list[str] = []

    class Noting(DurableObject):
        def note(self, entry: str) -> None:
            order.append(entry)

    class OrderedLink(FakeLink):
        def transmit(self, messages: Any, close: Any = None) -> None:
            del close
            order.extend(messages)

    world.outbound.answer = lambda request: order.append("fetch") or Response(None)  # type: ignore[func-returns-value]  # that is why "or"

    def sends(lab: Lab, write_first: bool) -> None:
        client, server = WebSocketPair()
        server.accept()
        client.hand_over(OrderedLink())
        stub = world.stub(Noting)
        if write_first:
            lab.ctx.storage.put("a", 1)
        server.send("frame 1")
        stub.note("call 1")
        server.send("frame 2")
        server.send("frame 3")
        fetch("http://example.test/")
        server.send("frame 4")
        stub.note("call 2")
        server.send("frame 5")

    expected = ["frame 1", "call 1", "frame 2", "frame 3", "fetch", "frame 4", "call 2", "frame 5"]
    for write_first in (False, True):
        order.clear()
        call = asyncio.ensure_future(world.inside(lambda lab, first=write_first: sends(lab, first)))  # type: ignore[misc]  # this round's
        call.add_done_callback(lambda _: order.append("reply"))
        await call
        await turns(1)
        assert order == [*expected, "reply"]


async def test_a_reply_leaves_behind_the_frames_that_were_sent_before_it(world: World) -> None:
    order: list[str] = []

    class Sending(DurableObject):
        def call(self) -> None:
            client, server = WebSocketPair()
            server.accept()

            class OrderedLink(FakeLink):
                def transmit(self, messages: Any, close: Any = None) -> None:
                    del close
                    order.extend(messages)

            client.hand_over(OrderedLink())
            server.send("frame")

    namespace = world.namespace(Sending)
    channel = world.host.namespaces["test-Sending"]
    event = CallEvent("call", pack_call([], {}, "call", 100))
    channel.deliver(namespace.id_from_name("one"), event, lambda *_: order.append("reply"))
    assert order == ["frame", "reply"]
