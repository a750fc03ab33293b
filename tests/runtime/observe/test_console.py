"""What programs print is heard, and printed."""

import io
import sys

import pytest

from perdure.actors.execution import CURRENT, Execution
from perdure.actors.ids import DurableObjectId
from perdure.runtime.observe.console import LINE_LENGTH_MAX, Consoles, Ear
from tests.world import FakeOutbound

Heard = list[tuple[DurableObjectId | None, str, str]]


@pytest.fixture
async def execution() -> Execution:
    import asyncio

    return Execution(asyncio.get_running_loop(), FakeOutbound())


async def test_what_is_printed_in_words_is_heard_in_lines(execution: Execution) -> None:
    heard: Heard = []
    below = io.StringIO()
    ear = Ear(below, "stdout", lambda *one: heard.append(one))

    def program() -> None:
        print("one", 2, file=ear)
        print("three\nfour", end="", file=ear)
        print(" five", file=ear)

    execution.context.run(program)
    assert [text for _, _, text in heard] == ["one 2", "three", "four five"]
    assert below.getvalue() == "one 2\nthree\nfour five\n"


async def test_what_nobodys_code_prints_is_only_printed() -> None:
    heard: Heard = []
    below = io.StringIO()
    print("ready", file=Ear(below, "stdout", lambda *one: heard.append(one)))
    assert (heard, below.getvalue()) == ([], "ready\n")
    assert CURRENT.get() is None


async def test_a_line_without_an_end_is_heard_in_pieces(execution: Execution) -> None:
    heard: Heard = []
    ear = Ear(io.StringIO(), "stderr", lambda *one: heard.append(one))
    execution.context.run(ear.write, "x" * (LINE_LENGTH_MAX + 1))
    assert heard == [(None, "stderr", "x" * (LINE_LENGTH_MAX + 1))]


def test_ears_come_off_again(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    consoles = Consoles(lambda *_: None)
    consoles.open()
    consoles.open()
    ear: object = sys.stdout
    assert isinstance(ear, Ear)
    assert ear.getvalue() == ""  # as every attribute, its stream's
    consoles.close()
    found: object = sys.stdout
    assert found is out
    assert sys.stderr is err


def test_a_stream_that_somebody_else_has_put_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    consoles = Consoles(lambda *_: None)
    consoles.open()
    mine = io.StringIO()
    sys.stdout = mine
    consoles.close()
    assert sys.stdout is mine
