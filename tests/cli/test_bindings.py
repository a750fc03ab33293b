"""The table shows what is there, and no secret."""

from dataclasses import replace
from pathlib import Path

import pytest

from perdure.cli.bindings import bindings_table, has_bindings
from perdure.cli.output import make_console
from perdure.cli.project import open_project
from perdure.runtime.config.model import AssetsConfig, WorkerConfig


def rendered(project: Path, *variables: str, width: int = 80) -> str:
    config = open_project(project / "wrangler.toml", None, None, variables).config
    console = make_console(stderr=False)
    console.width = width
    with console.capture() as capture:
        console.print(bindings_table(config))
    return capture.get()


def add(project: Path, text: str) -> None:
    path = project / "wrangler.toml"
    path.write_text(f"{path.read_text()}\n{text}\n")


def test_each_binding_and_var_has_a_row(project: Path) -> None:
    add(project, '[vars]\nGREETING = "hi"\nRULES = { max = 3 }')
    assert [line.rstrip() for line in rendered(project).splitlines()] == [
        "",
        "  Binding   Kind            Value      From",
        "  ROOM      Durable Object  Room       wrangler.toml:4",
        '  GREETING  Variable        "hi"       wrangler.toml',
        '  RULES     Variable        {"max":3}  wrangler.toml',
        "",
    ]


def test_the_binding_of_assets_has_a_row(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    add(project, '[assets]\ndirectory = "public"\nbinding = "FILES"')
    rows = [line.split() for line in rendered(project).splitlines()]
    assert ["FILES", "Assets", "public", "wrangler.toml:12"] in rows


def test_a_worker_with_files_in_env_has_bindings(tmp_path: Path) -> None:
    files = tmp_path / "public"
    config = WorkerConfig("w", tmp_path / "main.py", tmp_path / "wrangler.toml", tmp_path)
    assert not has_bindings(config)
    assert not has_bindings(replace(config, assets=AssetsConfig(files)))
    assert has_bindings(replace(config, assets=AssetsConfig(files, binding="FILES")))


def test_what_may_be_a_secret_is_hidden(project: Path) -> None:
    (project / ".dev.vars").write_text("TOKEN=hunter2\n")
    text = rendered(project, "KEY:hunter3")
    assert "hunter" not in text
    assert text.count("(hidden)") == 2
    assert ".dev.vars" in text
    assert "--var" in text


def test_a_long_value_is_folded_and_nothing_of_it_is_lost(project: Path) -> None:
    add(project, f'[vars]\nLONG = "{"x" * 150}"')
    text = rendered(project)
    assert text.count("x") == 150
    assert max(map(len, text.splitlines())) <= 80


def test_a_value_cannot_play_with_the_terminal(project: Path) -> None:
    add(project, '[vars]\nA = "\\u001b[2J[bold]"')
    text = rendered(project)
    assert "\x1b" not in text
    assert "[bold]" in text


def test_what_is_not_there_is_shown_to_be_missing(project: Path) -> None:
    add(project, '[[r2_buckets]]\nbinding = "FILES"\nbucket_name = "files"')
    add(project, '[[services]]\nbinding = "AUTH"\nservice = "auth"\nentrypoint = "Admin"')
    lines = [line.split() for line in rendered(project).splitlines()]
    assert ["AUTH", "Service", "auth.Admin", "wrangler.toml:16"] in lines
    assert ["FILES", "R2", "bucket", "(not", "available)", "wrangler.toml:12"] in lines
