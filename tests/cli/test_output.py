"""Colour for people only, and nothing lost on the way."""

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import Sequence

import aiohttp
import pytest
from rich.console import Console
from rich.text import Text

from perdure.cli.output import STYLES, Output, folded, make_console
from tests.cli.process import Running, Start


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rich believe that somebody is looking."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")


def printed(console: Console, text: Text) -> str:
    console.file = io.StringIO()
    console.print(text)
    return console.file.getvalue()


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_colour() -> None:
    assert Output().has_colour
    assert "\x1b[" in printed(make_console(stderr=True), Text("x", "error"))


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("style", STYLES)
def test_no_color_means_no_escape_at_all(monkeypatch: pytest.MonkeyPatch, style: str) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Output().has_colour
    assert printed(make_console(stderr=False), Text("x", style)) == "x\n"


def test_a_pipe_gets_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert printed(make_console(stderr=False), Text("x", "error")) == "x\n"


def test_data_and_messages_go_their_ways(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.data("data")
    output.message("message")
    assert capsys.readouterr() == ("data\n", "message\n")


def test_text_is_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.data("[bold]:smile: [/nothing]")
    output.message("[red]x[/]")
    assert capsys.readouterr() == ("[bold]:smile: [/nothing]\n", "[red]x[/]\n")


def test_a_long_line_stays_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.data("word " * 60)
    output.message("word " * 60, indent=2)
    out, err = capsys.readouterr()
    assert out.count("\n") == err.count("\n") == 1
    assert err.startswith("  word")


def test_a_person_gets_lines_folded_between_words() -> None:
    console = make_console(stderr=True)
    text = folded(Text("one two three four five\nsix"), 22, 2, console)
    assert text.plain == "  one two three four\n  five\n  six"


def test_what_a_stream_cannot_show_is_spelled_out() -> None:
    code = "from perdure.cli.output import prepare_streams as p; p(); print('\\u6f22', flush=False)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "\\u6f22\n"


def test_a_line_is_written_as_it_is() -> None:
    written = io.StringIO()
    plain = Output(out=Console(file=written, color_system=None, width=20))
    plain.line(Text("a line that is longer than the terminal", "red"))
    plain.line("[bold]no markup[/bold] \U0001f600 :smile:")
    assert written.getvalue().splitlines() == [
        "a line that is longer than the terminal",
        "[bold]no markup[/bold] \U0001f600 :smile:",
    ]


def test_a_line_has_colour_on_a_terminal() -> None:
    written = io.StringIO()
    terminal = Console(file=written, color_system="standard", force_terminal=True, width=20)
    Output(out=terminal).line(Text("a long line, not folded anywhere", "red"))
    assert written.getvalue() == "\x1b[31ma long line, not folded anywhere\x1b[0m\n"


# Into head, which reads a few lines and goes.


class Piped:
    """A command whose output goes into a pipe of which a test has the other end."""

    def __init__(self, running: Running, reading: int) -> None:
        self._running = running
        self._reading = open(reading, "rb", buffering=0)  # noqa: SIM115  # closed by read_no_more
        self.message = running.message

    @classmethod
    async def start(cls, start: Start, *command: object) -> "Piped":
        reading, writing = os.pipe()
        running = await start(*command, stdout=writing)
        os.close(writing)
        return cls(running, reading)

    async def line(self, beginning: str) -> str:
        line = b""
        while not line.startswith(beginning.encode()):
            line = await asyncio.to_thread(self._reading.readline)
            assert line, await self.ended()
        return line.decode().removeprefix(beginning).strip()

    def read_no_more(self) -> None:
        self._reading.close()

    async def ended(self) -> tuple[int, str]:
        self.read_no_more()
        ended = await self._running.ended()
        return ended.code, ended.err


LISTS = (
    ("actors", "list"),
    ("actors", "list", "--json"),
    ("actors", "show", "Room", "a"),
    ("sql", "Room", "a", "SELECT 1"),
    ("sql", "Room", "a", "--json", "SELECT 1"),
    ("check",),
    ("doctor", "--json"),
    ("verify",),
)


async def ends_quietly(start: Start, command: Sequence[str]) -> None:
    piped = await Piped.start(start, *command)
    piped.read_no_more()
    code, err = await piped.ended()
    assert (code, "rror" in err) == (0, False), (command, err)


@pytest.mark.slow
async def test_a_reader_that_has_had_enough_ends_a_command_quietly(start: Start) -> None:
    running = await start("serve", "--workers", 0, "--port", 0)
    async with aiohttp.request("GET", await running.ready()) as response:
        assert response.status == 200
    for is_running in (True, False):
        for command in LISTS:  # of a stopped one, one at a time has the directory
            await ends_quietly(start, command)
        if is_running:
            assert (await running.stop()).code == 0


@pytest.mark.slow
async def test_a_reader_of_events_that_has_had_enough_ends_tail_quietly(start: Start) -> None:
    running = await start("serve", "--workers", 0, "--port", 0)
    url = await running.ready()
    for form in ("json", "pretty"):
        piped = await Piped.start(start, "tail", "--format", form, "--event", "request")
        await piped.message("Following")
        async with aiohttp.request("GET", url) as response:
            assert response.status == 200
        await piped.line("")
        piped.read_no_more()
        async with aiohttp.request("GET", url) as response:
            assert response.status == 200
        assert await piped.ended() == (0, "")


@pytest.mark.slow
async def test_dev_that_nobody_watches_any_more_ends_in_good_order(start: Start) -> None:
    piped = await Piped.start(start, "dev", "--workers", "0", "--port", "0")
    url = await piped.line("Ready on ")
    piped.read_no_more()
    async with aiohttp.request("GET", url) as response:
        assert await response.text() == "visit 1"
    code, err = await piped.ended()
    assert code == 0
    assert err.endswith("Stopped. All state is in .perdure\n")
    assert "Traceback" not in err
