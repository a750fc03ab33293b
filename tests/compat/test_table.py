"""Every name that code in the wild uses of the platform is shown by a small program.

``names/names.json`` lists the names, members and quirks; ``names/table.json`` says for each which
program of ``programs/names`` shows it. Beside a program lies what clients say to it and hear.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.compat.conftest import PROGRAMS
from tests.compat.uses import uses
from tests.serving import Serving
from tests.wire import PATIENCE_S

LISTS = PROGRAMS.parent / "names"
FOLDER = PROGRAMS / "names"
TEXTS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.py"))}
NAMES: dict[str, list[str]] = json.loads((LISTS / "names.json").read_text())
TABLE: dict[str, dict[str, str]] = json.loads((LISTS / "table.json").read_text())


def wrong_in(
    names: Mapping[str, list[str]], table: Mapping[str, dict[str, str]], texts: Mapping[str, str]
) -> list[str]:
    """What is wrong with a table: empty if nothing is."""
    rows = {(group, name): program for group in table for name, program in table[group].items()}
    wanted = {(group, name) for group in names for name in names[group]}
    shown = {program: uses(text) for program, text in texts.items()}
    wrong = [f"no program shows {name}" for _, name in sorted(wanted - set(rows))]
    wrong += [f"{name} is no name of the list" for _, name in sorted(set(rows) - wanted)]
    for (_, name), program in sorted(rows.items()):
        if name not in shown.get(program, set()):
            wrong.append(f"{program} does not show {name}")
    idle = sorted(set(texts) - set(rows.values()))
    return wrong + [f"the table would be the same without {program}" for program in idle]


def test_each_name_is_shown_by_a_program_and_each_program_is_needed() -> None:
    assert wrong_in(NAMES, TABLE, TEXTS) == []


def test_each_program_has_a_transcript_and_each_transcript_a_program() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(TEXTS)


def test_no_name_is_listed_twice() -> None:
    for group, names in NAMES.items():
        assert len(set(names)) == len(names), group


def test_a_row_that_is_missing_is_told_of() -> None:
    table = copy.deepcopy(TABLE)
    del table["js"]["js.Date.now"]
    assert wrong_in(NAMES, table, TEXTS) == ["no program shows js.Date.now"]


def test_a_row_of_no_name_is_told_of() -> None:
    table = copy.deepcopy(TABLE)
    table["js"]["js.Date.parse"] = "clock_and_promises"
    assert wrong_in(NAMES, table, TEXTS) == [
        "js.Date.parse is no name of the list",
        "clock_and_promises does not show js.Date.parse",
    ]


@pytest.mark.parametrize(
    ("group", "name"),
    [("js", "js.Date.now"), ("members", ".then"), ("quirks", "ws == other")],
)
def test_a_program_that_does_not_show_what_it_is_said_to_is_told_of(group: str, name: str) -> None:
    table = copy.deepcopy(TABLE)
    table[group][name] = "buffers"
    assert wrong_in(NAMES, table, TEXTS) == [f"buffers does not show {name}"]


def test_a_program_that_nothing_needs_is_told_of() -> None:
    texts = {**TEXTS, "more": "from js import Date\nprint(Date.now())"}
    assert wrong_in(NAMES, TABLE, texts) == ["the table would be the same without more"]


@pytest.mark.parametrize("program", TEXTS)
def test_without_a_program_the_table_is_not_whole(program: str) -> None:
    without = {name: text for name, text in TEXTS.items() if name != program}
    lost = [name for group in TABLE.values() for name in group if group[name] == program]
    assert sorted(wrong_in(NAMES, TABLE, without)) == sorted(
        f"{program} does not show {name}" for name in lost
    )
    assert lost


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("import js\njs.Object.values", {"js", "js.Object", "js.Object.values"}),
        ("from js import Object as O\nO.values", {"js", "js.Object", "js.Object.values"}),
        ("from js import Array\ngetattr(Array, 'from')", {"js", "js.Array", "js.Array.from"}),
        ("import pyodide.ffi\npyodide.ffi.f(x=1)", {"pyodide.ffi.f", "pyodide.ffi.f(x=)"}),
        ("x = 1  # shows: one # shows: two", {"one", "two"}),
    ],
)
def test_a_use_is_seen_however_it_is_spelled(text: str, shown: set[str]) -> None:
    assert shown <= uses(text)


@pytest.mark.parametrize(
    "text", ["from js import Date", "# shows: js.Date", "x = '# shows: js.Date'", "js.Date", "Date"]
)
def test_what_is_only_spoken_of_is_no_use(text: str) -> None:
    assert "js.Date" not in uses(text)


async def ask(http: aiohttp.ClientSession, url: str, step: list[Any]) -> None:
    method, path, said, status, body = step
    sent = {"data": said["body"].encode()} if "body" in said else {}
    target = URL(url + path, encoded=True)
    async with http.request(method, target, headers=said.get("headers"), **sent) as answer:
        assert (answer.status, await answer.text()) == (status, body), step
        for header, value in said.get("answers", {}).items():
            assert answer.headers[header] == value, step


async def talk(
    http: aiohttp.ClientSession,
    url: str,
    sockets: dict[str, aiohttp.ClientWebSocketResponse],
    step: list[Any],
) -> None:
    who, does, *what = step
    if does == "connects":
        sockets[who] = await http.ws_connect(url + what[0])
    elif does == "says":
        await sockets[who].send_str(what[0])
    elif does == "says bytes":
        await sockets[who].send_bytes(bytes.fromhex(what[0]))
    elif does == "hears":
        for text in what:
            heard = await sockets[who].receive(timeout=PATIENCE_S)
            assert heard.data == text, step
    else:
        assert does == "closes", step
        code, reason = what
        await sockets.pop(who).close(code=code, message=reason.encode())


@pytest.mark.parametrize("program", TEXTS)
async def test_a_program_answers_as_its_transcript_says(
    program: str, serve: Serving, http: aiohttp.ClientSession
) -> None:
    told = json.loads((FOLDER / f"{program}.json").read_text())
    server = await serve(
        TEXTS[program], objects=told.get("objects", ()), values=told.get("vars", {})
    )
    url = f"http://127.0.0.1:{server.port}"
    sockets: dict[str, aiohttp.ClientWebSocketResponse] = {}
    assert told["transcript"]
    for step in told["transcript"]:
        if step[0].isupper():
            await ask(http, url, step)
        else:
            await talk(http, url, sockets, step)
    for socket in sockets.values():
        await socket.close()
