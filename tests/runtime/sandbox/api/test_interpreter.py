"""Code contexts as programs have them, behind a real wall."""

import asyncio
from typing import Any

import pytest

from perdure.runtime.sandbox.api import interpreter
from perdure.runtime.sandbox.api.code_results import (
    CodeContext,
    CodeResult,
    ExecutionError,
    OutputMessage,
)
from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.errors import (
    SandboxContextNotFound,
    SandboxInterpreterError,
    SandboxInvalid,
    SandboxLanguageUnavailable,
)
from perdure.runtime.sandbox.interpreter import code_host
from perdure.runtime.sandbox.sandbox import Sandbox
from tests.runtime.sandbox.boxes import Boxes
from tests.runtime.sandbox.sandboxes import TIMES_S

pytestmark = pytest.mark.slow

TABLE = """
class Table:
    def _repr_html_(self):
        return "<table></table>"
    def __repr__(self):
        return "a table"
print("out")
Table()
"""


async def test_code_is_run_with_what_the_code_before_has_left(boxes: Boxes) -> None:
    box = boxes.box()
    first = await box.run_code(TABLE)
    assert first.code == TABLE
    assert first.logs.stdout == ["out\n"]
    assert first.logs.stderr == []
    [result] = first.results
    assert (result.html, result.text) == ("<table></table>", "a table")
    assert result.formats() == ["text", "html"]
    assert (first.error, first.execution_count, first.dropped_bytes) == (None, 1, 0)
    second = await box.run_code("1 / 0\nTable()")
    assert second.error is not None
    assert (second.error.name, second.error.message) == ("ZeroDivisionError", "division by zero")
    assert second.error.line_number == 1
    assert second.results == []
    [context] = await box.list_code_contexts()
    assert context.id == first.context_id == second.context_id
    assert (context.language, context.cwd) == ("python", "/workspace")
    assert context.created_at < context.last_used


async def test_it_is_alive_after_the_actor_and_its_process_are_gone(boxes: Boxes) -> None:
    box = boxes.box()
    context = await box.create_code_context(cwd="/tmp", env_vars={"MINE": "1"})
    assert isinstance(context, CodeContext)
    await box.run_code("import os; x = 41", context=context)
    earlier = boxes.home
    boxes.world.clock.advance(60)
    assert boxes.world.live(Sandbox) == 0
    boxes.restart()
    await earlier.close()
    again = boxes.box()
    result = await again.run_code("x + 1, os.getcwd(), os.environ['MINE']", context=context.id)
    assert result.results[0].text == "(42, '/tmp', '1')"
    assert [each.id for each in await again.list_code_contexts()] == [context.id]


async def test_a_context_of_an_earlier_start_is_gone_and_says_so(boxes: Boxes) -> None:
    box = boxes.box()
    context = await box.create_code_context()
    await box.stop()
    for call in (box.run_code("1", context=context), box.delete_code_context(context.id)):
        with pytest.raises(SandboxContextNotFound, match="started anew") as caught:
            await call
        assert (caught.value.code, caught.value.http_status) == ("CONTEXT_NOT_FOUND", 404)
        assert caught.value.context == {"context_id": context.id}
    # It was not started for that.
    assert not (await box.get_status()).is_running
    assert await box.list_code_contexts() == []
    assert (await box.run_code("1 + 1")).results[0].text == "2"
    with pytest.raises(SandboxContextNotFound):
        await box.run_code("1", context=context)


async def test_a_context_is_deleted_once(boxes: Boxes) -> None:
    box = boxes.box()
    context = await box.create_code_context()
    await box.delete_code_context(context.id)
    with pytest.raises(SandboxContextNotFound):
        await box.delete_code_context(context.id)
    assert await box.list_code_contexts() == []


async def test_who_calls_is_told_as_it_happens(boxes: Boxes) -> None:
    told: list[Any] = []
    code = """
import sys, time
from IPython.display import display
print("out", flush=True)
print("err", file=sys.stderr, flush=True)
display("shown")
raise ValueError("no")
"""

    async def slowly(value: Any) -> None:
        await asyncio.sleep(0)
        told.append(value)

    async def script() -> Any:
        return await boxes.box().run_code(
            code, on_stdout=told.append, on_stderr=slowly, on_result=told.append, on_error=slowly
        )

    result = await boxes.called(script)
    kinds = [type(each) for each in told]
    assert kinds == [OutputMessage, OutputMessage, CodeResult, ExecutionError]
    assert [each.text for each in told[:3]] == ["out\n", "err\n", "'shown'"]
    assert told[2:] == [*result.results, result.error]


