"""Stubs of what somebody has sent."""

from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import StubDisposed
from perdure.actors.packing import pack
from perdure.actors.parcel import Parcel
from perdure.actors.rpc_stub import RpcStub, peek, unpack
from perdure.actors.rpc_target import RpcTarget
from perdure.actors.scope import Scope
from perdure.storage.errors import ValueCorrupt
from perdure.storage.values import encode_lifting
from tests.world import World


class Counter(RpcTarget):
    def add(self, by: int) -> int:
        return by + 1


class Maker(DurableObject):
    def counter(self) -> Counter:
        return Counter()


async def test_with_disposes_of_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    with await world.stub(Maker).counter() as counter:
        assert repr(counter) == "<RpcStub>"
        assert await counter.add(1) == 2
    async with await world.stub(Maker).counter() as other:
        assert await other.add(2) == 3
    for stub in (counter, other):
        assert repr(stub) == "<RpcStub, disposed of>"
        with pytest.raises(StubDisposed, match="RPC stub used after being disposed"):
            stub.add(1)
    world.close()


async def test_a_value_is_opened_for_a_scope_and_can_be_looked_at_before(tmp_path: Path) -> None:
    world = World(tmp_path)
    packed = await world.inside(
        lambda lab: pack([Counter(), "x"], "it", lab.ctx._actor)
    )  # what handlers do
    looked_at, text = peek(packed)
    assert (type(looked_at), text) == (RpcStub, "x")
    scope = Scope()
    stub, _ = unpack(packed, scope)
    assert await stub.add(1) == 2
    scope.end()
    with pytest.raises(StubDisposed):
        stub.add(1)
    assert await looked_at.add(1) == 2, "another stub of the same"
    world.close()


@pytest.mark.parametrize("payload", [b"", b"i\0\0\0\7", b"?"])
def test_bytes_that_stand_for_nothing_are_damage(payload: bytes) -> None:
    data = encode_lifting([len], "it", lambda value: payload if value is len else None)
    with pytest.raises(ValueCorrupt):
        unpack(Parcel(data, []), None)


def test_names_that_are_private_are_refused_here() -> None:
    stub: Any = RpcStub.__new__(RpcStub)
    with pytest.raises(AttributeError, match="names with an underscore are private"):
        _ = stub._secret
