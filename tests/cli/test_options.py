"""Options mean the same in every command that has them."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from perdure.cli.main import main

Invoke = Callable[..., Result]
OF_SERVERS = {"ps", "kick", "drain", "reload", "resize", "upgrade"}
OPERATOR = {"sql", "bookmarks", "backup", "verify", "doctor", *OF_SERVERS}
OF_STARTS = {"dev", "check", "serve"}
OF_DATA = {"dev", "check", "serve", "tail", *OPERATOR}
SHARED = {
    "config_file": {"types", *OF_DATA} - OF_STARTS,
    "config_files": OF_STARTS,
    "env": {"types", *OF_DATA},
    "data": OF_DATA,
    "host": {"dev", "serve"},
    "port": {"dev", "serve"},
    "yes": {"dev", "serve", "reload"},
    "tls_cert": {"dev", "serve"},
    "workers": {"dev", "serve"},
    "routers": {"dev", "serve"},
    "tls_key": {"dev", "serve"},
    "variables": {"dev"},
    "env_files": {"dev"},
    "is_json": OPERATOR,
}


def option(command: str, name: str) -> click.Option | None:
    found = (p for p in main.commands[command].params if p.name == name)
    return next((p for p in found if isinstance(p, click.Option)), None)


@pytest.mark.parametrize("name", SHARED)
def test_commands_share_their_options(name: str) -> None:
    having = {command for command in main.commands if option(command, name)}
    assert having == SHARED[name]
    helps = {found.help for command in having if (found := option(command, name))}
    assert len(helps) == 1


def test_persist_to_is_wranglers_name_for_data() -> None:
    data = option("dev", "data")
    assert data is not None
    assert data.opts == ["--data", "--persist-to"]


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_cannot_be_is_refused(invoke: Invoke, port: str) -> None:
    result = invoke("dev", "--port", port)
    assert result.exit_code == 2
    assert "--port" in result.stderr


def test_the_environment_may_come_from_wranglers_variable(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_ENV", "nowhere")
    result = invoke("check", "-c", project / "wrangler.toml")
    assert 'No environment found in configuration with name "nowhere".' in result.stderr
    assert invoke("check", "-c", project / "wrangler.toml", "-e", "").exit_code == 0
