"""``Map`` and ``Set``."""

import pickle
import types

from perdure.runtime.compat.js.containers import Map, Set, pairs_of
from perdure.runtime.compat.js.proxies import jsnull
from perdure.runtime.compat.js.values import JsDict


def test_a_map_is_a_dict_too(js: types.ModuleType) -> None:
    seen = js.Map.new([["a", 1]])
    assert seen.set("b", 2) is seen
    assert (seen.get("a"), seen["a"], seen.get("x"), seen.size, len(seen)) == (1, 1, None, 2, 2)
    assert (seen.has("a"), seen.delete("a"), seen.delete("a"), seen.has("a")) == (
        True,
        True,
        False,
        False,
    )
    assert list(seen.entries()) == [["b", 2]]
    assert (list(seen), list(seen.keys()), list(seen.values())) == (["b"], ["b"], [2])
    assert seen.to_py() == {"b": 2}
    assert type(seen.to_py()) is dict
    assert seen.constructor.name == "Map"
    assert not hasattr(seen, "b"), "a Map's keys are no properties"
    assert seen.toString() == "[object Map]"
    assert pickle.loads(pickle.dumps(seen)) == seen
    calls: list[object] = []
    seen.forEach(lambda value, key, source: calls.append((value, key, source is seen)))
    assert calls == [(2, "b", True)]
    seen.clear()
    assert seen.size == 0


def test_to_py_goes_down_to_a_depth() -> None:
    nested = Map([["a", Map([["b", JsDict(c=1)]])]])
    plain = nested.to_py()
    assert type(plain["a"]) is dict
    assert type(plain["a"]["b"]) is dict
    assert type(nested.to_py(depth=1)["a"]) is Map


def test_a_set_is_a_set_too(js: types.ModuleType) -> None:
    seen = js.Set.new([1, 1])
    assert seen.add(2) is seen
    assert (seen.size, seen.has(2), 2 in seen) == (2, True, True)
    assert (seen.delete(1), seen.delete(1)) == (True, False)
    assert list(seen.values()) == list(seen.keys()) == [2]
    assert list(seen.entries()) == [[2, 2]]
    assert type(seen.to_py()) is set
    assert seen.toString() == "[object Set]"
    calls: list[object] = []
    seen.forEach(lambda item, again, source: calls.append((item, again)))
    assert calls == [(2, 2)]


def test_pairs_of_all_forms() -> None:
    assert list(pairs_of({"a": 1})) == list(pairs_of([("a", 1)])) == [("a", 1)]
    assert list(pairs_of(Map({"a": 1}))) == [("a", 1)]
    assert list(pairs_of(None)) == list(pairs_of(jsnull)) == []
    assert Set(None) == set()
