"""``perdure ps`` beside servers of both shapes."""

import json
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from click.testing import Result

from perdure.cli.output import Output
from perdure.cli.ps import _show
from perdure.runtime.control.processes import ProcessLine
from tests.cli.data import furnish
from tests.cli.process import Start

Invoke = Callable[..., Result]


def test_it_says_clearly_that_nothing_serves(invoke: Invoke, tmp_path: Path) -> None:
    furnish(tmp_path / "data", a=1)
    before = (tmp_path / "data" / "LOCK").stat().st_mtime_ns
    result = invoke("ps", "--data", tmp_path / "data")
    assert result.exit_code == 2
    assert f"No server runs on {tmp_path}/data" in result.stderr
    assert "perdure serve" in result.stderr
    assert (tmp_path / "data" / "LOCK").stat().st_mtime_ns == before, "nothing is opened"
    told = json.loads(invoke("ps", "--data", tmp_path / "data", "--json").stderr)
    assert told["error"] == "OperatorError"


def test_what_goes_is_told_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        ProcessLine("supervisor", "", 1, "serving", 0).as_item(),
        ProcessLine(
            "worker", "0", 2, "killed", 0, 3, 5 << 20, 31.0, "it did not answer:\n  line 7"
        ).as_item(),
        ProcessLine("worker", "1", 12345678, "serving", 0).as_item({"actors": 1234567}),
        ProcessLine("worker", "2", None, "away", None, failure="3 have died").as_item(),
    ]
    _show(Output(), lines, now_ms=90_000)
    out = capsys.readouterr().out
    assert "worker 0           2  killed, silent  1 min         3  5.0 MB\n" in out
    assert "worker 1    12345678  serving         1 min         0       -\n" in out
    assert "\nWorker    Objects\n1       1,234,567\n" in out
    assert "\nworker 0 (2): line 7\n" in out
    assert "worker 2           -  away                -         0       -\n" in out
    assert "\nworker 2: 3 have died\n" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "Router" not in out


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
async def test_processes_and_what_they_hold(start: Start, workers: int) -> None:
    url = await (await start("serve", "--port", 0, "--workers", workers)).ready()
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws") as ws:
        await ws.receive_str(timeout=20)
        ended = await (await start("ps", "--json")).ended()
        items = [json.loads(line) for line in ended.out.splitlines()]
        shown = await (await start("ps", COLUMNS="80")).ended()
    roles = [item["role"] for item in items if item["role"] != "spare"]
    assert roles == ["supervisor", "router", "worker", "worker"] if workers else ["server"]
    assert sum(item["actor_sockets"] or 0 for item in items) == 1
    assert sum(item["actors"] or 0 for item in items) == 1
    assert sum(item["partitions"] or 0 for item in items) == 1024
    assert sum(item["connections"] or 0 for item in items) == 1
    assert shown.code == 0, shown
    assert shown.out.startswith("Process")
    assert max(map(len, shown.out.splitlines())) <= 80
