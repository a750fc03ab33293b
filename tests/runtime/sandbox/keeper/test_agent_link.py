"""Agents that lie: each ends its sandbox, with the reason, and nobody waits for ever."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from tests.runtime.sandbox.keeper.liar import LIES
from tests.runtime.sandbox.sandboxes import Sandboxes, processes_with, until

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("lying_launcher.py")
NAMES = [lie for lie in LIES if lie != "silence"]
OF_PORTS = NAMES[NAMES.index("no descriptor") :]
OF_COMMANDS = NAMES[: NAMES.index("no descriptor")]


def launched(folder: Path, patience: str) -> Iterator[tuple[LauncherProcess, Path]]:
    launcher = LauncherProcess(folder / "sandboxes", (str(PROGRAM), patience))
    yield launcher, folder / "sandboxes"
    launcher.close()


@pytest.fixture(scope="module")
def liars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LauncherProcess, Path]]:
    """Asked for nothing but what a test asks for: no ping comes before that, however slow all is."""
    yield from launched(tmp_path_factory.mktemp("liars"), "1000 1000")


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[tuple[LauncherProcess, Path]]:
    yield from launched(tmp_path, "0.1 0.5")


async def lose(liars: tuple[LauncherProcess, Path], lie: str, op: str, **fields: object) -> str:
    """Have a liar asked; return why its sandbox ended."""
    sandboxes = Sandboxes(liars[1], liars[0], "none")
    sandbox = await sandboxes.open(lie=lie)
    async with asyncio.timeout(60):
        # Nobody reads: of too much that comes nothing is paid back meanwhile.
        async with sandbox.stream(op, **fields) as stream:
            why = await sandbox.is_lost()
        with contextlib.suppress(SandboxRefused):  # a lie may come after the answer
            await stream.answer()
    [name] = sandboxes.ids
    until(lambda: not processes_with(name))
    assert not (sandboxes.folder / name / "keeper.sock").exists()
    sandbox.close()
    return why


async def test_an_agent_that_says_nothing_is_found_out(
    silent: tuple[LauncherProcess, Path],
) -> None:
    why = await lose(silent, "silence", "exec", command="true")
    assert "The agent inside the sandbox was lost: it has not answered for" in why


@pytest.mark.parametrize("stands", [True, False])
async def test_what_a_keeper_could_not_end_in_time_is_left_to_the_launcher(
    liars: tuple[LauncherProcess, Path], stands: bool
) -> None:
    sandboxes = Sandboxes(liars[1], liars[0], "none")
    sandbox = await sandboxes.open(lie="exit", stands=stands)
    with pytest.raises(SandboxRefused, match="The agent inside the sandbox was lost"):
        await sandbox.ask("exec", command="true")
    await sandbox.is_lost()
    [name] = sandboxes.ids
    # The next one is opened when the launcher has seen the end of the last.
    await sandboxes.open(name, lie="exit")
    assert (sandboxes.folder / name / "cleaned up").exists() == stands
    for connection in sandboxes.connections:
        connection.close()


@pytest.mark.parametrize("lie", OF_COMMANDS)
async def test_an_agent_that_lies_about_a_command(
    liars: tuple[LauncherProcess, Path], lie: str
) -> None:
    why = await lose(liars, lie, "exec", command="true")
    assert "The agent inside the sandbox was lost: " in why


@pytest.mark.parametrize("lie", OF_PORTS)
async def test_an_agent_that_lies_about_a_port(
    liars: tuple[LauncherProcess, Path], lie: str
) -> None:
    why = await lose(liars, lie, "port", port=8080)
    assert "The agent inside the sandbox was lost: " in why


async def test_the_reason_is_told(liars: tuple[LauncherProcess, Path]) -> None:
    assert "a port that is a socket of family 1" in await lose(
        liars, "a Unix socket", "port", port=8080
    )
    assert "a frame of kind 47" in await lose(liars, "garbage", "exec", command="true")
