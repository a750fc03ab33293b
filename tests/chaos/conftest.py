"""A server of several processes whose processes may die at chosen moments."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from perdure.runtime import supervised
from perdure.runtime.observe.logs import LogStyle
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.process import Program
from perdure.runtime.supervised import SupervisedServer
from tests.chaos.points import FOLDER
from tests.chaos.program import MAIN
from tests.child_forks import can_fork, fork_children
from tests.serving import Serving

ROOT = Path(__file__).parents[2]
Start = Callable[..., Awaitable[SupervisedServer]]


REPORT = "what has happened"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Have what happened in the log of .ci/run, whichever process the tests were in."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            told = dict(getattr(report, "user_properties", ())).get(REPORT)
            if told is not None and report.when == "call":
                terminalreporter.section(report.nodeid.rpartition("::")[2])
                terminalreporter.write_line(str(told))


def told(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    """What the supervisor has logged of that name, with the text below it."""
    return [caplog.handler.format(record) for record in caplog.records if record.msg == event]


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts one; variables of the environment of its processes are given."""
    running: list[SupervisedServer] = []

    async def start(
        main: str = MAIN, limits: SupervisionLimits | None = None, **variables: str
    ) -> SupervisedServer:
        for role, module in ((Role.WORKER, "worker"), (Role.ROUTER, "router")):
            program = Program([sys.executable, "-m", f"tests.chaos.{module}"])
            monkeypatch.setitem(supervised.PROGRAMS, role, program)
        if can_fork():
            fork_children(monkeypatch)
        monkeypatch.chdir(ROOT)  # where their modules are found
        for name, value in {FOLDER: str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        config = Serving(tmp_path).write(main, objects=["Room"])
        server = await SupervisedServer.start(
            config,
            data_dir=tmp_path / "data",
            host="127.0.0.1",
            port=0,
            workers=2,
            log_style=LogStyle("warning"),
            limits=limits,
        )
        running.append(server)
        return server

    yield start
    for server in running:
        await server.stop(drain_s=5)