async def test_what_is_shown_again_takes_its_place(boxes: Boxes) -> None:
    code = "h = display('first', display_id=True); display('other'); h.update('second')"
    result = await boxes.box().run_code(code)
    assert [each.text for each in result.results] == ["'second'", "'other'"]


async def test_a_stream_has_the_events_of_the_original(boxes: Boxes) -> None:
    box = boxes.box()
    stream = await box.run_code_stream("print('out')\n42")
    events = [event async for event in parse_sse_stream(stream)]
    assert [event["type"] for event in events] == ["stdout", "result", "execution_complete"]
    assert events[0]["text"] == "out\n"
    assert events[0]["timestamp"] > 1_000_000_000_000
    assert (events[1]["text"], events[1]["execution_count"]) == ("42", 1)
    stream = await box.run_code_stream("1 / 0", timeout=60)
    raw = b"".join([chunk async for chunk in stream])
    assert b'"ename": "ZeroDivisionError"' in raw
    assert b'"lineNumber": 1' in raw
    stream = await box.run_code_stream("1", context="none")
    [event] = [event async for event in parse_sse_stream(stream)]
    assert (event["type"], event["ename"]) == ("error", "CONTEXT_NOT_FOUND")


async def test_whoever_stops_reading_a_stream_interrupts_the_code(boxes: Boxes) -> None:
    box = boxes.box()
    code = "try:\n    x = 1\n    print(x, flush=True)\n    while True: pass\nfinally:\n    x = 2"
    stream: Any = await box.run_code_stream(code, timeout=None)
    async for _ in stream:
        break
    stream.cancel()
    assert (await box.run_code("x")).results[0].text == "2"


async def test_time_that_is_over_is_an_error_of_the_code(boxes: Boxes) -> None:
    box = boxes.box()
    for timeout in TIMES_S:
        code = "x = 1\nprint(x, flush=True)\nwhile True: pass"
        result = await box.run_code(code, timeout=timeout)
        assert result.error is not None
        assert result.error.name == "TimeoutError"
        if result.logs.stdout:
            break
    assert (await box.run_code("x")).results[0].text == "1"


async def test_variables_that_are_set_later_are_those_of_later_contexts(boxes: Boxes) -> None:
    box = boxes.box()
    await box.set_env_vars({"A": "1", "B": "1"})
    await box.run_code("1")  # the code host has these
    await box.set_env_vars({"A": "2", "B": None})
    context = await box.create_code_context(env_vars={"C": "3"})
    code = "import os; [os.environ.get(name) for name in 'ABC']"
    assert (await box.run_code(code, context=context)).results[0].text == "['2', None, '3']"


async def test_without_a_wall_it_is_the_same(open_boxes: Boxes) -> None:
    box = open_boxes.box()
    await box.write_file("mine.py", "y = 7")
    await box.run_code("import os, mine")
    result = await box.run_code("mine.y, 'mine.py' in os.listdir('.')")
    assert result.results[0].text == "(7, True)"
    await box.destroy()
    assert (await box.run_code("'mine' in dir()")).results[0].text == "False"


async def test_what_cannot_be_run_is_refused_before_anything_is_started(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = boxes.box()
    with pytest.raises(SandboxLanguageUnavailable, match="TypeScript") as caught:
        await box.run_code("1", language="typescript")
    assert caught.value.http_status == 501
    with pytest.raises(SandboxInvalid, match="no language 'perl'"):
        await box.create_code_context("perl")
    with pytest.raises(SandboxInvalid, match="timeout"):
        await box.run_code("1", timeout=0)
    with pytest.raises(SandboxInvalid, match="The code is text"):
        await box.run_code(1)  # type: ignore[arg-type]  # on purpose
    monkeypatch.setattr(code_host, "package_folders", lambda: ())
    with pytest.raises(SandboxLanguageUnavailable, match=r"perdure\[interpreter\]") as caught:
        await box.run_code("1")
    assert caught.value.code == "PYTHON_NOT_AVAILABLE"
    assert isinstance(caught.value, SandboxInterpreterError)
    assert not (await box.get_status()).is_running


async def test_code_contexts_are_no_processes_of_the_user(boxes: Boxes) -> None:
    box = boxes.box()
    await box.run_code("x = 1")
    assert await box.list_processes() == []
    connection = await boxes.home.find(str(box.stub.id))
    assert connection is not None
    await box.set_sleep_after(0.1)
    async with asyncio.timeout(60):  # nor do they keep it awake
        await connection.is_lost()
    assert interpreter.CODE_HOST.startswith("sandbox:")
