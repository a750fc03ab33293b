"""Which namespace and which actor is meant, and what is told when there is none."""

import pytest

from perdure.runtime.host.operations.errors import (
    AmbiguousNamespace,
    NoSuchActor,
    NoSuchNamespace,
    OperatorError,
)
from perdure.runtime.host.operations.naming import (
    actor_files,
    address,
    existing,
    find_namespace,
    namespaces_of,
)
from perdure.storage.catalog import Catalog, CatalogStep, Change, CreateNamespace, DeleteNamespace
from tests.town import KEY, Town


async def add(town: Town, worker: str, *changes: Change) -> None:
    async with await Catalog.open(town.house.layout.catalog_file) as catalog:
        tag = str(len(await catalog.applied_tags(worker)))
        await catalog.apply(CatalogStep(worker, f"t{tag}", 1, changes))


@pytest.mark.parametrize("text", ["Room", "ROOM", KEY])
async def test_a_namespace_is_a_class_a_binding_or_a_key(town: Town, text: str) -> None:
    assert (await find_namespace(town.house, text)).unique_key == KEY


async def test_of_two_classes_of_one_name_a_key_or_a_binding_tells(town: Town) -> None:
    await add(town, "other", CreateNamespace("other-Room", "Room", "sqlite"))
    with pytest.raises(AmbiguousNamespace) as raised:
        await find_namespace(town.house, "Room")
    assert raised.value.unique_keys == [KEY, "other-Room"]
    assert (await find_namespace(town.house, "other-Room")).worker == "other"
    assert (await find_namespace(town.house, "ROOM")).unique_key == KEY


async def test_a_slip_is_told_what_was_meant(town: Town) -> None:
    with pytest.raises(NoSuchNamespace) as raised:
        await find_namespace(town.house, "Romm")
    assert raised.value.hint == 'Did you mean "Room"?'
    with pytest.raises(NoSuchNamespace) as raised:
        await find_namespace(town.house, "Xyz")
    assert raised.value.hint == "There are: ROOM, Room."


async def test_a_namespace_that_was_deleted_is_none(town: Town) -> None:
    await add(town, "app", CreateNamespace("app-Old", "Old", "sqlite"))
    await add(town, "app", DeleteNamespace("app-Old"))
    assert [record.unique_key for record in await namespaces_of(town.house)] == [KEY]


async def test_an_actor_is_named_by_its_name_its_id_or_the_first_digits(town: Town) -> None:
    await town.room().put(a=1)
    text = str(town.id_of())
    by_name = await existing(town.house, "Room", "lobby", None)
    assert by_name.text == "Room lobby"
    for digits in (text, text.upper(), text[:4]):
        found = await existing(town.house, "Room", None, digits)
        assert found.id == by_name.id
        assert found.text == f"Room {text}"


async def test_digits_of_several_ids_are_too_few(town: Town) -> None:
    await town.room().put(a=1)
    path = town.house.layout.actor_file(KEY, town.id_of().raw)
    path.with_name(f"{path.stem[:10]}{'0' * 54}.db").touch()
    with pytest.raises(OperatorError, match="2 ids of Room begin with"):
        await address(town.house, "Room", None, path.stem[:6])


async def test_an_id_of_another_namespace_is_refused(town: Town) -> None:
    with pytest.raises(OperatorError, match="not valid for this namespace"):
        await address(town.house, "Room", None, "0" * 64)
    with pytest.raises(OperatorError, match="must be 64 hex digits"):
        await address(town.house, "Room", None, "xyz")
    with pytest.raises(OperatorError, match="by its name or by its id"):
        await address(town.house, "Room", "lobby", "0" * 64)


async def test_an_actor_that_stored_nothing_is_none_and_a_similar_one_is_named(town: Town) -> None:
    await town.room("lobby").put(a=1)
    town.evict()
    with pytest.raises(NoSuchActor, match='Room "loby" has nothing stored') as raised:
        await existing(town.house, "Room", "loby", None)
    assert raised.value.hint == 'Did you mean "lobby"?'
    assert not town.house.layout.actor_file(KEY, town.id_of("loby").raw).exists()
    with pytest.raises(NoSuchActor) as raised:
        await existing(town.house, "Room", "xyz", None)
    assert raised.value.hint == "perdure actors list Room shows those that have"


async def test_the_beginning_of_an_actor_that_was_never_committed_is_none(town: Town) -> None:
    path = town.house.layout.actor_file(KEY, town.id_of().raw)
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(NoSuchActor):
        await existing(town.house, "Room", "lobby", None)


async def test_files_come_in_the_order_of_ids_and_after_a_given_one(town: Town) -> None:
    assert list(actor_files(town.house.layout, "nowhere")) == []
    for number in range(20):
        await town.room(f"room {number}").put(a=1)
    stems = [path.stem for path in actor_files(town.house.layout, KEY)]
    assert stems == sorted(stems)
    assert len(stems) == 20
    after = [path.stem for path in actor_files(town.house.layout, KEY, stems[7])]
    assert after == stems[8:]
