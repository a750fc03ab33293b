"""The trailing options object."""

import types

import pytest

from perdure.runtime.compat.js.containers import Map
from perdure.runtime.compat.js.options import options_of
from perdure.runtime.compat.js.proxies import jsnull
from perdure.runtime.compat.js.pyproxies import PyProxy
from perdure.runtime.compat.js.values import JsDict


@pytest.mark.parametrize(
    "given",
    [
        {"status": 5, "none": None},
        JsDict(status=5),
        Map([["status", 5]]),
        PyProxy({"status": 5}),
        types.SimpleNamespace(status=5, other=6),
    ],
)
def test_options_come_in_all_forms(given: object) -> None:
    assert options_of(given, {}, ("status", "headers")) == {"status": 5}


def test_keyword_arguments_win_and_nothing_is_nothing() -> None:
    assert options_of({"a": 1}, {"a": 2, "b": jsnull}, ()) == {"a": 2}
    assert options_of(None, {}, ("a",)) == options_of(jsnull, {}, ("a",)) == {}
