"""mypy and pyright see stubs as the program has written them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from perdure.cli.main import main

CONFIG = """\
name = "chat"
main = "src/main.py"

[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"

[[durable_objects.bindings]]
name = "BOX"
class_name = "Box"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room", "Box"]

[vars]
GREETING = "hello"
"""
# A line that ends in "wrong" is one where each of the two has to complain; no other line is.
PROGRAM = """\
from typing import Any, assert_type, overload
from dataclasses import dataclass

from perdure import DurableObject, DurableObjectNamespace, Request, Response
from perdure import ExecResult, Process, Sandbox, get_sandbox
from perdure import RpcTarget, WorkerEntrypoint
from perdure_env import Env


@dataclass
class User:
    name: str


class Member(RpcTarget):
    async def say(self, text: str) -> int:
        return len(text)


class Room(DurableObject):
    @overload
    async def find(self, key: str) -> str: ...
    @overload
    async def find(self, key: int) -> int: ...
    async def find(self, key: str | int) -> str | int:
        return key

    async def member(self) -> Member:
        return Member()

    async def join(self, user: User, *, loud: bool = False) -> int:
        return len(user.name)

    def members(self) -> list[str]:
        return []

    @staticmethod
    def version() -> str:
        return "1"


class Box(Sandbox):
    async def on_start(self) -> None:
        await self.exec("true")

    async def size(self, path: str) -> int:
        return (await self.read_file(path)).size


class Default(WorkerEntrypoint):
    env: Env

    async def fetch(self, request: Request) -> Response:
        room = self.env.ROOM.get_by_name("lobby")
        assert_type(await room.join(User("a"), loud=True), int)
        assert_type(await room.members(), list[str])
        assert_type(await room.version(), str)
        assert_type(room.name, str | None)
        await room.find("a")
        await room.find(5)
        assert_type(await room.member(), Member)
        length: int = await room.member().say("hello")
        print(length)
        assert_type(self.env.GREETING, str)
        await room.join("a")  # wrong
        await room.join()  # wrong
        await room.join(User("a"), quiet=True)  # wrong
        await room.members(5)  # wrong
        assert_type(await room.members(), list[int])  # wrong
        self.env.GREETINGS  # wrong
        return await room.fetch("http://do/")


async def in_sandboxes(env: Env, request: Request) -> Response:
    box = get_sandbox(env.BOX, "one", sleep_after="1m")
    assert_type(await box.exec("true", timeout=3), ExecResult)
    process = await box.start_process("bun server.js")
    assert_type(process, Process)
    assert_type((await process.wait_for_exit()).exit_code, int)
    await box.exec(3)  # wrong
    await box.exec("true", tiemout=3)  # wrong
    own = env.BOX.get_by_name("one")
    assert_type(await own.size("/workspace/a"), int)
    await own.size(3)  # wrong
    return await box.ws_connect(request, 8080)


async def by_class(rooms: DurableObjectNamespace[Room]) -> None:
    room = rooms.get(rooms.id_from_name("lobby"))
    assert_type(await room.join(User("a")), int)
    await room.join("a")  # wrong
    await room.jion(User("a"))  # wrong


async def untyped(rooms: DurableObjectNamespace) -> None:
    anything: Any = await rooms.get_by_name("lobby").whatever(1, b=2)
    print(anything)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typed")
    (folder / "src").mkdir()
    (folder / "wrangler.toml").write_text(CONFIG)
    (folder / "src" / "main.py").write_text(PROGRAM)
    config = str(folder / "wrangler.toml")
    result = CliRunner().invoke(main, ["types", "-c", config], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder


WRONG = {n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")}
CHECKERS = {
    "mypy": ["mypy", "--strict", "--no-incremental", "--no-error-summary", "src/main.py"],
    "pyright": ["pyright", "--pythonpath", sys.executable, "src"],
}


@pytest.mark.slow
@pytest.mark.timeout(300)  # mypy reads all that perdure imports: half a minute, undisturbed
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_finds_what_is_wrong_and_nothing_else(checker: str, project: Path) -> None:
    command = [sys.executable, "-m", *CHECKERS[checker]]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    found = re.findall(r"main\.py:(\d+)(?::\d+)*:? (?:-\s+)?error", run.stdout)
    assert {int(line) for line in found} == WRONG, run.stdout + run.stderr
    assert "perdure_env.py" not in run.stdout.replace("src/perdure_env.py: note", "")
