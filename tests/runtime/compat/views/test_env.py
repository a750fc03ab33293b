"""``env`` in the platform's spelling."""

from typing import Any

import pytest

from perdure.runtime.compat.js.objects import Object
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.views.env import EnvView, bind, patched
from perdure.runtime.compat.views.namespaces import NamespaceView
from tests.world import World


async def test_bindings_and_vars_are_attributes(workers: World) -> None:
    def script(lab: Any) -> None:
        assert isinstance(lab.env.LAB, NamespaceView)
        assert lab.env.LAB is lab.env.LAB
        assert lab.env.GREETING == "hello"
        assert lab.env.JSON.list[1].a == 2
        assert lab.env.JSON.to_py() == {"list": [1, {"a": 2}]}
        assert getattr(lab.env, "NOTHING", None) is None
        assert "GREETING" in dir(lab.env)
        assert "GREETING" in repr(lab.env)

    await workers.inside(script)


async def test_object_keys_are_bindings_and_vars(workers: World) -> None:
    def script(lab: Any) -> None:
        assert lab.env.LAB is not None  # a view that is kept from now on
        assert sorted(Object.keys(lab.env)) == ["GREETING", "JSON", "LAB"]
        assert ["LAB", lab.env.LAB] in Object.entries(lab.env)

    await workers.inside(script)


def test_before_it_is_filled_it_says_what_is_missing() -> None:
    with pytest.raises(AttributeError, match="env has no ROOM"):
        EnvView().ROOM


def test_before_it_is_filled_vars_are_there() -> None:
    env = EnvView({"GREETING": "hello", "JSON": {"a": [1]}})
    assert (env.GREETING, env.JSON.a) == ("hello", [1])


async def test_before_it_is_filled_a_binding_can_be_kept_and_not_be_used(workers: World) -> None:
    env = EnvView({"GREETING": "hello"}, early={"LAB": NamespaceView})
    kept = env.LAB
    assert isinstance(kept, NamespaceView)
    assert env.LAB is kept
    assert "LAB" in dir(env)
    assert repr(kept)
    with pytest.raises(JsException, match="Disallowed operation called within global scope"):
        kept.idFromName("a")

    def script(lab: Any) -> None:
        bind(env, lab.env._native)
        assert kept.idFromName("a") == lab.env.LAB.idFromName("a")
        assert env.LAB is kept
        assert kept.native is lab.env.LAB.native

    await workers.inside(script)


async def test_it_is_read_only(workers: World) -> None:
    def script(lab: Any) -> None:
        with pytest.raises(AttributeError, match="env is read-only"):
            lab.env.GREETING = "x"

    await workers.inside(script)


async def test_entries_can_be_replaced_for_a_while(workers: World) -> None:
    def script(lab: Any) -> None:
        env = lab.env
        before = env.LAB
        with patched(env, {"LAB": "another"}, EXTRA=1):
            assert (env.LAB, env.EXTRA, env.GREETING) == ("another", 1, "hello")
            with patched(env, EXTRA=2):
                assert (env.LAB, env.EXTRA) == ("another", 2)
            assert env.EXTRA == 1
        with patched(env, [("LAB", "a pair")]):
            assert env.LAB == "a pair"
        assert env.LAB is before
        assert not hasattr(env, "EXTRA")

    await workers.inside(script)
