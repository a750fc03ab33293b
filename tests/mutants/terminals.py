"""Mutants of terminals that stay."""

from tests.mutants.mutation import Mutant, calls, expression, nothing, to

_FILE = "runtime/sandbox/keeper/terminals.py"
_TESTS = "tests/runtime/sandbox/keeper/test_terminals.py::"

TERMINALS = (
    Mutant(
        "a shell waits for somebody who has gone",
        _FILE,
        "KeptTerminal._leave",
        calls("pay"),
        nothing,
        (_TESTS + "test_a_shell_that_writes_waits_for_who_looks_and_not_for_who_has_gone",),
    ),
    Mutant(
        "a shell does not wait for who looks",
        _FILE,
        "KeptTerminal.pay",
        expression("min((viewer.position for viewer in self._viewers), default=self.shown.end)"),
        to("self.shown.end"),
        (
            _TESTS + "test_a_shell_that_writes_waits_for_who_looks_and_not_for_who_has_gone",
            _TESTS + "test_the_slowest_of_those_who_look_misses_nothing",
        ),
    ),
    Mutant(
        "who comes last looks through the window of who came first",
        _FILE,
        "KeptTerminal.join",
        calls("resize"),
        nothing,
        (_TESTS + "test_the_window_of_who_comes_last_is_its_size",),
    ),
    Mutant(
        "a shell that has ended is found again",
        _FILE,
        "Terminals._forget",
        expression("self._kept.get(name) is terminal"),
        to("False"),
        (_TESTS + "test_a_shell_that_has_ended_is_followed_by_a_new_one",),
    ),
    Mutant(
        "a shell that ignores that it was hung up goes on",
        _FILE,
        "KeptTerminal.hang_up",
        expression("self._question.cancel"),
        to("lambda: None"),
        (_TESTS + "test_one_may_hang_up_for_all",),
    ),
    Mutant(
        "what is typed into a shell that was hung up ends the sandbox",
        _FILE,
        "KeptTerminal._feed",
        expression("self._ending is None"),
        to("True"),
        (_TESTS + "test_one_may_hang_up_for_all",),
    ),
    Mutant(
        "who comes late begins with the rest of a line",
        _FILE,
        "_begin",
        expression("first.data.find(b'\\n')"),
        to("-1"),
        (_TESTS + "test_who_comes_late_begins_with_a_whole_line",),
    ),
)
