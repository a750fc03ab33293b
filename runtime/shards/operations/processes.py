"""What there is to see of the processes of a supervised server."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from ...control.line import LineEnded
from ...control.processes import ProcessLine, memory_size_bytes, of_this_process
from ...control.protocol import OperationFailed
from ...host.operations.house import Told, Values
from ..supervisor.places import Identity, Place
from ..supervisor.states import COMING, LEAVING, ChildState
from ..supervisor.statistics import ProcessStatistics, SupervisorStatistics
from .lines import Lines

# One that hangs is shown without what it holds.
_FACTS_WAIT_S = 2.0
_CAN_SAY = frozenset({ChildState.SERVING, ChildState.RELAYING})


class _Nobody:
    """Is told of what nobody wants to know. Is a ``Told``."""

    async def progress(self, what: str, done: int, total: int | None) -> None:
        """Likewise."""

    async def item(self, item: Values) -> None:
        """Likewise."""


async def tell_of_all(lines: Lines, statistics: SupervisorStatistics, told: Told) -> Values:
    """Tell of each process as an item: the supervisor first, then as it knows them.

    What follows are places that nobody fills.
    """
    state = "stopping" if lines.is_stopping else "serving"
    await told.item(replace(of_this_process("supervisor"), state=state).as_item())
    processes = statistics.processes
    for process, facts in zip(processes, await _facts_of(lines, processes), strict=True):
        line = ProcessLine(
            "spare" if process.role is None else process.role.value,
            process.slot,
            process.pid,
            process.state.value,
            process.started_ms,
            process.restarts,
            memory_size_bytes(process.pid),
            process.silent_s,
            process.failure or _deaths_before(process, statistics),
        )
        await told.item(line.as_item(facts))
    for place in _away(statistics):
        await told.item(place.as_item())
    return {"processes": len(processes) + 1}


def _deaths_before(process: ProcessStatistics, statistics: SupervisorStatistics) -> str | None:
    """Why somebody may still wait for a place that has a process, if that comes to serve."""
    if process.role is None or process.state not in COMING:
        return None
    failures = statistics.backoff_failures.get(str(Place(process.role, process.slot)), 0)
    return _died(failures) if failures else None


def _died(failures: int) -> str:
    died = "process has" if failures == 1 else "processes in a row have"
    return f"{failures} {died} died before serving; the log says why"


def _away(statistics: SupervisorStatistics) -> list[ProcessLine]:
    """The places that nobody fills while the next try is waited for."""
    filled = {
        str(Place(process.role, process.slot))
        for process in statistics.processes
        if process.role is not None and process.state not in LEAVING
    }
    lines = []
    for place, failures in statistics.backoff_failures.items():
        if place not in filled:
            role, _, slot = place.partition(" ")
            lines.append(ProcessLine(role, slot, None, "away", None, failure=_died(failures)))
    return lines


async def _facts_of(lines: Lines, processes: Sequence[ProcessStatistics]) -> list[Values]:
    return await asyncio.gather(*[_facts(lines, process) for process in processes])


async def _facts(lines: Lines, process: ProcessStatistics) -> Values:
    """What a process says it holds; nothing if it cannot, or does not, say."""
    if process.role is None or process.state not in _CAN_SAY:
        return {}
    identity = Identity(Place(process.role, process.slot), process.generation)
    try:
        async with asyncio.timeout(_FACTS_WAIT_S):
            return await lines.ask_process(identity, "facts", _Nobody())
    except (TimeoutError, OperationFailed, LineEnded):
        return {}
