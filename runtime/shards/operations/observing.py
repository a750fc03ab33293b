"""What the control port tells of a server of several processes: asked of all, and put together.

*Promise*: a process that does not answer holds up nobody for longer than ``ASK_S``; its last word
counts. *Assumes*: nobody asks for what is here where there is no control port, so nobody pays.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from ....storage.errors import InternalError
from ...control.account import Account
from ...control.families import COUNTER, GAUGE, Family
from ...control.processes import memory_size_bytes, of_this_process
from ...control.report import Report
from ..supervisor.places import Identity, Place
from ..supervisor.states import JOINED
from ..supervisor.statistics import SupervisorStatistics

log = logging.getLogger("perdure.control")

ASK_S = 1.0
# What a process has counted since it was last asked is lost when it is killed.
LOOKS_INTERVAL_S = 5.0


class Asked(Protocol):
    """Who has the processes: is ``supervisor.Supervisor``."""

    @property
    def places(self) -> list[Place]: ...
    async def ask_statistics(self, timeout_s: float) -> dict[Identity, bytes | None]: ...
    def statistics(self) -> SupervisorStatistics: ...


class ObservedProcesses:
    """All processes of a supervisor. Is an ``Observed``; close it when done."""

    def __init__(self, supervisor: Asked) -> None:
        self._supervisor = supervisor
        self._account: Account[Identity] = Account()
        self._looking = asyncio.get_running_loop().create_task(self._look_again_and_again())

    async def close(self) -> None:
        """Ask no more."""
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)

    async def families(self) -> Sequence[Family]:
        await self._look()
        return [*self._account.total(), *self._of_processes()]

    async def reasons(self) -> Sequence[str]:
        reports = await self._look()
        reasons = [
            f"{identity.place}: {reason}"
            for identity, report in reports.items()
            for reason in (["it does not answer"] if report is None else report.reasons)
        ]
        return [*(f"nobody serves as {place}" for place in self._vacant()), *reasons]

    async def _look(self) -> Mapping[Identity, Report | None]:
        """Ask all; None for one that serves, and does not say."""
        answers = await self._supervisor.ask_statistics(ASK_S)
        reports = {who: _read(who, data) for who, data in answers.items()}
        said = {who: one.families for who, one in reports.items() if one is not None}
        there = {
            Identity(Place(one.role, one.slot), one.generation)
            for one in self._supervisor.statistics().processes
            if one.role is not None
        }
        self._account.heard(said, there)
        return {who: report for who, report in reports.items() if who in there}

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOKS_INTERVAL_S)
            await self._look()

    def _vacant(self) -> list[Place]:
        served = {
            Place(one.role, one.slot)
            for one in self._supervisor.statistics().processes
            if one.role is not None and one.state in JOINED
        }
        return [place for place in self._supervisor.places if place not in served]

    def _of_processes(self) -> list[Family]:
        label = ("process",)
        memory = Family("process_memory_bytes", GAUGE, "Resident memory of processes.", label)
        restarts = Family("process_restarts", COUNTER, "Processes that were replaced.", label)
        state_text = "1 for the state that a process is in."
        states = Family("process_state", GAUGE, state_text, ("process", "state"))
        serving = Family("process_serving", GAUGE, "1 for a place that is served.", label)
        vacant = set(self._vacant())
        for place in self._supervisor.places:
            serving.of(place.name, is_now=int(place not in vacant))
        own = of_this_process("supervisor")
        memory.of(own.role, is_now=own.memory_size_bytes or 0)
        for one in self._supervisor.statistics().processes:
            name = "spare" if one.role is None else Place(one.role, one.slot).name
            size = memory_size_bytes(one.pid) or 0
            memory.of(name, is_now=memory.series.get((name,), (0,))[0] + size)
            states.of(name, one.state.value, is_now=1)
            if one.role is not None:
                restarts.of(name, is_now=one.restarts)
        return [memory, restarts, states, serving]


def _read(who: Identity, data: bytes | None) -> Report | None:
    if not data:  # it is silent, or has only just begun
        return None if data is None else Report([], [])
    try:
        return Report.decode(data)
    except InternalError as error:
        log.error("report.unreadable", extra={"child": str(who), "cause": str(error)})  # noqa: TRY400  # no code of ours failed
        return None
