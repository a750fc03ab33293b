"""Each operation gives what one process gives, with actors of two workers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.control.desk import Desk
from perdure.runtime.control.protocol import OperationFailed, failure_of
from perdure.runtime.host.operations import table
from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.host.operations.house import Values
from perdure.runtime.shards.operations import ways
from perdure.runtime.shards.operations.houses import Houses
from perdure.runtime.shards.operations.lines import Lines
from perdure.runtime.shards.placement import Placement
from perdure.storage.errors import PerdureError
from perdure.storage.layout import Layout
from tests.runtime.shards.operations.crew import nothing, worker
from tests.runtime.shards.operations.twins import Twins
from tests.town import KEY, Listener, Town

NAMES = ["lobby", "attic", "cellar", "hall", "kitchen", "porch"]
# What no two directories have alike.
VOLATILE = frozenset(
    {"written_ms", "duration_ms", "bookmark", "undo", "current", "path", "records"}
)


@pytest.fixture
async def twins(tmp_path: Path) -> AsyncIterator[Twins]:
    async with Twins(tmp_path / "twins") as twins:
        yield twins


def plain(value: Any) -> Any:
    """Without what differs from directory to directory."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in VOLATILE}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


async def fill(somewhere: Town | Twins) -> None:
    for number, name in enumerate(NAMES):
        await somewhere.room(name).put(number=number)
        await somewhere.room(name).sql("CREATE TABLE visits (who)")
        await somewhere.room(name).set_alarm(4_000_000_000_000 + number)


async def answer(somewhere: Town | Twins, operation: str, arguments: Values) -> list[Any]:
    """All that whoever asks is told in the end."""
    listener = Listener()
    try:
        if isinstance(somewhere, Town):
            result = await table.run(somewhere.house, operation, arguments, listener)
        else:
            result = await somewhere.ask(operation, listener, **arguments)
    except PerdureError as error:
        failure = failure_of(error)
        return [failure.kind, failure.message, failure.hint, failure.is_usage]
    return [plain(listener.items), plain(result)]


def about(name: str, **others: Any) -> Values:
    return {"namespace": "Room", "name": name, **others}


EACH: Sequence[tuple[str, Values]] = (
    ("show", {}),
    ("sql", {"query": "SELECT * FROM visits"}),
    ("sql", {"query": "INSERT INTO visits VALUES ('me') RETURNING who", "write": True}),
    ("sql", {"query": "DELETE FROM visits"}),
    ("bookmarks", {}),
    ("preview", {"time_ms": 1}),
    ("delete", {}),
    ("bring-back", {}),
    ("restore", {"bookmark": "nonsense"}),
)


async def test_operations_on_one_actor_are_done_by_its_worker(twins: Twins, tmp_path: Path) -> None:
    assert {twins.slot_of(name) for name in NAMES} == {"0", "1"}
    async with Town(tmp_path / "town") as town:
        for place in (town, twins):
            await fill(place)
        for operation, arguments in EACH:
            for name in (*NAMES[:4], "nobody"):
                asked = about(name, **arguments)
                alone = await answer(town, operation, asked)
                together = await answer(twins, operation, asked)
                told = str(together).replace(str(twins.root), str(town.root))
                assert told == str(alone), (operation, name)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"limit": 3},
        {"limit": len(NAMES)},
        {"match": "*a*"},
        {"namespace": "ROOM", "after": "6" * 64},
        {"namespace": "Romm"},
    ],
)
async def test_lists_are_those_of_one_process(
    twins: Twins, tmp_path: Path, arguments: Values
) -> None:
    async with Town(tmp_path / "town") as town:
        for place in (town, twins):
            await fill(place)
        alone = await answer(town, "list", arguments)
        together = await answer(twins, "list", arguments)
        assert str(together).replace(str(twins.root), str(town.root)) == str(alone)


async def test_what_all_share_is_told_once(twins: Twins, tmp_path: Path) -> None:
    async with Town(tmp_path / "town") as town:
        for place in (town, twins):
            await fill(place)
            for name in NAMES[:4]:
                await place.ask("delete", **about(name))
        deleted = [await answer(place, "deleted", {"namespace": "Room"}) for place in (town, twins)]
        assert [{item["name"] for item in one[0]} for one in deleted] == [set(NAMES[:4])] * 2
        assert deleted[0][1] == deleted[1][1] == {"count": 4}
        verified = [await answer(place, "verify", {}) for place in (town, twins)]
        assert verified[0] == verified[1]
        assert verified[1][1]["actors"] == 2


