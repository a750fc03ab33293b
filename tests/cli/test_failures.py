"""Each kind of failure has its words and its exit code."""

from pathlib import Path

import pytest

from perdure.cli.failures import exit_code_of, show_failure, show_summary, text_of
from perdure.cli.output import Output
from perdure.cli.version import VERSION
from perdure.runtime.config.errors import ConfigError, Problem, Severity
from perdure.runtime.errors import PortTaken
from perdure.runtime.host.loader import LoadError, MainFailed
from perdure.runtime.host.migration_plan import MigrationRefused
from perdure.runtime.shards.supervisor.errors import ChildFailed
from perdure.runtime.shards.supervisor.places import Place, Role
from perdure.storage.errors import DirectoryInUse, InternalError, PerdureError, UsageError

PROBLEM = Problem(None, "", None, None, "is wrong", "mend it")
WORKER = Place(Role.WORKER, "0")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([PROBLEM]), 2),
        (LoadError(PROBLEM), 2),
        (MigrationRefused(PROBLEM), 2),
        (PortTaken("127.0.0.1", 80, "Permission denied"), 1),
        (DirectoryInUse(Path("data"), "in use"), 1),
        (UsageError("x"), 1),
        (ChildFailed(WORKER, "x", is_usage=True), 2),
        (ChildFailed(WORKER, "x"), 1),
        (InternalError("x"), 1),
        (ZeroDivisionError(), 1),
    ],
)
def test_the_code_tells_whether_the_configuration_is_at_fault(error: Exception, code: int) -> None:
    assert exit_code_of(error) == code


def told(capsys: pytest.CaptureFixture[str], error: Exception) -> str:
    show_failure(Output(), error)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_problems_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, LoadError(PROBLEM, PROBLEM))
    assert text == "command line: error: is wrong\n  mend it\n\n" * 2


def test_a_program_that_raised_is_shown_with_its_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = tmp_path / "main.py"
    main.write_text("1 / 0\n")
    problem = Problem(main, "", 1, None, "main.py raised.")
    text = told(capsys, MainFailed(problem, "Traceback:\n  1 / 0\nZeroDivisionError: \x1b[2J"))
    assert text == (
        f"{main}:1: error: main.py raised.\n\n"
        "  Traceback:\n    1 / 0\n  ZeroDivisionError: \\x1b[2J\n\n"
    )


def test_the_disk_s_errors_come_with_their_hint(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, DirectoryInUse(Path("data"), "another server has it", "Stop that one."))
    assert text == "error: data: another server has it\n  Stop that one.\n"
    assert told(capsys, DirectoryInUse(Path("data"), "taken")) == "error: data: taken\n"


def test_a_program_that_fails_in_another_process_is_told_as_in_this_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, ChildFailed(WORKER, "a.py:1: error: it raised\n1 / 0", is_usage=True))
    assert text == "a.py:1: error: it raised\n  1 / 0\n"
    text = told(capsys, ChildFailed(WORKER, "there is no OpenTelemetry", is_usage=True))
    assert text == "error: there is no OpenTelemetry\n"
    text = told(capsys, ChildFailed(WORKER, "it ended with exit code 9"))
    assert text == "error: worker 0 did not come to serve: it ended with exit code 9\n"


def test_other_errors_of_ours_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, PerdureError("went wrong")) == "error: went wrong\n"


@pytest.mark.parametrize("error", [InternalError("lost count"), ZeroDivisionError("oh")])
def test_a_bug_comes_with_its_traceback_and_a_request(
    capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        fail()
    text = told(capsys, raised.value)
    assert text.startswith("Traceback (most recent call last):\n")
    assert "raise error" in text
    assert f"error: This is a bug in perdure {VERSION} (Python " in text
    assert text.endswith("Please report it, with the traceback above.\n")


def test_a_list_ends_with_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    warning = Problem(None, "", None, None, "", severity=Severity.WARNING)
    show_summary(Output(), [PROBLEM, warning])
    assert capsys.readouterr().err == "1 error, 1 warning. Nothing was started or changed.\n"


def test_an_author_reads_nothing_of_the_process_in_which_the_program_was_imported() -> None:
    assert text_of(ChildFailed(WORKER, "main.py:1: error", is_usage=True)) == "main.py:1: error"
    assert text_of(ChildFailed(WORKER, "x")) == "worker 0 did not come to serve: x"
    assert text_of(UsageError("x")) == "x"
