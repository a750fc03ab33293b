"""What an event holds until it is over."""

import gc

from perdure.actors.scope import Scope


class Thing:
    def __init__(self, log: list[str], name: str) -> None:
        self._log, self._name = log, name

    def dispose(self) -> None:
        self._log.append(self._name)


def test_what_is_held_is_let_go_of_at_the_end_and_once() -> None:
    log: list[str] = []
    scope, thing = Scope(), Thing(log, "thing")
    scope.keep(thing)
    scope.keep(thing)
    scope.at_end(lambda: log.append("action"))
    assert log == []
    scope.end()
    scope.end()
    assert log == ["thing", "action"]
    assert scope.is_over


def test_what_nobody_has_any_more_is_not_kept_alive() -> None:
    log: list[str] = []
    scope = Scope()
    scope.keep(Thing(log, "dropped"))
    gc.collect()
    scope.end()
    assert log == []


def test_what_comes_after_the_end_is_not_disposed_of() -> None:
    log: list[str] = []
    scope, thing = Scope(), Thing(log, "late")
    scope.end()
    scope.keep(thing)
    scope.at_end(lambda: log.append("never"))
    scope.end()
    assert log == []
