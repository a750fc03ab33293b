"""``perdure dev`` as a person uses it: a process, clients, Ctrl-C."""

import os
import pty
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.cli.process import Start

OLD = 'new_sqlite_classes = ["Room"]'
DELETION = f"""{OLD}

[[migrations]]
tag = "v2"
deleted_classes = ["Old"]
"""

pytestmark = pytest.mark.slow


async def get(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text()


async def test_it_shows_bindings_then_where_it_listens_then_requests(
    start: Start, project: Path
) -> None:
    (project / ".dev.vars").write_text("GREETING=hello\n")
    running = await start("dev", "--port", 0, "--var", "MOOD:calm")
    url = await running.ready()
    shown = [line.split() for line in running.seen]
    assert ["chat", "wrangler.toml"] in shown
    assert ["ROOM", "Durable", "Object", "Room", "wrangler.toml:4"] in shown
    assert ["GREETING", "Variable", "(hidden)", ".dev.vars"] in shown
    assert ["MOOD", "Variable", "(hidden)", "--var"] in shown
    assert running.seen[-2] == "1 worker: what you save is served at once."
    assert await get(f"{url}/greeting?x=1") == (200, "hello")
    line = await running.line("")
    assert " GET /greeting?x=1 200 OK " in line
    assert line.endswith(" ms")
    ended = await running.stop()
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.splitlines() == [
        "Stopping. Press Ctrl-C again to cut off running requests.",
        "Stopped. All state is in .perdure",
    ]


async def test_ctrl_c_closes_sockets_with_1001_and_loses_nothing(start: Start) -> None:
    running = await start("dev", "--port", 0)
    url = await running.ready()
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as client:
        assert await client.receive_str() == "visit 1"
        running.send(signal.SIGINT)
        assert (await client.receive()).type is aiohttp.WSMsgType.CLOSE
        assert client.close_code == 1001
    assert (await running.ended()).code == 0
    again = await start("dev", "--workers", 0, "--port", 0)
    assert await get(await again.ready()) == (200, "visit 2")


@pytest.mark.parametrize("workers", [0, 1])
async def test_closing_its_terminal_closes_sockets_with_1001(start: Start, workers: int) -> None:
    terminal = Terminal()
    running = await start(
        *("dev", "--port", 0, "--workers", workers),
        stdout=terminal.stdin,
        stdin=terminal.stdin,
    )
    url = terminal.read_to("Ready on ")
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as client:
        assert await client.receive_str() == "visit 1"
        terminal.close()
        running.send(signal.SIGHUP)  # as its shell does
        assert (await client.receive()).type is aiohttp.WSMsgType.CLOSE
        assert client.close_code == 1001
    assert (await running.ended()).code == 0


async def test_the_program_s_errors_are_shown_with_its_own_lines(
    start: Start, project: Path
) -> None:
    running = await start("dev", "--workers", 0, "--port", 0)
    url = await running.ready()
    status, page = await get(f"{url}/boom", Accept="text/html")
    assert status == 500
    assert "KeyError" in page
    assert "500 Internal Server Error" in await running.line("")
    err = (await running.stop()).err
    assert "error   request.failed method=GET path=/boom\n" in err
    assert f'File "{project}/src/main.py", line 7, in fetch' in err
    assert "KeyError: 'boom'" in err
    assert "runtime/" not in err


async def test_the_next_free_port_is_taken_when_nobody_asked_for_one(
    start: Start, project: Path
) -> None:
    first = await start("dev", "--workers", 0)
    one = int((await first.ready()).rpartition(":")[2])
    second = await start("dev", "--workers", 0, "--data", project / "other")
    two = int((await second.ready()).rpartition(":")[2])
    assert 8787 <= one < two
    err = (await second.stop()).err
    assert f"note: Port 8787 is taken; using {two}. Choose one with --port." in err


@pytest.mark.parametrize("in_file", [False, True])
async def test_a_port_that_was_asked_for_is_taken_or_refused(
    start: Start, project: Path, *, in_file: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        if in_file:
            config = project / "wrangler.toml"
            config.write_text(f"{config.read_text()}\n[dev]\nport = {port}\n")
        running = await start("dev", *([] if in_file else ["--port", port]))
        ended = await running.ended()
    assert ended.code == 1
    assert f"error: cannot listen on 127.0.0.1:{port}" in ended.err
    assert "Traceback" not in ended.err


async def test_each_environment_has_data_of_its_own(start: Start, project: Path) -> None:
    config = project / "wrangler.toml"
    bindings = '[[env.next.durable_objects.bindings]]\nname = "ROOM"\nclass_name = "Room"\n'
    config.write_text(f"{config.read_text()}\n[env.next.vars]\nGREETING = 'hi'\n{bindings}")
    running = await start("dev", "--workers", 0, "--port", 0, "-e", "next")
    url = await running.ready()
    assert running.seen[0] == "chat-next  wrangler.toml"
    assert running.seen[-2].startswith("One process, without workers: ")
    assert await get(url) == (200, "visit 1")
    await running.stop()
    assert (project / ".perdure-next").is_dir()
    assert not (project / ".perdure").exists()


async def test_data_goes_where_it_is_told(start: Start, project: Path, tmp_path: Path) -> None:
    running = await start(
        "dev", "--workers", 0, "--port", 0, "--persist-to", tmp_path / "elsewhere"
    )
    await running.ready()
    ended = await running.stop()
    assert (tmp_path / "elsewhere").is_dir()
    assert not (project / ".perdure").exists()
    assert f"All state is in {tmp_path}/elsewhere\n" in ended.err


async def test_two_servers_do_not_share_a_data_directory(start: Start, project: Path) -> None:
    first = await start("dev", "--workers", 0, "--port", 0)
    await first.ready()
    ended = await (await start("dev", "--workers", 0, "--port", 0)).ended()
    assert ended.code == 1
    assert f"error: {project}/.perdure: " in ended.err
    assert "Traceback" not in ended.err


async def test_a_warning_is_told_once_and_keeps_nothing_from_starting(
    start: Start, project: Path
) -> None:
    config = project / "wrangler.toml"
    config.write_text("nmae = 1\n" + config.read_text())
    running = await start("dev", "--workers", 0, "--port", 0)
    await running.ready()
    err = (await running.stop()).err
    assert err.count('warning: Unexpected fields found in top-level field: "nmae"') == 1
    assert 'Did you mean "name"?' in err


async def test_a_broken_configuration_starts_nothing(start: Start, project: Path) -> None:
    (project / "wrangler.toml").write_text("name = 1\n")
    ended = await (await start("dev")).ended()
    assert (ended.code, ended.out) == (2, "")
    assert "wrangler.toml:1:1: error: " in ended.err
    assert "2 errors. Nothing was started or changed." in ended.err
    assert not (project / ".perdure").exists()


class Terminal:
    """Somebody who types."""

    def __init__(self) -> None:
        self.keyboard, self.stdin = pty.openpty()

    def type(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def read_to(self, beginning: str) -> str:
        """Read up to a line that begins so; give the rest of it."""
        seen = ""
        while beginning not in seen or not seen.partition(beginning)[2].endswith("\n"):
            seen += os.read(self.keyboard, 1).decode(errors="replace")
        return seen.partition(beginning)[2].strip()

    def close(self) -> None:
        os.close(self.keyboard)
        os.close(self.stdin)


@pytest.fixture
async def about_to_delete(start: Start, project: Path) -> Path:
    """A project whose migrations would delete the objects of a class that has some."""
    config, program = project / "wrangler.toml", project / "src" / "main.py"
    both = config.read_text().replace(OLD, 'new_sqlite_classes = ["Room", "Old"]')
    config.write_text(both)
    program.write_text(program.read_text() + "\n\nclass Old(Room):\n    pass\n")
    running = await start("dev", "--workers", 0, "--port", 0)
    await running.ready()
    assert (await running.stop()).code == 0
    config.write_text(both.replace('"Room", "Old"]', '"Room", "Old"]' + DELETION[len(OLD) :]))
    return config


async def test_nothing_is_deleted_when_nobody_can_be_asked(
    start: Start, about_to_delete: Path
) -> None:
    ended = await (await start("dev", "--workers", 0, "--port", 0)).ended()
    assert ended.code == 2
    assert "error: The migrations would delete all objects of Old." in ended.err
    assert "agree with --yes" in ended.err
    again = await (await start("dev", "--workers", 0, "--port", 0)).ended()
    assert again.err == ended.err


async def test_yes_agrees_to_a_deletion(start: Start, about_to_delete: Path) -> None:
    running = await start("dev", "--workers", 0, "--port", 0, "--yes")
    await running.ready()
    assert (await running.stop()).code == 0
    once_more = await start("dev", "--workers", 0, "--port", 0)
    await once_more.ready()


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
async def test_whoever_is_there_may_refuse(
    start: Start, about_to_delete: Path, answer: str
) -> None:
    terminal = Terminal()
    try:
        running = await start("dev", "--workers", 0, "--port", 0, stdin=terminal.stdin)
        assert "delete all objects of Old." in await running.message("warning: ")
        assert await running.message("30 days") == "  They stay in .perdure/trash for 30 days.\n"
        terminal.type(answer)
        ended = await running.ended()
    finally:
        terminal.close()
    assert ended.code == 2
    assert "Nothing was changed." in ended.err


async def test_whoever_is_there_may_agree(start: Start, about_to_delete: Path) -> None:
    terminal = Terminal()
    try:
        running = await start("dev", "--workers", 0, "--port", 0, stdin=terminal.stdin)
        await running.message("30 days")
        terminal.type("y\n")
        await running.ready()
        assert (await running.stop()).code == 0
    finally:
        terminal.close()


async def test_ctrl_c_ends_a_program_that_hangs_while_it_is_imported(
    start: Start, project: Path
) -> None:
    program = "import threading\nprint('importing')\nthreading.Event().wait()\n"
    (project / "src" / "main.py").write_text(program)
    running = await start("dev", "--port", 0)
    await running.line("importing")
    ended = await running.stop()
    assert (ended.code, ended.err) == (1, "\nAborted!\n")


async def test_scheduled_can_be_tested_at_wranglers_path(start: Start, project: Path) -> None:
    main = project / "src" / "main.py"
    main.write_text(
        "from perdure import DurableObject, Response, WorkerEntrypoint\n"
        "class Room(DurableObject): ...\n"
        "class Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request): return Response('the Worker')\n"
        "    async def scheduled(self, event): print('cron', event.cron)\n"
    )
    for options, answer in (((), "the Worker"), (("--test-scheduled",), "Ran scheduled event")):
        running = await start("dev", "--port", 0, *options)
        url = await running.ready()
        assert await get(f"{url}/__scheduled?cron=1+2+3+4+5") == (200, answer)
        await running.stop()