@pytest.mark.parametrize("name", NAMES[:4])
async def test_a_copy_goes_to_whatever_worker_has_its_name(twins: Twins, name: str) -> None:
    await fill(twins)
    for number in range(6):
        copy = f"copy {number}"
        made = await twins.ask("fork", namespace="Room", name=name, to=copy, with_alarm=True)
        assert (made["name"], made["undo"]) == (copy, None)
        assert await twins.room(copy).get("number") == NAMES.index(name)
        owner = twins.towns[twins.slot_of(copy)]
        assert owner.house.times.get(KEY, owner.id_of(copy).raw) is not None
    assert {twins.slot_of(f"copy {number}") for number in range(6)} == {"0", "1"}
    with pytest.raises(OperationFailed, match="exists already"):
        await twins.ask("fork", namespace="Room", name=name, to="copy 0")
    assert list((twins.root / "drafts").glob("*.draft")) == []


async def test_export_and_import_pass_between_workers(twins: Twins, tmp_path: Path) -> None:
    await fill(twins)
    for name in NAMES[:4]:
        file = tmp_path / f"{name}.sqlite"
        exported = await twins.ask("export", namespace="Room", name=name, target=str(file))
        assert exported["size_bytes"] == file.stat().st_size
        await twins.ask("import", namespace="Room", name=f"{name} again", source=str(file))
        assert await twins.room(f"{name} again").get("number") == NAMES.index(name)


async def test_an_actor_is_restored_and_may_be_had_back(twins: Twins) -> None:
    for name in NAMES[:4]:
        await twins.room(name).put(state="old")
        [last] = await twins.items("bookmarks", namespace="Room", name=name, limit=1)
        await twins.room(name).put(state="new")
        arguments = about(name, bookmark=last["bookmark"])
        done = await twins.ask("restore", **arguments)
        assert await twins.room(name).get("state") == "old"
        await twins.ask("restore", **about(name, bookmark=done["undo"]))
        assert await twins.room(name).get("state") == "new"


async def test_damage_of_any_workers_actor_is_found(twins: Twins) -> None:
    await fill(twins)
    marked = [NAMES[0], next(n for n in NAMES if twins.slot_of(n) != twins.slot_of(NAMES[0]))]
    for name in marked:
        town = twins.towns[twins.slot_of(name)]
        town.store.marks.set("quarantine", KEY, town.id_of(name).raw, {"problem": "damaged"})
    listener = Listener()
    result = await twins.ask("verify", listener)
    assert [item["kind"] for item in listener.items] == ["quarantine"] * 2
    assert result["findings"] == 2
    listener = Listener()
    assert (await twins.ask("verify", listener, limit=1))["findings"] == 2
    assert len(listener.items) == 1


async def test_the_doctor_looks_at_all_workers(twins: Twins) -> None:
    findings = {item["name"]: item for item in await twins.items("doctor")}
    assert "fsync" in findings
    assert findings["storage 0"]["state"] == findings["storage 1"]["state"] == "ok"
    await twins.crew.end(worker("1"))
    listener = Listener()
    result = await twins.ask("doctor", listener)
    [away] = [item for item in listener.items if item["name"] == "storage 1"]
    assert (away["state"], result["bad"]) == ("bad", 1)


async def test_an_actor_that_has_changed_hands_is_looked_for_again(twins: Twins) -> None:
    await twins.room("lobby").put(a=1)
    right = twins.placement
    wrong = Placement(tuple(slot for slot in right.slots if slot != twins.slot_of("lobby")))
    twins.houses.placement = wrong
    asking = asyncio.ensure_future(twins.ask("show", **about("lobby")))
    await asyncio.sleep(0)
    assert not asking.done()
    twins.houses.placement = right
    assert (await asking)["keys"] == 1


async def test_what_is_no_operation_is_refused(tmp_path: Path) -> None:
    houses = Houses(Layout(tmp_path), {}, Placement.of_count(2), Lines())
    with pytest.raises(OperatorError, match='no operation "dance"'):
        await ways.run(houses, "dance", {}, Listener())
    with pytest.raises(OperatorError, match="does not take that"):
        await ways.run(houses, "show", {"colour": "red"}, Listener())


async def test_a_successor_does_what_its_predecessor_could_not(twins: Twins) -> None:
    slot = twins.slot_of("lobby")
    await twins.crew.end(worker(slot))
    asking = asyncio.ensure_future(twins.ask("show", **about("lobby")))
    await asyncio.sleep(0)
    await twins.crew.serve(worker(slot), Desk(nothing))
    assert await asking == {"did": "show"}
