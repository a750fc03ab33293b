"""``perdure bookmarks``."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from tests.cli.data import furnish

Invoke = Callable[..., Result]


def test_bookmarks_are_a_table_and_json(invoke: Invoke, tmp_path: Path) -> None:
    furnish(tmp_path / "data", a=1)
    furnish(tmp_path / "data", a=2)
    words = ("bookmarks", "Room", "lobby", "--data", tmp_path / "data")
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["Bookmark", "Time", "Size", "What"]
    assert [line.split()[-1] for line in lines[1:]] == ["commit", "create"]
    assert result.stderr.startswith("2 bookmarks. Now: 0")
    items = [json.loads(line) for line in invoke(*words, "--json").stdout.splitlines()]
    assert [item["bookmark"] for item in items] == [line.split()[0] for line in lines[1:]]
    assert len(invoke(*words, "--limit", 1).stdout.splitlines()) == 2
