"""``relaxed_call``."""

from perdure.runtime.compat.pyodide.relaxed_call import relaxed_call, relaxed_wrap


def test_surplus_arguments_are_dropped() -> None:
    assert relaxed_call(lambda: "none", 1, 2) == "none"
    assert relaxed_call(lambda a: a, 1, 2, b=3) == 1
    assert relaxed_call(lambda a, *rest: (a, rest), 1, 2, 3) == (1, (2, 3))
    assert relaxed_call(lambda a, **more: (a, more), 1, 2, b=3) == (1, {"b": 3})
    assert relaxed_call(lambda a, *, b: (a, b), 1, b=2, c=3) == (1, 2)


def test_a_function_is_wrapped() -> None:
    @relaxed_wrap
    def scheduled(controller: str) -> str:
        return controller

    assert scheduled("controller", "env", "ctx") == "controller"
    assert scheduled.__name__ == "scheduled"
