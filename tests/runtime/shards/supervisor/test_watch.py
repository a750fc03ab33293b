"""What a watch does between its ticks; test_child.py has it watch real processes."""

import asyncio
from dataclasses import replace
from typing import Any, cast

from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.process import Process
from perdure.runtime.shards.supervisor.stack_dump import StackReader
from perdure.runtime.shards.supervisor.watch import ChildWatch

LIMITS = SupervisionLimits(
    ping_interval_s=0.01, silence_report_s=0.02, silence_max_s=0.05, stopped_max_s=0.05
)


class StandIn:
    """A child, its process and the reader of its stacks."""

    def __init__(self, kernel_state: str = "S", stack: str = "main.py") -> None:
        self.letter = kernel_state
        self.text = stack
        self.is_watched = True
        self.is_coming = False
        self.told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def kernel_state(self) -> str:
        return self.letter

    def send_signal(self, number: int) -> None:
        """Nobody is there."""

    async def read(self, send_signal: object, timeout_s: float) -> str:
        return self.text

    def ask(self, number: int) -> None:
        self.told.put_nowait(("ask", number))

    def is_silent(self, silent_s: float, stack: str) -> None:
        self.told.put_nowait(("silent", stack))

    def answers_again(self, silent_s: float) -> None:
        self.told.put_nowait(("answers again", silent_s))

    def hangs(self, silent_s: float, stack: str) -> None:
        self.told.put_nowait(("hangs", stack))

    def watch(self) -> ChildWatch:
        loop = asyncio.get_running_loop()
        return ChildWatch(self, cast("Process", self), cast("StackReader", self), LIMITS, loop)

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(60):
            return await self.told.get()


async def test_silence_is_reported_and_then_ends_it_and_the_questions() -> None:
    child = StandIn()
    watch = child.watch()
    told = [await child.next() for _ in range(3)]
    assert told == [("ask", 1), ("silent", "main.py"), ("hangs", "main.py")]
    assert watch.silent_s >= 0.05
    watch.close()


async def test_who_answers_is_asked_again_and_a_late_answer_is_told() -> None:
    child = StandIn()
    watch = child.watch()
    assert await child.next() == ("ask", 1)
    watch.answered(1)
    assert await child.next() == ("ask", 2)
    assert await child.next() == ("silent", "main.py")
    watch.answered(2)
    what, silent_s = await child.next()
    assert what == "answers again"
    assert silent_s >= 0.02
    watch.close()


async def test_who_may_be_busy_is_not_asked() -> None:
    child = StandIn()
    child.is_watched = False
    watch = child.watch()
    for _ in range(3):
        timer = watch._timer
        async with asyncio.timeout(60):
            while watch._timer is timer:
                await asyncio.sleep(0)
    assert child.told.empty()
    child.is_watched = True
    assert await child.next() == ("ask", 1)
    watch.close()


async def test_where_there_is_no_stack_it_is_said_why() -> None:
    said = []
    for letter in ("T", "D", "S"):
        watch = StandIn(letter, "").watch()
        said.append(await watch.stack())
        watch.close()
    assert "SIGSTOP" in said[0]
    assert "inside the kernel" in said[1]
    assert said[2] == "its stack could not be had"


async def test_who_is_stopped_on_his_way_is_reported_and_then_ended() -> None:
    child = StandIn("T")
    child.is_watched, child.is_coming = False, True
    watch = child.watch()
    for wanted in ("silent", "hangs"):
        what, why = await child.next()
        assert what == wanted
        assert "SIGSTOP" in why
    assert watch.silent_s == 0.05
    assert child.told.empty()
    watch.close()


async def test_who_goes_on_his_way_after_a_stop_is_told_of() -> None:
    child = StandIn("t")
    child.is_watched, child.is_coming = False, True
    watch = child.watch()
    assert (await child.next())[0] == "silent"
    child.letter = "R"
    what, stopped_s = await child.next()
    assert what == "answers again"
    assert stopped_s >= 0.02
    assert watch.silent_s == 0
    watch.close()


async def test_nobody_is_ended_for_a_stop_while_somebody_debugs() -> None:
    child = StandIn("t")
    child.is_watched, child.is_coming = False, True
    loop = asyncio.get_running_loop()
    limits = replace(LIMITS, silence_max_s=None)
    watch = ChildWatch(child, cast("Process", child), cast("StackReader", child), limits, loop)
    async with asyncio.timeout(60):
        while watch.silent_s < 0.2:
            await asyncio.sleep(0)
    assert child.told.qsize() == 1, "it was reported, once"
    watch.close()
