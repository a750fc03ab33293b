"""All actors of one class, as a binding."""

from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.ids import InvalidActorId
from perdure.actors.namespace import DurableObjectNamespace
from tests.world import World


class Room(DurableObject):
    def whoami(self) -> list[Any]:
        return [str(self.ctx.id), self.ctx.id.name]


class Hall(DurableObject):
    """Of another namespace."""


@pytest.fixture
async def rooms(world: World) -> DurableObjectNamespace:
    return world.namespace(Room)


async def test_a_name_leads_to_the_same_actor_however_it_is_called(
    rooms: DurableObjectNamespace,
) -> None:
    by_name = await rooms.get_by_name("42").whoami()
    by_id = await rooms.get(rooms.id_from_name("42")).whoami()
    by_text = await rooms.get(rooms.id_from_string(by_name[0])).whoami()
    assert by_name == by_id == by_text == [str(rooms.id_from_name("42")), "42"]


async def test_two_names_are_two_actors(rooms: DurableObjectNamespace) -> None:
    one, other = [await rooms.get_by_name(name).whoami() for name in ("one", "other")]
    assert one[0] != other[0]
    assert (one[1], other[1]) == ("one", "other")


async def test_an_actor_without_a_name_has_none(rooms: DurableObjectNamespace) -> None:
    actor_id = rooms.new_unique_id()
    assert await rooms.get(actor_id).whoami() == [str(actor_id), None]
    assert rooms.new_unique_id() != actor_id


async def test_ids_of_other_namespaces_are_refused(
    world: World, rooms: DurableObjectNamespace
) -> None:
    foreign = world.namespace(Hall).id_from_name("42")
    with pytest.raises(InvalidActorId, match="not valid for this namespace"):
        rooms.get(foreign)
    with pytest.raises(InvalidActorId, match="not valid for this namespace"):
        rooms.id_from_string(str(foreign))
    with pytest.raises(InvalidActorId, match="must be 64 hex digits"):
        rooms.id_from_string("42")


@pytest.mark.parametrize("wrong", ["42", b"x" * 32, None, 5])
async def test_what_is_no_id_is_refused_with_a_hint(
    rooms: DurableObjectNamespace, wrong: Any
) -> None:
    with pytest.raises(InvalidActorId, match=type(wrong).__name__) as refused:
        rooms.get(wrong)
    assert "parameter 1 is not of type 'DurableObjectId'" in str(refused.value)
    assert "id_from_string()" in str(refused.value)


async def test_a_namespace_shows_its_binding(rooms: DurableObjectNamespace) -> None:
    assert repr(rooms) == "<DurableObjectNamespace ROOM>"
    assert rooms.binding == "ROOM"
