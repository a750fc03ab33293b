"""A pytest plugin: a skip whose reason is not in ``skips-allowed`` fails the run.

Used by ``.ci/run``. A test that is skipped everywhere shows nothing, and nobody notices.
"""

import re
from pathlib import Path

import pytest

ALLOWED = [
    re.compile(line)
    for line in (Path(__file__).parent / "skips-allowed").read_text().splitlines()
    if line and not line.startswith("#")
]
unexpected: list[str] = []


def note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not any(pattern.search(reason) for pattern in ALLOWED):
        unexpected.append(f"{report.nodeid}: {reason}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    note(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if unexpected and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if unexpected:
        terminalreporter.section("skips that .ci/skips-allowed does not list", red=True)
        for line in unexpected:
            terminalreporter.write_line(line)
