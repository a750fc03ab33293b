"""What it costs that each turn is timed (actors/slow_turns.py), in CPU time.

    python bench/bench_turn.py [--rounds 7] [--turns 200000]

Turns that do nothing, and calls from one actor to another, with the clock and without; the two
take turns within a round, and the fastest of each is printed.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from perdure.actors.base import DurableObject
from perdure.actors.clock import SystemClock
from perdure.actors.execution import Execution
from perdure.actors.gates import InputGate, Turn
from tests.world import FakeOutbound, World

TURNS_PER_CALL = 10  # a call takes so much longer than a turn that fewer are enough


class Nothing:
    """A turn that does nothing."""

    since_s = 0.0

    def __init__(self, gate: InputGate) -> None:
        self.gate = gate

    def step(self) -> None:
        """It is over."""


class Room(DurableObject):
    """Answers."""

    async def ping(self) -> int:
        return 1


def take_untimed(self: Execution, turn: Turn) -> None:
    """As ``Execution._take``, without the clock."""
    self.turn = turn
    try:
        turn.step()
    finally:
        self.turn = None
        self.after_turn()


def empty_turns_ns(count: int) -> float:
    execution = Execution(asyncio.get_running_loop(), FakeOutbound())
    turn = Nothing(execution.root)
    started = time.process_time()
    for _ in range(count):
        execution.resume(turn)
    return (time.process_time() - started) / count * 1e9


async def calls_ns(room: Any, count: int) -> float:
    started = time.process_time()
    for _ in range(count):
        await room.ping()
    return (time.process_time() - started) / count * 1e9


async def measure(rounds: int, count: int) -> None:
    timed = Execution._take
    found: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as root:
        world = World(Path(root))
        world.host.clock = SystemClock(world.loop)
        room = world.stub(Room)
        await room.ping()
        for _ in range(rounds):
            for name, take in (("without", take_untimed), ("with", timed)):
                Execution._take = take  # type: ignore[method-assign]
                for what, took in (
                    ("turn", empty_turns_ns(count)),
                    ("call", await calls_ns(room, count // TURNS_PER_CALL)),
                ):
                    found[what, name] = min(took, found.get((what, name), took))
        Execution._take = timed  # type: ignore[method-assign]
        world.close()
    for (what, name), took in sorted(found.items()):
        print(f"{what} {name:8} the clock: {took:8.0f} ns")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turns", type=int, default=200_000)
    options = parser.parse_args()
    asyncio.run(measure(options.rounds, options.turns))
