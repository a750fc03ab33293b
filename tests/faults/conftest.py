"""One tally for all tests of faults, printed at the end of the run; and where disks can be made."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.loop_disk import why_no_loop_disk
from tests.faults.tally import Tally

_TALLY = pytest.StashKey[Tally]()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    return request.config.stash.setdefault(_TALLY, Tally())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Have each process of pytest-xdist hand its share over."""
    handed_over: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    tally = session.config.stash.get(_TALLY, None)
    if handed_over is not None and tally is not None:
        handed_over["tally"] = tally.to_plain()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if share := getattr(node, "workeroutput", {}).get("tally"):
        node.config.stash.setdefault(_TALLY, Tally()).add_plain(share)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tally = config.stash.get(_TALLY, None)
    if tally is not None:
        terminalreporter.section("faults")
        for line in tally.lines():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def no_loop_disk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Why there can be no loop disk; "" if there can."""
    return why_no_loop_disk(tmp_path_factory.mktemp("trial"))


@pytest.fixture
def loop_directory(no_loop_disk: str, tmp_path: Path) -> Path:
    """Where loop disks can be made; the test is skipped where they cannot."""
    if no_loop_disk:
        pytest.skip(no_loop_disk)
    return tmp_path
