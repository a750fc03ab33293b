"""Keys that are read one by one, and what becomes of the terminal."""

import asyncio
import signal
from pathlib import Path

import pytest

from perdure.cli.keys import Keys
from tests.cli.terminal import in_terminal

pytestmark = pytest.mark.slow

PROGRAM = """
import asyncio, sys
from perdure.cli.keys import Keys

async def main():
    ended = asyncio.get_running_loop().create_future()

    def on_key(key):
        print(f"<{key}>", flush=True)
        if key == "x":
            ended.set_result(None)
        if key == "!":
            sys.exit(3)

    with Keys(on_key, asyncio.get_running_loop()) as keys:
        print("open" if keys.is_open else "closed", flush=True)
        await ended

asyncio.run(main())
"""


async def test_keys_are_told_at_once_and_the_terminal_is_given_back(tmp_path: Path) -> None:
    async with in_terminal("-c", PROGRAM, cwd=tmp_path) as terminal:
        assert terminal.has_echo
        await terminal.until("open")
        assert not terminal.has_echo
        terminal.press("a")
        assert await terminal.until("<a>") == "\n", "nothing was echoed"
        terminal.press("\x1b[A")  # an arrow is no key of these
        terminal.press("\u00e9")
        assert await terminal.until("<\u00e9>") == "\n"
        terminal.press("x")
        assert await terminal.ended() == 0
        assert terminal.has_echo


@pytest.mark.parametrize("how", ["!", "\x03"])
async def test_it_is_given_back_when_the_program_fails_or_is_interrupted(
    tmp_path: Path, how: str
) -> None:
    async with in_terminal("-c", PROGRAM, cwd=tmp_path) as terminal:
        await terminal.until("open")
        terminal.press(how)
        assert await terminal.ended() in {3, 1, -signal.SIGINT}
        assert terminal.has_echo


async def test_without_a_terminal_there_are_no_keys() -> None:
    with Keys(lambda _: None, asyncio.get_running_loop()) as keys:
        assert not keys.is_open
    keys.close()
