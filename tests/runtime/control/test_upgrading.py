"""What a new router goes by: the file as it is now, of what concerns routers."""

from pathlib import Path

import pytest

from perdure.runtime.config.errors import ConfigError
from perdure.runtime.config.load import load
from perdure.runtime.control.upgrading import has_no_routers, with_newer_edge
from perdure.runtime.host.operations.errors import OperatorError

START = 'name = "app"\nmain = "main.py"\ncompatibility_date = "2026-04-21"\n'


def test_what_routers_look_at_is_read_again_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text(START + "[perdure]\nidle_timeout_s = 5\n")
    before = load(path).config
    path.write_text(
        START + '[vars]\nA = "b"\n[perdure]\nidle_timeout_s = 7\nwebsocket_compression = true\n'
        "[perdure.limits]\nconnections_max = 7\nwebsocket_ping_interval_s = 3\n"
    )
    after = with_newer_edge(before)
    assert after.perdure.edge_limits.connections_max == 7
    assert after.perdure.socket_limits.websocket_ping_interval_s == 3
    assert after.perdure.websocket_compression
    assert after.perdure.idle_timeout_s == 5
    assert after.vars == before.vars


def test_a_file_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text(START)
    before = load(path).config
    path.write_text(START + "[perdure]\nlimits = 7\n")
    with pytest.raises(ConfigError):
        with_newer_edge(before)


async def test_a_server_of_one_process_refuses() -> None:
    with pytest.raises(OperatorError, match="has one process"):
        await has_no_routers(None, None)  # type: ignore[arg-type]  # it looks at neither
