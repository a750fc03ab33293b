"""What a call may find, and what not."""

from functools import cached_property
from typing import Any

import pytest

from perdure.actors.errors import NoSuchMethod, ReservedMethod
from perdure.actors.receiving import find
from perdure.actors.rpc_target import RpcTarget


class Plain:
    def method(self) -> str:
        return "plain"


class Inner(RpcTarget):
    def method(self) -> str:
        return "inner"


class Target(RpcTarget):
    constant = 3

    def __init__(self) -> None:
        self.attribute = lambda: "own"
        self.calls = 0

    def method(self) -> str:
        return "method"

    @staticmethod
    def static() -> str:
        return "static"

    @property
    def inner(self) -> Inner:
        return Inner()

    @property
    def plain(self) -> Plain:
        return Plain()

    @cached_property
    def table(self) -> dict[str, Any]:
        return {"inner": Inner(), "number": 5}

    def dispose(self) -> None:
        self.calls += 1

    def fetch(self) -> None: ...

    def _private(self) -> None: ...


@pytest.mark.parametrize(
    ("path", "gives"),
    [
        ("method", "method"),
        ("static", "static"),
        ("inner.method", "inner"),
        ("table.inner.method", "inner"),
    ],
)
def test_methods_are_found_by_way_of_properties_and_dicts(path: str, gives: str) -> None:
    assert find(Target(), path, is_call=True)() == gives


def test_properties_are_read() -> None:
    assert isinstance(find(Target(), "inner", is_call=False), Inner)
    assert find(Target(), "table.number", is_call=False) == 5
    assert find(Target(), "method", is_call=False)() == "method"


@pytest.mark.parametrize(
    "path",
    [
        "missing",
        "attribute",
        "calls",
        "constant",
        "_private",
        "__init__",
        "plain.method",
        "table.missing",
        "inner.method.anything",
        "method.__self__",
        "",
        "inner",
        "table",
    ],
)
def test_everything_else_is_no_method(path: str) -> None:
    with pytest.raises(NoSuchMethod):
        find(Target(), path, is_call=True)


@pytest.mark.parametrize("path", ["fetch", "dispose", "dup", "inner.alarm"])
def test_reserved_names_are_refused(path: str) -> None:
    with pytest.raises(ReservedMethod):
        find(Target(), path, is_call=True)


def test_functions_are_called_themselves_and_have_no_members() -> None:
    def function() -> str:
        return "called"

    assert find(function, "", is_call=True)() == "called"
    for path in ("__call__", "__globals__", "anything"):
        with pytest.raises(NoSuchMethod):
            find(function, path, is_call=True)
