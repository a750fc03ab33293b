"""``perdure actors`` on a running server and on what it leaves, with the same answers."""

import json
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import Result

from tests.cli.process import Ended, Start

pytestmark = pytest.mark.slow
Invoke = Callable[..., Result]

PROGRAM = """
from perdure import DurableObject, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name = request.parsed_url.path.strip("/")
        return await self.env.ROOM.get_by_name(name).fetch(request)


class Room(DurableObject):
    async def fetch(self, request):
        sql = self.ctx.storage.sql
        sql.exec("CREATE TABLE IF NOT EXISTS visits (id INTEGER PRIMARY KEY, who TEXT, raw BLOB)")
        sql.exec("INSERT INTO visits (who, raw) VALUES (NULL, x'00ff')")
        await self.ctx.storage.put("last", 1)
        return Response("ok")
"""


@pytest.fixture(autouse=True)
def program(project: Path) -> None:
    (project / "src" / "main.py").write_text(PROGRAM)


async def visit(url: str, *names: str) -> None:
    async with aiohttp.ClientSession() as session:
        for name in names:
            async with session.get(f"{url}/{name}") as response:
                assert response.status == 200, await response.text()


async def ask(start: Start, *arguments: object) -> Ended:
    return await (await start(*arguments)).ended()


def objects(ended: Ended) -> list[Any]:
    assert (ended.code, ended.err) == (0, ""), ended
    return [json.loads(line) for line in ended.out.splitlines()]


async def test_a_running_and_a_stopped_directory_give_the_same_answers(
    start: Start, project: Path
) -> None:
    running = await start("serve", "--workers", 0, "--port", 0)
    await visit(await running.ready(), "lobby", "kitchen")
    for is_running in (True, False):
        found = objects(await ask(start, "actors", "list", "Room", "--json"))
        assert sorted(item["name"] for item in found) == ["kitchen", "lobby"]
        assert {item["is_live"] for item in found} == {is_running}
        (shown,) = objects(await ask(start, "actors", "show", "ROOM", "lobby", "--json"))
        assert shown["tables"] == [{"name": "visits", "kind": "table", "rows": 1, "is_exact": True}]
        assert (shown["keys"], shown["name"]) == (1, "lobby")
        (row,) = objects(await ask(start, "sql", "Room", "lobby", "--json", "SELECT * FROM visits"))
        assert row == {"id": 1, "who": None, "raw": {"blob": "00ff"}}
        target = project / f"{is_running}.sqlite"
        (told,) = objects(await ask(start, "actors", "export", "Room", "lobby", target, "--json"))
        assert told["target"] == str(target)
        connection = sqlite3.connect(target)
        assert connection.execute("SELECT count(*) FROM visits").fetchone() == (1,)
        connection.close()
        if is_running:
            await running.stop(signal.SIGTERM)
            assert not (project / ".perdure" / "control.sock").exists()


async def test_what_a_killed_server_left_can_be_worked_on(start: Start) -> None:
    running = await start("serve", "--workers", 0, "--port", 0)
    await visit(await running.ready(), "lobby")
    await running.stop(signal.SIGKILL)
    (found,) = objects(await ask(start, "actors", "list", "--json"))
    assert found["name"] == "lobby"


async def test_what_people_see(start: Start) -> None:
    running = await start("serve", "--workers", 0, "--port", 0)
    await visit(await running.ready(), "lobby")
    listed = await ask(start, "actors", "list")
    lines = [line.split() for line in listed.out.splitlines()]
    assert lines[0] == ["Class", "Name", "Id", "Size", "Written", "Alarm", "In", "memory"]
    assert lines[1][:2] == ["Room", "lobby"]
    assert lines[1][-2:] == ["-", "yes"]
    assert listed.err == "1 object.\n"
    shown = await ask(start, "actors", "show", "Room", "--id", lines[1][2])
    assert shown.out.startswith("Room lobby\n\n  Id          ")
    assert "  In memory   yes, with 0 WebSockets and 0 events under way\n" in shown.out
    assert shown.out.endswith("\n  Table   Rows\n  visits     1\n")
    exported = await ask(start, "actors", "export", "Room", "lobby", "lobby.sqlite")
    assert exported.out.startswith("lobby.sqlite  ")
    again = await ask(start, "actors", "export", "Room", "lobby", "lobby.sqlite")
    assert again.code == 2
    assert "lobby.sqlite: is there already\n  Name another file" in again.err
    nobody = await ask(start, "actors", "show", "Room", "loby")
    assert nobody.code == 2
    assert 'error: Room "loby" has nothing stored\n  Did you mean "lobby"?\n' in nobody.err


def test_a_name_and_an_id_exclude_each_other(invoke: Invoke) -> None:
    result = invoke("actors", "export", "Room", "lobby")
    assert (result.exit_code, "After NAMESPACE, give NAME and FILE." in result.stderr) == (2, True)
    result = invoke("sql", "Room", "lobby", "SELECT 1", "--id", "abcd")
    assert "give QUERY, and no name beside --id." in result.stderr
