"""``console``."""

import types

import pytest

from perdure.actors.ids import DurableObjectId
from perdure.runtime.compat.js.console import shown
from perdure.runtime.compat.js.containers import Map
from perdure.runtime.compat.js.proxies import jsnull
from perdure.runtime.observe.console import Consoles
from tests.world import World


def test_values_are_shown(js: types.ModuleType) -> None:
    assert shown("text") == "text"
    assert shown({"a": [1, 2.0, None]}) == '{"a":[1,2,null]}'
    assert [shown(value) for value in (True, 1.0, float("nan"), None, jsnull)] == [
        "true",
        "1",
        "NaN",
        "undefined",
        "null",
    ]
    assert shown(js.TypeError.new("bad")) == "TypeError: bad"
    assert shown(ValueError("bad")) == "bad"
    assert shown(Map()) == "{}"
    loop = js.Array.new()
    loop.push(loop)
    assert "[" in shown(loop)


def test_lines_go_to_the_standard_streams(
    js: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    js.console.log("joined:", "Ada", 5)
    js.console.info("a\nb")
    js.console.debug()
    js.console.warn("careful")
    js.console.error(js.Error.new("broken"))
    js.console.trace("here")
    js.console.table([{"a": 1}])
    out, err = capsys.readouterr()
    assert out == 'joined: Ada 5\na\nb\n\n{"a":1}\n'
    assert err == "careful\nError: broken\nTrace: here\n"


def test_groups_counts_clocks_and_assertions(
    js: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    js.console.group("rooms")
    js.console.log("a\nb")
    js.console.groupEnd()
    js.console.count("x")
    js.console.count("x")
    js.console.countReset("x")
    js.console.count("x")
    js.console.time("t")
    js.console.timeEnd("t")
    js.console.timeEnd("t")
    getattr(js.console, "assert")(True, "not shown")
    getattr(js.console, "assert")(False, "shown")
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[:6] == ["rooms", "  a", "  b", "x: 1", "x: 2", "x: 1"]
    assert lines[6].startswith("t: ")
    assert lines[6].endswith("ms")
    assert len(lines) == 7
    assert err == "Assertion failed shown\n"


async def test_the_log_hears_whose_lines_they_are(world: World, js: types.ModuleType) -> None:
    heard: list[tuple[str | None, str, str]] = []

    def hear(actor_id: DurableObjectId | None, stream: str, line: str) -> None:
        heard.append((None if actor_id is None else actor_id.name, stream, line))

    consoles = Consoles(hear)
    consoles.open()
    try:
        await world.inside(lambda lab: js.console.error("from inside"), "room")
        js.console.log("from outside")
    finally:
        consoles.close()
    assert heard == [("room", "stderr", "from inside")]
