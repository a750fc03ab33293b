"""Random schedules of three handlers in one actor, against a sequential model.

Each handler is a random program of storage calls, waits for a library's future, fetches and
transactions. The test alone decides when each wait ends, so a schedule is a list of choices, and
the model, which knows nothing of asyncio, can say exactly what the actor must do at each.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.execution import Execution
from perdure.actors.fetch import fetch
from perdure.actors.gates import Turn
from perdure.actors.handlers import NativeHandlers
from perdure.actors.http import Response
from tests.world import World, turns

HANDLERS = 3
SCHEDULES = 1000

# An operation: ("bump",), ("wait",), ("fetch",) or ("transaction", operations, fails).
Operation = tuple[Any, ...]
Trace = list[tuple[int, str, int]]


def random_program(chance: random.Random) -> list[Operation]:
    def plain(inside: bool) -> Iterator[Operation]:
        wrote = False
        for _ in range(chance.randint(1, 3)):
            kinds = ["bump", "wait", "wait"] if inside and wrote else ["bump", "wait", "fetch"]
            kind = chance.choice(kinds)  # after a write a transaction may not call out
            wrote = wrote or kind == "bump"
            yield (kind,)

    program: list[Operation] = []
    for _ in range(chance.randint(1, 3)):
        if chance.random() < 0.4:
            program.append(("transaction", list(plain(inside=True)), chance.random() < 0.3))
        else:
            program.extend(plain(inside=False))
    return program


class Undo(Exception):
    """Ends a transaction that is to be rolled back."""


class Subject(DurableObject):
    """Runs programs; what it does and when is written down in ``trace``."""

    trace: Trace = []
    waits: dict[int, "asyncio.Future[None]"] = {}

    async def run(self, number: int, program: list[Any]) -> None:
        for operation in program:
            if operation[0] == "transaction":
                await self.transaction(number, operation[1], operation[2])
            else:
                await self.simple(number, operation[0])
        self.trace.append((number, "end", 0))

    async def simple(self, number: int, kind: str) -> None:
        if kind == "bump":
            value = (await self.ctx.storage.get("n") or 0) + 1
            await self.ctx.storage.put("n", value)
            self.trace.append((number, "bump", value))
        elif kind == "wait":
            self.waits[number] = asyncio.get_running_loop().create_future()
            await self.waits[number]
            self.trace.append((number, "waited", 0))
        else:
            response = await fetch(f"http://outside.test/{number}")
            self.trace.append((number, "fetched", response.status))

    async def transaction(self, number: int, operations: list[Any], fails: bool) -> None:
        async def body(txn: object) -> None:
            for operation in operations:
                await self.simple(number, operation[0])
            if fails:
                raise Undo

        try:
            await self.ctx.storage.transaction(body)
        except Undo:
            self.trace.append((number, "undone", 0))


@dataclass
class Model:
    """What an actor does with the same programs, one plain step after the other."""

    programs: list[list[Operation]]
    n: int = 0
    trace: Trace = field(default_factory=list)
    held: deque[int] = field(default_factory=deque)
    owner: int | None = None  # whose transaction shuts the gate
    waiting: dict[int, str] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.threads = {i: self.thread(i, p) for i, p in enumerate(self.programs)}

    def thread(self, number: int, program: list[Operation]) -> Iterator[str]:
        """A handler: yields what it waits for at each suspension."""
        for operation in program:
            if operation[0] != "transaction":
                yield from self.simple(number, operation[0])
                continue
            self.owner, before = number, self.n
            for inner in operation[1]:
                yield from self.simple(number, inner[0])
            self.owner = None
            if operation[2]:
                self.n = before
                self.trace.append((number, "undone", 0))
        self.trace.append((number, "end", 0))

    def simple(self, number: int, kind: str) -> Iterator[str]:
        if kind == "bump":
            self.n += 1
            self.trace.append((number, "bump", self.n))
        else:
            yield kind
            self.trace.append((number, "waited", 0) if kind == "wait" else (number, "fetched", 200))

    def resume(self, number: int) -> None:
        """The event has come, or what the handler waits for: its turn, if the gate is open."""
        self.waiting.pop(number, None)
        self.held.append(number)
        while self.held and self.owner in {None, *self.held}:
            position = 0 if self.owner is None else self.held.index(self.owner)
            turn = self.held[position]
            del self.held[position]
            try:
                self.waiting[turn] = next(self.threads[turn])
            except StopIteration:
                self.done.add(turn)


class Mismatch(AssertionError):
    """The actor did something else than the model."""


async def run_schedule(root: Path, seed: int) -> None:
    """Play one random schedule on both; raise Mismatch where they part."""
    chance = random.Random(seed)
    model = Model([random_program(chance) for _ in range(HANDLERS)])
    world = World(root / str(seed))
    Subject.trace, Subject.waits = [], {}
    stub = world.stub(Subject)
    unstarted = list(range(HANDLERS))
    calls: list[asyncio.Future[Any]] = []
    try:
        while unstarted or model.waiting:
            number = chance.choice([*unstarted, *model.waiting])
            if number in unstarted:
                unstarted.remove(number)
                calls.append(stub.run(number, model.programs[number]))
            else:
                await finish_wait(world, number, model.waiting[number])
            model.resume(number)
            await settle(world, model)
        if world.host.is_busy or any(not call.done() for call in calls):
            raise Mismatch("the model is at its end, the actor is not")
        if await stub.read() != model.n:
            raise Mismatch("the stored numbers differ")
    finally:
        world.close()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def finish_wait(world: World, number: int, kind: str) -> None:
    if kind == "wait":
        future = Subject.waits.pop(number, None)
        if future is None or future.done():
            raise Mismatch(f"handler {number} does not wait, and should")
        future.set_result(None)
        return
    for entry in world.outbound.sent:
        request, on_reply = entry
        if request.url.endswith(f"/{number}"):
            world.outbound.sent.remove(entry)
            on_reply(Response("x"), None)
            return
    raise Mismatch(f"handler {number} has sent no request, and should have")


async def settle(world: World, model: Model) -> None:
    """Let the loop run until the actor stands still where the model does."""
    await turns(12)
    if Subject.trace != model.trace:
        raise Mismatch(f"the actor did {Subject.trace}, the model {model.trace}")


async def _read(self: Subject) -> int:
    return await self.ctx.storage.get("n") or 0


Subject.read = _read  # type: ignore[attr-defined]  # short programs above, the check below


@pytest.mark.slow
async def test_any_schedule_of_handlers_does_what_the_sequential_model_does(
    tmp_path: Path,
) -> None:
    for seed in range(SCHEDULES):
        await run_schedule(tmp_path, seed)


async def first_mismatch(root: Path, schedules: int = 200) -> int | None:
    for seed in range(schedules):
        try:
            await run_schedule(root, seed)
        except Mismatch:
            return seed
    return None


async def test_the_schedules_notice_a_lock_in_the_place_of_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = asyncio.Lock()
    handle: Callable[..., Any] = NativeHandlers.handle

    def locked(self: NativeHandlers, event: Any) -> Any:
        async def run() -> Any:
            async with lock:
                return await handle(self, event)

        return run()

    monkeypatch.setattr(NativeHandlers, "handle", locked)
    assert await first_mismatch(tmp_path) is not None


async def test_the_schedules_notice_that_the_gate_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resume(self: Execution, turn: Turn) -> None:
        if self.turn is None:
            self._take(turn)
            self.pump()
        else:
            self.gate.held.append(turn)

    monkeypatch.setattr(Execution, "resume", resume)
    assert await first_mismatch(tmp_path) is not None
