"""How values leave an actor."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.headers import Headers
from perdure.actors.http import Response
from perdure.actors.http_errors import BodyAlreadyUsed
from perdure.actors.packing import discard, pack, pack_call
from perdure.actors.parcel import Parcel
from perdure.actors.pipe import Pipe
from perdure.actors.rpc_stub import unpack
from perdure.storage.errors import LimitExceeded, ValueNotSerializable
from perdure.storage.values import decode
from tests.world import World, turns


def test_a_plain_value_is_its_bytes() -> None:
    packed = pack({"x": (1, 2)}, "it", None)
    assert isinstance(packed, bytes)
    assert decode(packed) == {"x": (1, 2)}


def test_headers_and_exceptions_need_nobody() -> None:
    headers, error = unpack(pack([Headers({"a": "b"}), KeyError("k")], "it", None), None)
    assert headers["A"] == "b"
    assert (type(error), error.args) == (KeyError, ("k",))


@pytest.mark.parametrize("value", [object(), len, lambda: 1, {1: object()}, {len: 1}])
def test_what_cannot_be_sent_outside_of_a_handler_is_refused(value: Any) -> None:
    with pytest.raises(ValueNotSerializable, match="argument 1 of m"):
        pack_call([value], {}, "m", 1000)


async def test_what_is_refused_in_the_end_leaves_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    closed: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"chunk"
        finally:
            closed.append("closed")

    async def script(lab: Any) -> None:
        used = Response(b"x")
        await used.bytes()
        stream = chunks()
        with pytest.raises(BodyAlreadyUsed):
            pack([stream, lambda: 1, used], "it", lab.ctx._actor)  # what handlers do
        with pytest.raises(LimitExceeded):
            pack([chunks(), bytes(1000)], "it", lab.ctx._actor, 100)  # likewise

    await world.inside(script)
    await turns()
    assert not world.actor().tasks
    assert not world.actor().targets
    world.close()


async def test_what_nobody_opens_is_let_go_of(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"chunk"

    packed = await world.inside(lambda lab: pack([chunks()], "it", lab.ctx._actor))  # likewise
    assert isinstance(packed, Parcel)
    assert isinstance(packed.items[0], Pipe)
    await turns()
    discard(packed)
    discard(b"plain")
    await turns()
    assert not world.actor().tasks
    world.close()
