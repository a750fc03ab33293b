"""What a wall's settings may be, and where things inside are without a wall."""

from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.wall.options import Isolation, WallOptions
from perdure.storage.errors import InvalidArgument

FINE: dict[str, Any] = {"name": "a1", "workspace": Path("/w"), "command": ("true",)}


def test_what_is_fine_is_taken() -> None:
    assert WallOptions(**FINE).limits.processes > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../other"},
        {"name": ""},
        {"name": "A"},
        {"name": "-a"},
        {"name": "a" * 65},
        {"command": ()},
        {"uid": 0},
        {"workspace": Path("w")},
        {"read_only": {"/x": Path("x")}},
        {"read_only": {"x": Path("/x")}},
        {"read_only": {"/x/../usr": Path("/x")}},
        {"read_only": {"/": Path("/x")}},
        {"read_only": {"": Path("/x")}},
        {"read_only": {"/x\0--bind\0/\0/host": Path("/x")}},
        {"environment": {"A": "1\0--bind\0/\0/host"}},
        {"environment": {"A\0": "1"}},
        {"environment": {"A=B": "1"}},
        {"environment": {"": "1"}},
        {"command": ("true", "\0")},
        {"path": ("/a\0",)},
    ],
)
def test_what_could_mean_something_else_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        WallOptions(**FINE | wrong)


def test_paths_inside_are_translated_only_without_a_wall() -> None:
    seen: dict[str, Any] = {"read_only": {"/tools": Path("/opt/tools")}}
    behind = WallOptions(**FINE, **seen)
    without = WallOptions(**FINE, **seen, isolation=Isolation.NONE)
    assert behind.seen_at("/tools/x") == "/tools/x"
    assert without.seen_at("/tools/x") == "/opt/tools/x"
    assert without.seen_at("/workspace") == "/w"
    assert without.seen_at("/workspaces") == "/workspaces"
    assert without.seen_at("-c") == "-c"
