"""``perdure doctor``: of a directory that is stopped, or served."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from perdure.runtime.host.operations import doctoring
from perdure.runtime.sandbox.wall.machine import Level
from tests.cli.data import furnish
from tests.cli.process import Start

Invoke = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(doctoring, "sync_latency_us", lambda _: 200.0)
    furnish(tmp_path / "data", a=1)
    return tmp_path / "data"


def test_findings_stand_under_each_other(invoke: Invoke, root: Path) -> None:
    result = invoke("doctor", "--data", root)
    assert result.exit_code == 0, result.output
    assert "ok       format       format 2, engine commit-log\n" in result.stdout
    assert "ok       fsync        200 us for 4 KiB\n" in result.stdout
    items = [
        json.loads(line) for line in invoke("doctor", "--data", root, "--json").stdout.splitlines()
    ]
    assert [item["name"] for item in items][:2] == ["format", "lock"]
    assert "sandboxes" in {item.get("name") for item in items}


def test_what_must_be_mended_is_exit_code_1(invoke: Invoke, root: Path) -> None:
    root.chmod(0o777)
    result = invoke("doctor", "--data", root)
    assert result.exit_code == 1
    assert "bad      mode         777: others may change the data\n" in result.stdout
    assert f"chmod go-w {root}" in result.stdout
    assert "1 must be mended" in result.stdout


def test_where_there_is_no_data_nothing_is_made(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("doctor", "--data", tmp_path / "none").exit_code == 2
    assert not (tmp_path / "none").exists()


def test_of_a_project_that_was_never_started_the_machine_is_looked_at(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is when people ask what they have to install."""
    assert invoke("init", tmp_path / "box", "--template", "sandbox").exit_code == 0
    monkeypatch.chdir(tmp_path / "box")
    result = invoke("doctor")
    assert result.exit_code == 0, result.output
    assert f"{tmp_path}/box/.perdure is not there yet: perdure dev" in result.stdout
    items = [json.loads(line) for line in invoke("doctor", "--json").stdout.splitlines()]
    names = ["data", "file system", "space", "inodes", "descriptors", "SQLite", "clock"]
    assert [item["name"] for item in items] == [*names, "sandboxes"]
    assert not (tmp_path / "box" / ".perdure").exists()


@pytest.mark.slow
async def test_a_server_is_asked(start: Start, project: Path) -> None:
    running = await start("serve", "--workers", 0, "--port", 0)
    await running.ready()
    ended = await (await start("doctor", "--json")).ended()
    items = {item["name"]: item for item in map(json.loads, ended.out.splitlines())}
    assert items["lock"]["found"].startswith("held by process ")
    assert items["storage"]["found"].endswith("all is well")
    assert items["sandboxes"]["found"].partition(" ")[0].strip(":,") in list(Level)
    for words in (("backup", "copy"), ("verify",)):
        ended = await (await start(*words)).ended()
        assert ended.code == 0, ended
    assert (project / "copy" / "FORMAT").exists()
