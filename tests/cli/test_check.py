"""``perdure check`` finds what would keep a project from starting, and changes nothing."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import Result

from perdure.cli.project import open_project
from perdure.runtime.server import Server

Invoke = Callable[..., Result]


def content(directory: Path) -> Mapping[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(p): p.read_bytes() for p in files if "__pycache__" not in p.parts}


def test_a_good_project_is_described(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "src")
    before = content(project)
    result = invoke("check")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    lines = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert lines[1:3] == [
        ["Binding", "Kind", "Value", "From"],
        ["ROOM", "Durable", "Object", "Room", "wrangler.toml:4"],
    ]
    assert lines[-3:] == [["v1"], ["create", "Room", "(SQLite)"], ["Ready", "to", "start."]]
    assert content(project) == before


def test_everything_that_is_wrong_is_told_at_once(invoke: Invoke, project: Path) -> None:
    (project / "src" / "main.py").write_text("from perdure import DurableObject\n")
    result = invoke("check", "-c", project / "wrangler.toml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "main.py has no class Default, which answers requests." in result.stderr
    assert 'main.py has no class "Room", which the binding "ROOM" names.' in result.stderr
    assert "2 errors. Nothing was started or changed." in result.stderr


def test_a_configuration_that_is_wrong_is_told_with_its_place(
    invoke: Invoke, project: Path
) -> None:
    config = project / "wrangler.toml"
    config.write_text(config.read_text().replace("class_name", "class_nam"))
    result = invoke("check", "-c", config)
    assert result.exit_code == 2
    assert 'error: binding should have a string "class_name" field.' in result.stderr
    assert f"{config}:" in result.stderr


def test_a_secret_that_the_firewall_lacks_is_told(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project / "wrangler.toml"
    rule = '[[perdure.firewall]]\naction = "require"\ntoken = { key = { env = "PERDURE_TEST" } }\n'
    config.write_text(f"{config.read_text()}\n{rule}")
    monkeypatch.delenv("PERDURE_TEST", raising=False)
    result = invoke("check", "-c", config)
    assert result.exit_code == 2
    assert 'The environment variable "PERDURE_TEST" is not set.' in result.stderr
    assert f"{config}:14:" in result.stderr
    monkeypatch.setenv("PERDURE_TEST", "secret")
    assert invoke("check", "-c", config).exit_code == 0


def test_a_line_of_the_assets_rules_that_is_none_is_told(invoke: Invoke, project: Path) -> None:
    config, public = project / "wrangler.toml", project / "public"
    public.mkdir()
    (public / "_headers").write_text("/*\n  X-Frame-Options\n  X-A: 1\n")
    config.write_text(config.read_text() + '\n[assets]\ndirectory = "public"\n')
    result = invoke("check", "-c", config)
    assert result.exit_code == 0
    assert "_headers:2: warning: Expected a colon-separated header pair" in result.stderr
    assert result.stdout.endswith("Ready to start. 1 warning.\n")


def test_warnings_are_told_and_counted(invoke: Invoke, project: Path) -> None:
    config = project / "wrangler.toml"
    config.write_text("queue = 1\n" + config.read_text())
    result = invoke("check", "-c", config)
    assert result.exit_code == 0
    assert "warning: " in result.stderr
    assert result.stdout.endswith("Ready to start. 1 warning.\n")


def test_an_unknown_environment_is_refused(invoke: Invoke, project: Path) -> None:
    result = invoke("check", "-c", project / "wrangler.toml", "-e", "nowhere")
    assert result.exit_code == 2
    assert 'No environment found in configuration with name "nowhere".' in result.stderr


def test_a_directory_that_holds_something_else_is_no_fault_of_the_configuration(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalog.db").write_text("not a database, but long enough to be one")
    result = invoke("check", "-c", project / "wrangler.toml", "--data", tmp_path / "data")
    assert result.exit_code == 1
    assert f"error: {tmp_path}/data" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_would_be_deleted_is_told(invoke: Invoke, project: Path) -> None:
    config = project / "wrangler.toml"
    before = config.read_text().replace('es = ["Room"]', 'es = ["Room", "Old"]')
    config.write_text(before)
    asyncio.run(start_and_stop(config))
    config.write_text(f'{before}\n[[migrations]]\ntag = "v2"\ndeleted_classes = ["Old"]\n')
    data = content(project / ".perdure")
    result = invoke("check", "-c", config)
    assert result.exit_code == 0
    assert "  v2\n    delete Old and all its objects\n" in result.stdout
    assert "  v1\n" not in result.stdout
    assert "warning: The migrations delete all objects of Old." in result.stderr
    assert "perdure dev asks before that; perdure serve wants --yes." in result.stderr
    assert content(project / ".perdure") == data


async def start_and_stop(config: Path) -> None:
    opened = open_project(config, None, None)
    server = await Server.start(opened.config, data_dir=opened.data_dir, host="127.0.0.1", port=0)
    await server.stop(drain_s=0)


def test_nothing_is_due_after_a_start(invoke: Invoke, project: Path) -> None:
    config = project / "wrangler.toml"
    asyncio.run(start_and_stop(config))
    assert "No migrations are due in" in invoke("check", "-c", config).stdout


def test_a_configuration_that_does_not_fit_the_data_is_refused(
    invoke: Invoke, project: Path
) -> None:
    config = project / "wrangler.toml"
    asyncio.run(start_and_stop(config))
    config.write_text(config.read_text().replace('name = "chat"', 'name = "talk"'))
    (project / "src" / "main.py").write_text("")
    result = invoke("check", "-c", config)
    assert result.exit_code == 2
    assert "main.py has no class Default" in result.stderr
    assert '"chat"' in result.stderr
    assert "3 errors. Nothing was started or changed." in result.stderr


def test_workers_that_are_started_together_are_described_one_after_the_other(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    hall = tmp_path / "hall.toml"
    hall.write_text(
        'name = "hall"\nmain = "hall.py"\n[[durable_objects.bindings]]\nname = "OF_CHAT"\n'
        'class_name = "Room"\nscript_name = "chat"\n'
    )
    program = "from perdure import WorkerEntrypoint\nclass Default(WorkerEntrypoint): ...\n"
    (tmp_path / "hall.py").write_text(program)
    config = project / "wrangler.toml"
    result = invoke("check", "-c", config, "-c", hall)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert [line[0] for line in lines if len(line) == 2][:2] == ["chat", "hall"]
    assert ["OF_CHAT", "Durable", "Object", "Room", "of", "chat", "hall.toml:3"] in lines
    assert ["create", "Room", "(SQLite)"] in lines
    assert "warning" not in result.stderr
    alone = invoke("check", "-c", hall, "--data", tmp_path / "data")
    assert 'The binding "OF_CHAT" leads to the Worker "chat", which is not started.' in alone.stderr


JSONC = """\
{
  // the same project in the other language
  "name": "chat",
  "main": "src/main.py",
  "durable_objects": { "bindings": [{ "name": "ROOM", "class_name": "Room" }] },
  "exports": { "Room": { "type": "durable-object", "storage": "sqlite" } },
}
"""


def test_a_project_may_be_described_in_json(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "wrangler.jsonc").write_text(JSONC)
    (project / "wrangler.toml").write_text("it is not looked at")
    monkeypatch.chdir(project / "src")
    result = invoke("check")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert ["ROOM", "Durable", "Object", "Room", "wrangler.jsonc:5"] in lines
    assert lines[-3:] == [["exports:1"], ["create", "Room", "(SQLite)"], ["Ready", "to", "start."]]


def test_a_slip_in_json_is_shown_where_it_stands(invoke: Invoke, project: Path) -> None:
    config = project / "wrangler.jsonc"
    config.write_text(JSONC.replace('"class_name": "Room"', '"class_name": "Rom"'))
    result = invoke("check", "-c", config)
    assert result.exit_code == 2
    lines = [line.strip() for line in result.stderr.splitlines()]
    assert lines[0].startswith(f"{config}:5:55: error: The binding")
    assert lines[2].startswith("| ")
    assert lines[2].endswith("^^^^^^^^^^^^ durable_objects.bindings[0].class_name")
    assert '"exports": { ..., "Rom": {"type": "durable-object", "storage": "sqlite"} }' in lines
