"""Python code, run by the real ipykernel in a sandbox."""

import pytest

from perdure.runtime.sandbox.interpreter import code_host
from tests.runtime.sandbox.interpreter.hosts import Hosted, hosted
from tests.runtime.sandbox.sandboxes import TIMES_S, Sandboxes, text_of

pytestmark = pytest.mark.slow

RICH = """
from IPython.display import HTML, JSON, Latex, Markdown, SVG, Image, display
import base64, zlib, struct
def chunk(kind, data):
    whole = kind + data
    return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))
png = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
png += chunk(b"IDAT", zlib.compress(b"\\0\\0")) + chunk(b"IEND", b"")
class Table:
    def _repr_html_(self):
        return "<table><tr><td>1</td></tr></table>"
    def __repr__(self):
        return "a table"
class Figure:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"application/vnd.plotly.v1+json": {"data": [{"type": "bar", "y": [1]}], "layout": {}}}
display(Image(png), Image(b"\\xff\\xd8\\xff\\xe0jpeg", format="jpeg"))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg'/>"), JSON({"a": [1]}), Markdown("# t"), Latex("$x$"))
display(Figure())
handle = display("first", display_id="bar")
handle.update("second")
Table()
"""


async def test_all_that_python_code_does_in_one_context(walled_host: Hosted) -> None:
    run, text = walled_host.run, walled_host.text
    # State, and what is written.
    assert await text("import math\nx = 40") == ""
    assert await text("x + math.isqrt(4)") == "42"
    events, answer = await run("import sys\nprint('out')\nprint('err', file=sys.stderr)\n0")
    written = {"stdout": "", "stderr": ""}
    for event in events[:-1]:
        written[event["type"]] += event["text"]
    assert written == {"stdout": "out\n", "stderr": "err\n"}
    assert events[-1]["text"] == "0"
    assert answer["execution_count"] == 3
    for pause_s in (0, *TIMES_S):  # ipykernel has a thread for it, and waits for nothing of that
        code = f"import os, time\nos.system('echo from a shell')\ntime.sleep({pause_s})"
        events, _ = await run(code)
        if events:
            break
    assert {event["type"] for event in events} == {"stdout"}
    assert set("".join(event["text"] for event in events).splitlines()) == {"from a shell"}

    # What goes wrong.
    [error], answer = await run("def f():\n    return 1 / 0\n\nf()")
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert error["line_number"] == 2
    assert "\x1b" not in "".join(error["traceback"])
    assert "return 1 / 0" in "".join(error["traceback"])
    [error], _ = await run("def f(:")
    assert (error["ename"], error["line_number"]) == ("SyntaxError", 1)
    [error], _ = await run("input()")  # nobody could answer
    assert error["ename"].startswith("Stdin")

    # What is shown.
    events, _ = await run(RICH)
    shown = [
        {name for name in event if name not in {"type", "timestamp", "is_update"} and event[name]}
        for event in events
    ]
    common = {"text"}
    assert [found - common for found in shown][:2] == [{"png"}, {"jpeg"}]
    assert [found & {"svg", "json", "markdown", "latex"} for found in shown][2:6] == [
        {"svg"},
        {"json"},
        {"markdown"},
        {"latex"},
    ]
    assert events[6]["chart"]["type"] == "bar"
    assert [(e["text"], e["display_id"], e["is_update"]) for e in events[7:9]] == [
        ("'first'", "bar", False),
        ("'second'", "bar", True),
    ]
    assert events[9]["html"] == "<table><tr><td>1</td></tr></table>"
    assert events[9]["text"] == "a table"

    # Nothing of ours is left in the user's folder, and their modules are not in ours.
    assert await text_of(walled_host.connection, "ls -A /workspace") == ""
    assert await text("import sys; 'code_host' in sys.modules") == "False"
    assert await text("open('/workspace/mine.py', 'w').write('y = 7'); import mine; mine.y") == "7"


async def test_output_without_end_is_cut_and_loses_neither_the_end_nor_the_context(
    open_host: Hosted,
) -> None:
    events, answer = await open_host.run("for _ in range(5000): print('x' * 10_000)")
    assert answer["dropped_bytes"] > 30_000_000
    assert sum(len(event["text"]) for event in events) < 9_000_000
    assert "left out" in events[-1]["text"]
    events, answer = await open_host.run("for n in range(3000): display(n)")
    assert [event["text"] for event in events] == [str(n) for n in range(3000)]
    events, _ = await open_host.run("display('x' * 20_000_000); 'after'")
    assert ["left out" in event["text"] for event in events] == [True, False]


async def test_it_starts_although_files_are_called_as_modules_that_it_needs(
    open_host: Hosted,
) -> None:
    await text_of(open_host.connection, "echo 'raise SystemExit' | tee json.py asyncio.py zmq.py")
    assert await open_host.text("1 + 1") == "2"


async def test_variables_and_the_folder_are_those_that_were_asked_for(open_host: Hosted) -> None:
    await text_of(open_host.connection, "mkdir below")
    context = await open_host.create(cwd="/workspace/below", env={"WITH": "ü", "LANG": None})
    code = "import os; (os.path.basename(os.getcwd()), os.environ['WITH'], 'LANG' in os.environ)"
    assert await open_host.text(code, context) == "('below', 'ü', False)"


async def test_who_has_no_memory_left_loses_the_context_and_not_the_sandbox(
    walled: Sandboxes,
) -> None:
    host = await hosted(walled, limits={"memory_bytes": 300_000_000})
    context = await host.create()
    boot = host.connection.boot
    events, answer = await host.run(
        "x = []\nwhile True: x.append(bytearray(b'x' * 1_000_000))", context
    )
    error = events[-1]
    assert error["ename"] == "ContextEnded"
    assert "no more memory" in error["evalue"]
    assert answer["has_ended"] is True
    assert (await host.ask("list"))["contexts"] == []
    assert await host.text("1 + 1") == "2"
    assert host.connection.is_open
    assert host.connection.boot == boot


async def test_it_starts_where_only_addresses_can_be_limited(
    sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a wall without control groups limits them, to what is usual.
    run = (
        f"import resource as r; r.setrlimit(r.RLIMIT_AS, (512 << 20, 512 << 20)); {code_host._RUN}"
    )
    monkeypatch.setattr(code_host, "_RUN", run)
    host = await hosted(sandboxes)
    limit = "import resource; resource.getrlimit(resource.RLIMIT_AS)[0] >> 20"
    assert await host.text(limit) == "512"
    [error], _ = await host.run("x = bytearray(600_000_000)")
    assert error["ename"] == "MemoryError"
    assert await host.text("1 + 1") == "2"
