"""What ``env`` gives, and what it says when it has nothing to give."""

import pytest

from perdure.runtime.host.bindings import Env


def test_bindings_and_vars_are_attributes() -> None:
    room = object()
    env = Env({"ROOM": room, "GREETING": "hello", "LIMIT": 3})
    assert env.ROOM is room
    assert (env.GREETING, env.LIMIT) == ("hello", 3)
    assert dir(env) == ["GREETING", "LIMIT", "ROOM"]
    assert "ROOM" in env
    assert "HALL" not in env


def test_a_missing_name_is_an_attribute_error_with_the_likely_one() -> None:
    env = Env({"GREETING": "hello"})
    with pytest.raises(AttributeError, match=r"env has no GRETING.*did you mean env\.GREETING\?"):
        env.GRETING
    with pytest.raises(AttributeError, match="no binding or var of the configuration has this"):
        env.SOMETHING_ELSE
    assert getattr(env, "SOMETHING_ELSE", None) is None


def test_a_table_is_handed_out_as_a_copy() -> None:
    env = Env({"SETTINGS": {"colours": ["red"]}, "NAMES": ["a"]})
    env.SETTINGS["colours"].append("blue")
    env.NAMES.append("b")
    assert env.SETTINGS == {"colours": ["red"]}
    assert env.NAMES == ["a"]


def test_env_is_read_only_for_programs() -> None:
    env = Env({})
    with pytest.raises(AttributeError, match=r"env is read-only; env\.ROOM comes from the conf"):
        env.ROOM = 1


def test_the_runtime_fills_it_after_the_namespaces_are_made() -> None:
    env = Env({"GREETING": "hello"})
    env.fill({"GREETING": "hello", "ROOM": 1})
    assert env.ROOM == 1
    assert repr(env) == "<Env GREETING, ROOM>"
    assert repr(Env({})) == "<Env empty>"
