"""The README's quick start, taken out of the README and done as it says."""

import json
import re
import shlex
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.cli.process import Processes, Running

README = (Path(__file__).parent.parent / "README.md").read_text()


def files() -> dict[str, str]:
    """The blocks that stand under the name of a file."""
    found = re.findall(r"^`([\w.]+)`\n\n```\w+\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return dict(found)


def commands() -> list[tuple[str, str]]:
    """Each curl of the console block, with what it is to print."""
    block = README.split("```console\n", 1)[1].split("```", 1)[0]
    found = re.findall(r"^\$ (curl .*)\n((?:[^$\n].*\n)*)", block, re.MULTILINE)
    return [(command, printed.strip()) for command, printed in found]


class Dev:
    """``perdure dev`` in a directory, on a port of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = URL()
        self._processes = Processes()
        self._running: Running | None = None

    async def start(self) -> None:
        self._running = await self._processes.start("dev", "--port", "0", cwd=self.directory)
        self.url = URL(await self._running.ready())

    async def end(self, number: signal.Signals) -> int:
        assert self._running is not None
        return (await self._running.stop(number)).code


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[Dev]:
    for name, text in files().items():
        (tmp_path / name).write_text(text)
    dev = Dev(tmp_path)
    await dev.start()
    yield dev
    await dev.end(signal.SIGKILL)


async def curl(session: aiohttp.ClientSession, command: str, server: URL) -> str:
    """Do what curl would: ``curl [-d DATA] URL``."""
    _, *options, url = shlex.split(command)
    data = options[options.index("-d") + 1] if "-d" in options else None
    assert options in ([], ["-d", data])
    target = server.join(URL(url).relative())
    async with session.request("GET" if data is None else "POST", target, data=data) as answer:
        assert answer.status == 200
        return await answer.text()


def test_the_quick_start_is_short_and_whole() -> None:
    assert set(files()) == {"main.py", "wrangler.toml"}
    assert sum(text.count("\n") for text in files().values()) <= 60
    assert len(commands()) == README.count("$ curl")


@pytest.mark.slow
async def test_the_commands_print_what_the_readme_says(dev: Dev) -> None:
    async with aiohttp.ClientSession() as session:
        for command, printed in commands():
            assert json.loads(await curl(session, command, dev.url)) == json.loads(printed)


@pytest.mark.slow
async def test_who_holds_a_socket_hears_and_says_lines(dev: Dev) -> None:
    async with aiohttp.ClientSession() as session:
        lobby, kitchen = dev.url / "lobby", dev.url / "kitchen"
        async with (
            session.ws_connect(lobby) as one,
            session.ws_connect(lobby) as other,
            session.ws_connect(kitchen) as elsewhere,
        ):
            await session.post(lobby, data="hello")
            assert [await one.receive_str(), await other.receive_str()] == ["1: hello"] * 2
            await other.send_str("hi")
            assert [await one.receive_str(), await other.receive_str()] == ["2: hi"] * 2
            await elsewhere.send_str("alone")
            assert await elsewhere.receive_str() == "1: alone"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_what_was_answered_is_there_after_a_restart(dev: Dev, how: signal.Signals) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(dev.url / "lobby", data="hello")
    code = await dev.end(how)
    assert code == (0 if how is signal.SIGINT else -signal.SIGKILL)
    await dev.start()
    async with aiohttp.ClientSession() as session, session.get(dev.url / "lobby") as answer:
        assert await answer.json() == [{"number": 1, "text": "hello"}]
