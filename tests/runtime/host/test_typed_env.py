"""The module that describes ``env``."""

from dataclasses import replace
from pathlib import Path
from typing import overload

from perdure import DurableObject
from perdure.runtime.config.model import (
    AssetsConfig,
    DurableObjectBinding,
    ServiceBinding,
    UnservedBinding,
)
from perdure.runtime.host.typed_env import methods_of, typed_env, unnameable
from perdure.runtime.sandbox.sandbox import Sandbox
from tests.serving import Serving


class Base(DurableObject):
    async def leave(self) -> None: ...
    def _hidden(self) -> None: ...


class Room(Base):
    LIMIT = 5

    async def fetch(self, request: object) -> None: ...
    async def alarm(self) -> None: ...
    async def join(self, name: str) -> int:
        return len(name)

    @staticmethod
    def version() -> int:
        return 1


def test_methods_are_those_that_can_be_called() -> None:
    assert methods_of(Room) == ["leave", "join", "version"]
    assert methods_of(DurableObject) == []


def test_calls_of_perdures_own_classes_are_not_the_programs() -> None:
    class Box(Sandbox):
        def size(self) -> int:
            return 0

    assert methods_of(Box) == ["size"]
    assert methods_of(Sandbox) == []


class Store(DurableObject):
    @overload
    def find(self, key: str) -> str: ...
    @overload
    def find(self, key: int) -> int: ...
    def find(self, key: str | int) -> str | int:
        return key


def test_overloaded_methods_are_not_given_one_form_for_all(tmp_path: Path) -> None:
    text = typed_env(Serving(tmp_path).write("", objects=["Store"]), {"Store": Store})
    assert "        find: Any  # overloaded" in text
    assert "import TYPE_CHECKING, Any" in text
    assert "remote" not in text
    assert "import Store" not in text


def test_the_text_names_bindings_vars_and_methods(tmp_path: Path) -> None:
    values = {"GREETING": "hi", "LIMITS": {"a": 1}, "ON": True, "class": "no"}
    config = replace(Serving(tmp_path).write("", objects=["Room"]), vars=values)
    assert (
        typed_env(config, {"Room": Room})
        == f'''\
"""What env has, for type checkers. Written by `perdure types`, which writes it anew."""

from typing import TYPE_CHECKING, Any

from perdure import DurableObjectNamespace, DurableObjectStub

if TYPE_CHECKING:
    from perdure.actors.typed_stub import remote, remote_function

    from {__name__} import Room

    class RoomStub(DurableObjectStub):
        """Calls one Room."""

        leave = remote(Room.leave)
        join = remote(Room.join)
        version = remote_function(Room.version)


class Env:
    """The bindings and vars of this Worker."""

    ROOM: "DurableObjectNamespace[RoomStub]"
    GREETING: str
    LIMITS: dict[str, Any]
    ON: bool
'''
    )
    assert unnameable(config) == ["class"]


def test_a_worker_without_anything_has_an_empty_env(tmp_path: Path) -> None:
    config = replace(Serving(tmp_path).write(""), bindings=())
    text = typed_env(config, {})
    assert "import" not in text
    assert text.endswith('"""The bindings and vars of this Worker."""\n')


def test_what_leads_to_other_workers_has_the_types_that_are_known(tmp_path: Path) -> None:
    config = replace(
        Serving(tmp_path).write(""),
        bindings=[DurableObjectBinding("HALL", "Hall", "hall")],
        services=[ServiceBinding("MATH", "math"), ServiceBinding("no-name", "math")],
        unserved=[UnservedBinding("BUCKET", "r2_buckets", "R2 bucket")],
        assets=AssetsConfig(tmp_path, binding="FILES"),
    )
    assert (
        typed_env(config, {})
        == '''\
"""What env has, for type checkers. Written by `perdure types`, which writes it anew."""

from typing import Any

from perdure import DurableObjectNamespace, ServiceStub


class Env:
    """The bindings and vars of this Worker."""

    HALL: DurableObjectNamespace
    MATH: ServiceStub
    FILES: ServiceStub
    BUCKET: Any
'''
    )
    assert unnameable(config) == ["no-name"]
    unnamed = replace(config, assets=AssetsConfig(tmp_path, binding="no-files"))
    assert "no-files" not in typed_env(unnamed, {})
    assert unnameable(unnamed) == ["no-name", "no-files"]
    assert "ServiceStub" not in typed_env(
        replace(config, services=[], assets=AssetsConfig(tmp_path)), {}
    )
