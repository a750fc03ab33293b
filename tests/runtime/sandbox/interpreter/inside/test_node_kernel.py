"""JavaScript code, run by the real Node.js in a sandbox."""

import shutil

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
from tests.runtime.sandbox.interpreter.hosts import Hosted
from tests.runtime.sandbox.sandboxes import text_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here, to run it"),
]


async def test_all_that_javascript_code_does_in_one_context(walled_host: Hosted) -> None:
    context = await walled_host.create("javascript")

    async def run(code: str, timeout_s: float = 30.0) -> list[dict[str, object]]:
        events, _ = await walled_host.run(code, context, timeout_s)
        for event in events:
            event.pop("timestamp")
        return events

    # State, what is written, what is shown.
    events = await run("const a = [1, 2]; console.log('out'); console.error('err'); a")
    assert events == [
        {"type": "stdout", "text": "out\n"},
        {"type": "stderr", "text": "err\n"},
        {"type": "result", "text": "[ 1, 2 ]", "json": [1, 2]},
    ]
    [event] = await run("await new Promise(done => setTimeout(() => done(a.length), 1))")
    assert event["text"] == "2"
    assert await run("let b = 3; function f() { return b } class C {}") == []
    [event] = await run("f() + (new C() ? 1 : 0)")
    assert event["text"] == "4"
    [event] = await run("require('node:path').basename(process.cwd())")
    assert event["text"] == "'workspace'"
    events = await run("process.stdout.write('é'.repeat(200_000)), void 0")
    assert "".join(str(event["text"]) for event in events) == "é" * 200_000

    # What goes wrong.
    for code, name, message in (
        ("throw new TypeError('no')", "TypeError", "no"),
        ("await Promise.reject(new RangeError('far'))", "RangeError", "far"),
        ("function f( {", "SyntaxError", "Unexpected end of input"),
        ("1 +* 2", "SyntaxError", "Unexpected token '*'"),
        ("missing", "ReferenceError", "missing is not defined"),
        ("throw 3", "Error", "3"),
    ):
        [event] = await run(code)
        assert (event["type"], event["ename"], event["evalue"]) == ("error", name, message), code
        assert "node:" not in "".join(event["traceback"])  # type: ignore[arg-type]  # a list of text
    # What is thrown later ends nothing, neither that run nor one that waits meanwhile.
    assert await run("setTimeout(() => { throw new Error('later') }, 5), void 0") == []
    events = await run("await new Promise(done => setTimeout(done, 50)); 'fine'")
    assert [event["type"] for event in events] == ["stderr", "result"]
    assert "later" in str(events[0]["text"])

    # Code that does not end.
    for code in ("for (;;);", "await new Promise(() => 0)"):
        [event] = await run(code, 0.3)
        assert event["ename"] == "TimeoutError", code
    [event] = await run("a")
    assert event["json"] == [1, 2]
    [event] = await run("process.exit(3)")
    assert event["evalue"] == (
        "The process of the context has ended with exit code 3. Its variables are gone"
    )


async def test_where_there_is_no_node_it_is_refused(open_host: Hosted) -> None:
    with pytest.raises(SandboxRefused, match=r"Node\.js") as caught:
        await open_host.create("javascript", env={"PATH": "/nowhere"})
    assert caught.value.code == "JAVASCRIPT_NOT_AVAILABLE"
    assert (await open_host.ask("list"))["contexts"] == []


async def test_a_program_that_writes_where_only_we_do_loses_its_context(open_host: Hosted) -> None:
    context = await open_host.create("javascript")
    code = "require('fs').writeSync(Number(process.argv[3]), 'nonsense\\n'); for (;;);"
    [event], answer = await open_host.run(code, context, 30.0)
    assert event["ename"] == "ContextEnded"
    assert answer["has_ended"] is True


async def test_one_that_ends_is_noticed_although_what_it_has_started_goes_on(
    open_host: Hosted,
) -> None:
    context = await open_host.create("javascript")
    code = """
const child = require("node:child_process").spawn("sleep", ["1003"], { stdio: "inherit" });
console.log(child.pid);
process.exit(4);
"""
    events, answer = await open_host.run(code, context, 30.0)
    assert answer["has_ended"] is True
    assert "exit code 4" in events[-1]["evalue"]
    pid = int(events[0]["text"])
    assert await text_of(open_host.connection, f"ls /proc/{pid} 2>/dev/null || echo gone") == "gone"


async def test_one_that_has_ended_between_two_runs_says_so_at_the_next(open_host: Hosted) -> None:
    context = await open_host.create("javascript")
    code = "setTimeout(() => process.exit(5), 1); process.pid"
    events, answer = await open_host.run(code, context)
    assert answer["has_ended"] is False
    pid = events[0]["text"]
    has_ended = (
        f"for n in $(seq 3000); do grep -q 'State:.Z' /proc/{pid}/status && break; sleep 0.02; done"
    )
    await text_of(open_host.connection, has_ended)
    [event], answer = await open_host.run("1", context)
    assert "exit code 5" in event["evalue"]
    assert answer["has_ended"] is True
    assert (await open_host.ask("list"))["contexts"] == []
