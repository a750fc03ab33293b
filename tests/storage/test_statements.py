"""Queries are run to the first row of their last statement, and known again the next time."""

from collections.abc import Iterator

import apsw
import pytest

from perdure.storage import statements as statements_module
from perdure.storage.authorizer import Authorizer
from perdure.storage.statements import Statements


class Runner:
    """Statements on a connection of their own, all of it the user's."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.rules = Authorizer()
        self.rules.enforcing = True
        self.connection.authorizer = self.rules
        self.statements = Statements(self.rules)

    def run(
        self, query: str, *bindings: object
    ) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        started = self.statements.start(self.connection.cursor(), query, bindings)
        rows = list(started.rows)
        if started.cursor is not None:
            rows += started.cursor.fetchall()
        return started.columns, rows


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner()
    runner.run("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
    yield runner
    runner.connection.close()


@pytest.mark.parametrize("where", ["1", "0"])
@pytest.mark.parametrize("before", ["", "SELECT 1; "])
@pytest.mark.parametrize("times", [1, 2])
def test_columns_follow_the_schema(runner: Runner, where: str, before: str, times: int) -> None:
    """Also of a statement known before, with rows and without."""
    query = f"{before}SELECT * FROM t WHERE {where}"
    for _ in range(times):
        assert runner.run(query)[0] == ("a",)
    runner.run("ALTER TABLE t ADD COLUMN b DEFAULT 5")
    for _ in range(2):
        columns, rows = runner.run(query)
        assert columns == ("a", "b")
        assert rows == ([(1, 5), (2, 5)] if where == "1" else [])
    runner.run("ALTER TABLE t RENAME COLUMN a TO c")
    assert runner.run(query)[0] == ("c", "b")


def test_a_statement_known_before_is_not_explored_again(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runner.run("SELECT a FROM t WHERE a > ?", 1) == (("a",), [(2,)])

    def refuse(*_: object) -> None:
        raise AssertionError("explored again")

    monkeypatch.setattr(Statements, "_explore", refuse)
    assert runner.run("SELECT a FROM t WHERE a > ?", 0) == (("a",), [(1,), (2,)])
    assert runner.run("SELECT a FROM t WHERE a > ?", 5) == (("a",), [])
    with pytest.raises(AssertionError):
        runner.run("SELECT a FROM t")


def test_what_is_known_does_not_grow_without_end(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements_module, "_SHAPES_MAX", 3)
    for n in range(20):
        assert runner.run(f"SELECT {n} AS n") == (("n",), [(n,)])
        assert len(runner.statements._shapes) <= 3


def test_describing_a_statement_does_not_run_it(runner: Runner) -> None:
    query = "DELETE FROM t WHERE a > ? RETURNING *"
    runner.run(query, 5)
    runner.run("ALTER TABLE t ADD COLUMN b")
    assert runner.run(query, 5) == (("a", "b"), [])
    assert runner.run("SELECT count(*) AS n FROM t") == (("n",), [(2,)])


def test_rows_of_a_writing_statement_are_all_there(runner: Runner) -> None:
    started = runner.statements.start(
        runner.connection.cursor(), "INSERT INTO t VALUES (3), (4) RETURNING a", ()
    )
    assert started.cursor is None
    assert started.rows == [(3,), (4,)]
    assert started.rows_written == 2


def test_a_failed_query_leaves_no_statement_running(runner: Runner) -> None:
    with pytest.raises(apsw.SQLError):
        runner.run("SELECT a FROM t; SELECT json('{') FROM t")
    runner.run("DROP TABLE t")  # it would be locked
