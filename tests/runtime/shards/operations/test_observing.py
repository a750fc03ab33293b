"""What is told of processes that come, go, hang and fail."""

import os
from collections.abc import AsyncIterator

import pytest

from perdure.runtime.control.families import COUNTER, Family, single
from perdure.runtime.control.report import Report
from perdure.runtime.shards.operations.observing import ObservedProcesses
from perdure.runtime.shards.supervisor.places import Identity, Place, Role
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics, SupervisorStatistics

ROUTER, WORKER = Place(Role.ROUTER, "0"), Place(Role.WORKER, "0")


class Crew:
    """A supervisor whose processes the test makes."""

    def __init__(self) -> None:
        self.places = [ROUTER, WORKER]
        self.processes: dict[Identity | None, ProcessStatistics] = {}
        self.answers: dict[Identity, bytes | None] = {}

    def has(self, place: Place, generation: int, state: ChildState, *, restarts: int = 0) -> None:
        self.processes[Identity(place, generation)] = ProcessStatistics(
            os.getpid(), place.role, place.slot, generation, state, 0, 0.0, restarts, None, None
        )

    def has_spare(self) -> None:
        self.processes[None] = ProcessStatistics(
            os.getpid(), None, "", 0, ChildState.SPARE, 0, 0.0, 0, None, None
        )

    def says(self, place: Place, generation: int, requests: float, *reasons: str) -> None:
        family = single("requests", "Requests.", requests, COUNTER)
        self.answers[Identity(place, generation)] = Report.of([family], reasons).encode()

    async def ask_statistics(self, timeout_s: float) -> dict[Identity, bytes | None]:
        assert timeout_s > 0
        return self.answers

    def statistics(self) -> SupervisorStatistics:
        return SupervisorStatistics(tuple(self.processes.values()), {})


@pytest.fixture
def crew() -> Crew:
    crew = Crew()
    crew.has(ROUTER, 1, ChildState.SERVING)
    crew.has(WORKER, 2, ChildState.SERVING, restarts=3)
    crew.says(ROUTER, 1, 10)
    crew.says(WORKER, 2, 5)
    return crew


@pytest.fixture
async def observed(crew: Crew) -> AsyncIterator[ObservedProcesses]:
    observed = ObservedProcesses(crew)
    yield observed
    await observed.close()


async def told(observed: ObservedProcesses) -> dict[str, Family]:
    return {family.name: family for family in await observed.families()}


async def test_all_that_serve_are_asked_and_put_together(
    crew: Crew, observed: ObservedProcesses
) -> None:
    crew.has_spare()
    families = await told(observed)
    assert families["requests"].series == {(): (15,)}
    assert families["process_restarts"].series == {("router-0",): (0,), ("worker-0",): (3,)}
    assert families["process_serving"].series == {("router-0",): (1,), ("worker-0",): (1,)}
    assert set(families["process_state"].series) == {
        ("router-0", "serving"),
        ("worker-0", "serving"),
        ("spare", "spare"),
    }
    memory = families["process_memory_bytes"].series
    assert set(memory) == {("supervisor",), ("router-0",), ("worker-0",), ("spare",)}
    assert all(value > 0 for (value,) in memory.values())
    assert list(await observed.reasons()) == []


async def test_a_place_that_nobody_serves_is_a_reason(
    crew: Crew, observed: ObservedProcesses
) -> None:
    assert (await told(observed))["requests"].series == {(): (15,)}
    del crew.processes[Identity(WORKER, 2)], crew.answers[Identity(WORKER, 2)]
    crew.has(WORKER, 3, ChildState.STARTING)
    assert list(await observed.reasons()) == ["nobody serves as worker 0"]
    families = await told(observed)
    assert families["process_serving"].series["worker-0",] == (0,)
    assert families["requests"].series == {(): (15,)}, "the dead one has answered them"
    crew.has(WORKER, 3, ChildState.SERVING)
    crew.says(WORKER, 3, 1)
    assert list(await observed.reasons()) == []
    assert (await told(observed))["requests"].series == {(): (16,)}


async def test_reasons_say_whose_they_are(crew: Crew, observed: ObservedProcesses) -> None:
    crew.says(WORKER, 2, 5, "the disk is full")
    crew.answers[Identity(ROUTER, 1)] = None
    assert list(await observed.reasons()) == [
        "router 0: it does not answer",
        "worker 0: the disk is full",
    ]


async def test_what_cannot_be_read_is_no_answer(
    crew: Crew, observed: ObservedProcesses, caplog: pytest.LogCaptureFixture
) -> None:
    await observed.families()
    crew.answers[Identity(ROUTER, 1)] = b"garbage"
    assert list(await observed.reasons()) == ["router 0: it does not answer"]
    assert (await told(observed))["requests"].series == {(): (15,)}
    assert "report.unreadable" in caplog.text


async def test_one_that_has_only_begun_has_nothing_to_say(
    crew: Crew, observed: ObservedProcesses
) -> None:
    crew.answers[Identity(WORKER, 2)] = b""
    assert list(await observed.reasons()) == []
