"""Contexts, with real kernels in a sandbox."""

import asyncio
import itertools
import shutil

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.interpreter.inside.contexts import CONTEXTS_MAX
from tests.runtime.sandbox.interpreter.hosts import Hosted
from tests.runtime.sandbox.sandboxes import TIMES_S, processes_with, text_of, until

pytestmark = pytest.mark.slow


async def test_contexts_know_nothing_of_each_other(walled_host: Hosted) -> None:
    one, two = await asyncio.gather(walled_host.create(), walled_host.create())
    await walled_host.text("x = 1", one)
    [error], _ = await walled_host.run("x", two)
    assert error["ename"] == "NameError"
    assert await walled_host.text("x", one) == "1"
    listed = (await walled_host.ask("list"))["contexts"]
    assert {each["id"] for each in listed} == {one, two}
    assert {each["cwd"] for each in listed} == {"/workspace"}
    used = {each["id"]: each["last_used"] - each["created_at"] for each in listed}
    assert all(seconds > 0 for seconds in used.values())


async def test_what_is_sent_at_once_shares_one_default_context_and_runs_in_turn(
    open_host: Hosted,
) -> None:
    code = "import time; started = time.time(); time.sleep(0.05); (started, time.time())"
    texts = await asyncio.gather(*(open_host.text(code) for _ in range(3)))
    times = sorted(eval(text) for text in texts)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))
    assert len((await open_host.ask("list"))["contexts"]) == 1


async def test_time_that_is_over_interrupts_and_keeps_the_context(walled_host: Hosted) -> None:
    await walled_host.text("x = 1")
    for limit_s in TIMES_S:
        events, answer = await walled_host.run(
            "print('begun', flush=True)\nwhile True: pass", None, limit_s
        )
        if events[0]["type"] == "stdout":
            break
    assert (events[0]["type"], events[0]["text"]) == ("stdout", "begun\n")
    error = events[-1]
    assert error["ename"] == "TimeoutError"
    assert error["evalue"] == f"The code ran longer than {limit_s:g} s and was interrupted"
    assert "KeyboardInterrupt" in "".join(error["traceback"])
    assert answer["has_ended"] is False
    assert await walled_host.text("x") == "1"


async def test_code_that_does_not_let_itself_be_interrupted_loses_its_context(
    open_host: Hosted,
) -> None:
    code = """
import signal, subprocess
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1001"])
print(child.pid, flush=True)
while True: pass
"""
    for limit_s in TIMES_S:
        context = await open_host.create()
        events, answer = await open_host.run(code, context, limit_s)
        if events[0]["type"] == "stdout":
            break
    assert events[-1]["ename"] == "TimeoutError"
    assert "variables are gone" in events[-1]["evalue"]
    assert answer["has_ended"] is True
    with pytest.raises(SandboxRefused, match="Its variables are gone") as caught:
        await open_host.run("1", context)
    assert caught.value.code == "CONTEXT_NOT_FOUND"
    assert caught.value.context == {"context_id": context}
    # What it had started is gone with it.
    pid = int(events[0]["text"])
    assert await open_host.text(f"import os; os.path.exists('/proc/{pid}')") == "False"


async def test_deleting_ends_it_in_the_middle_of_what_it_runs(open_host: Hosted) -> None:
    context = await open_host.create()
    running = asyncio.ensure_future(open_host.run("while True: pass", context))
    waiting = asyncio.ensure_future(open_host.run("1", context))
    await open_host.ask("delete", id=context)
    with pytest.raises(SandboxRefused):
        await open_host.ask("delete", id=context)
    # Each of them was in the middle of it, or its turn had not come.
    told = await asyncio.gather(running, waiting, return_exceptions=True)
    texts = [str(each) if isinstance(each, BaseException) else str(each[0][-1]) for each in told]
    assert all("was deleted" in text and "ariables are gone" in text for text in texts)
    assert (await open_host.ask("list"))["contexts"] == []


async def test_who_stops_waiting_interrupts_the_code(open_host: Hosted) -> None:
    context = await open_host.create()
    await open_host.text("x = 1", context)
    code = "try:\n    open('begun', 'w').close()\n    while True: pass\nfinally:\n    x = 2"
    running = asyncio.ensure_future(open_host.run(code, context, None))
    while not (await open_host.connection.ask("exists", path="begun"))["exists"]:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await open_host.text("x", context) == "2"


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here, to run ten of")
async def test_there_is_an_end_to_their_number(open_host: Hosted) -> None:
    await asyncio.gather(*(open_host.create("javascript") for _ in range(CONTEXTS_MAX)))
    with pytest.raises(SandboxRefused, match=f"at most {CONTEXTS_MAX}") as caught:
        await open_host.create("javascript")
    assert caught.value.code == "TOO_MANY_REQUESTS"
    first = (await open_host.ask("list"))["contexts"][0]["id"]
    await open_host.ask("delete", id=first)
    await open_host.create("javascript")


async def test_a_folder_that_is_not_there_is_refused(open_host: Hosted) -> None:
    with pytest.raises(SandboxRefused, match="no folder /workspace/missing") as caught:
        await open_host.create(cwd="/workspace/missing")
    assert caught.value.code == "FILE_NOT_FOUND"


async def test_a_context_that_has_ended_by_itself_says_so(open_host: Hosted) -> None:
    await open_host.text("x = 1")
    code = "import os, subprocess; print(subprocess.Popen(['sleep', '1004']).pid); os._exit(7)"
    [*_, event], answer = await open_host.run(code)
    until(lambda: not processes_with("sleep\x001004"))  # what it had started ends with it
    assert event["evalue"].startswith("The process of the context has ended with exit code 7")
    assert answer["has_ended"] is True
    [error], _ = await open_host.run("x")  # the default context is a new one
    assert error["ename"] == "NameError"


async def test_a_context_whose_process_was_killed_says_so_at_the_next_run(
    open_host: Hosted,
) -> None:
    pid = await open_host.text("import os; os.getpid()")
    await text_of(open_host.connection, f"kill -9 {pid}")
    [event], answer = await open_host.run("1")
    assert event["evalue"].startswith("The process of the context was killed by SIGKILL")
    assert answer["has_ended"] is True
