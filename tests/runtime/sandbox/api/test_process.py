"""A process as programs have it; test_processes.py has real ones."""

import re

import pytest

from perdure.runtime.sandbox.api.process import Process, bound, pattern_of
from perdure.runtime.sandbox.errors import SandboxInvalid


def process(name: str = "p") -> Process:
    return Process(id=name, command="true", status="running", start_time="2026-01-01T00:00:00.000Z")


async def test_one_that_came_over_a_plain_stub_says_how_to_get_another() -> None:
    with pytest.raises(SandboxInvalid, match="get_sandbox"):
        await process().kill()


async def test_it_asks_whoever_it_is_bound_to() -> None:
    killed = []

    class Calls:
        async def kill_process(self, process_id: str, signal: str) -> None:
            killed.append((process_id, signal))

    first, second = bound([process("a"), process("b")], Calls())
    await first.kill()
    await second.kill("SIGHUP")
    assert killed == [("a", "SIGTERM"), ("b", "SIGHUP")]


def test_being_bound_is_no_part_of_what_it_is() -> None:
    assert bound(process(), object()) == process()
    assert "_sandbox" not in repr(process())
    assert bound(None, object()) is None


def test_a_pattern_travels_as_text_and_flags() -> None:
    assert pattern_of("a.b") == ("a.b", None)
    text, flags = pattern_of(re.compile("a.b", re.IGNORECASE))
    assert flags is not None
    assert re.compile(text, flags) == re.compile("a.b", re.IGNORECASE)
