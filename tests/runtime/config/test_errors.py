"""Problems as values, and near misses of names."""

from pathlib import Path

from perdure.runtime.config.errors import ConfigError, Problem, Severity, closest, did_you_mean
from perdure.storage.errors import UsageError

FILE = Path("app/wrangler.toml")


def test_a_problem_reads_as_a_place_a_severity_and_a_message() -> None:
    problem = Problem(FILE, "dev.port", 3, 7, "It is wrong.", "Do this:\nport = 1")
    assert str(problem) == ("app/wrangler.toml:3:7: error: It is wrong.\n  Do this:\n  port = 1")


def test_what_is_not_known_of_a_place_is_left_out() -> None:
    assert Problem(FILE, "", 3, None, "m").where == "app/wrangler.toml:3"
    assert Problem(None, "--var", None, None, "m").where == "command line"


def test_the_error_tells_all_problems_and_knows_which_must_be_mended() -> None:
    warning = Problem(FILE, "a", 1, 1, "odd", severity=Severity.WARNING)
    error = Problem(FILE, "b", 2, 1, "bad")
    raised = ConfigError([warning, error])
    assert isinstance(raised, UsageError)
    assert raised.problems == (warning, error)
    assert raised.errors == (error,)
    assert str(raised) == f"{warning}\n{error}"


def test_a_slip_of_the_pen_finds_its_name() -> None:
    assert closest("migratons", ["main", "migrations"]) == "migrations"
    assert closest("Room", ["ROOM"]) == "ROOM"
    assert closest("zebra", ["main", "migrations"]) is None
    assert did_you_mean("Rom", ["Room"]) == 'Did you mean "Room"?'
    assert did_you_mean("zebra", ["Room"]) == ""
