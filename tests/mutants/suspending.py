"""Mutants of functions that wait in their middle."""

from tests.mutants.mutation import Mutant, assigns, branch_on, calls, never, nothing

_FILE = "runtime/compat/pyodide/suspending.py"
_TESTS = "tests/runtime/compat/pyodide/test_suspending.py::"

SUSPENDING = (
    Mutant(
        "a handler goes back to who began it, and not to who has resumed it",
        _FILE,
        "_Handler._resume",
        assigns("parent"),
        nothing,
        (_TESTS + "test_one_that_begins_in_the_stack_of_another_is_no_part_of_it",),
    ),
    Mutant(
        "a handler has no context of its task",
        _FILE,
        "_Handler._resume",
        assigns("gr_context"),
        nothing,
        (_TESTS + "test_it_has_the_context_of_its_task",),
    ),
    Mutant(
        "a handler that nobody goes on with is left where it waits",
        _FILE,
        "_Rest.__await__",
        calls("end"),
        nothing,
        (_TESTS + "test_what_goes_on_after_its_end_is_an_error",),
    ),
    Mutant(
        "a function waits where nobody can resume it",
        _FILE,
        "wait_for",
        branch_on("can_wait"),
        never,
        (_TESTS + "test_elsewhere_only_what_is_done_at_once_is_there",),
    ),
)
