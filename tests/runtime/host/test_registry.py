"""One live actor for each id, and none whose file is damaged."""

import asyncio
from pathlib import Path

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorQuarantined
from perdure.storage.errors import DatabaseFailed, StorageError
from perdure.storage.marks import Marks
from tests.runtime.host.counter import Counter
from tests.world import World


async def test_racing_first_calls_make_one_instance(world: World) -> None:
    Counter.made = 0
    results = await asyncio.gather(*[world.stub(Counter).increment() for _ in range(1000)])
    assert sorted(results) == list(range(1, 1001))
    assert Counter.made == 1
    assert world.live(Counter) == 1


def damage(world: World, name: str = "one") -> Path:
    """Have the actor leave memory, and its file's header overwritten."""
    stub = world.stub(Counter, name)
    world.clock.advance(20)
    path = world.layout.actor_file(stub.id.unique_key, stub.id.raw)
    path.write_bytes(b"garbage" * 1000)
    return path


async def test_an_actor_whose_file_is_damaged_is_served_no_more_and_others_are(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.stub(Counter).increment()
    await world.stub(Counter, "two").increment()
    path = damage(world)
    with pytest.raises(ActorQuarantined) as caught:
        await world.stub(Counter).increment()
    assert (caught.value.name, caught.value.since_ms) == ("one", world.clock.time_ms())
    assert "SQLITE_NOTADB" in caught.value.problem
    assert caught.value.unique_key == "test-Counter"
    assert [r.message for r in caplog.records if r.message == "actor.quarantined"]
    assert world.live(Counter) == 0
    path.unlink()  # so that who looks would find nothing, and begin a new one
    with pytest.raises(ActorQuarantined, match="SQLITE_NOTADB"):
        await world.stub(Counter).increment()
    assert not path.exists()
    assert await world.stub(Counter, "two").increment() == 2


async def test_a_quarantine_outlives_the_process_and_ends_when_it_is_cleared(
    world: World, tmp_path: Path
) -> None:
    await world.stub(Counter).increment()
    path = damage(world)
    good = world.layout.actor_file("test-Counter", world.stub(Counter, "two").id.raw)
    await world.stub(Counter, "two").increment()
    with pytest.raises(ActorQuarantined):
        await world.stub(Counter).increment()
    world.close()
    path.write_bytes(good.read_bytes())  # nobody looks, and whose it is nobody knows
    later = World(tmp_path)
    with pytest.raises(ActorQuarantined):
        await later.stub(Counter).increment()
    later.host.marks.clear("quarantine", "test-Counter", later.stub(Counter).id.raw)
    assert await later.stub(Counter).increment() == 2
    later.close()


async def test_damage_met_in_the_middle_of_a_turn_puts_all_its_callers_off(world: World) -> None:
    class Wide(DurableObject):
        async def fill(self) -> None:
            self.ctx.storage.sql.exec("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)")
            for n in range(100):
                self.ctx.storage.sql.exec("INSERT INTO t VALUES (?, ?)", n, "x" * 1000)

        async def read(self) -> str:
            try:
                return str(self.ctx.storage.sql.exec("SELECT count(text) FROM t").to_array())
            except Exception:
                return "caught"

    await world.stub(Wide).fill()
    world.clock.advance(20)
    path = world.layout.actor_file("test-Wide", world.stub(Wide).id.raw)
    data = bytearray(path.read_bytes())
    data[5 * 4096 : 20 * 4096] = b"\xff" * 15 * 4096
    path.write_bytes(data)
    stub = world.stub(Wide)
    results = await asyncio.gather(stub.read(), stub.read(), return_exceptions=True)
    assert [type(result) for result in results] == [ActorQuarantined] * 2
    assert "SQLITE_CORRUPT" in str(results[0])


async def test_a_full_disk_is_no_damage(world: World) -> None:
    actor_error = DatabaseFailed(Path("x"), "the disk is full", code="SQLITE_FULL")
    await world.stub(Counter).increment()
    world.actor(Counter).break_(actor_error)
    assert await world.stub(Counter).increment() == 2
    assert not world.host.marks.of_kind("quarantine")


async def test_a_quarantine_that_cannot_be_recorded_still_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.stub(Counter).increment()
    damage(world)

    def fails(*_: object) -> None:
        raise StorageError(Path("marks"), "cannot be changed: No space left on device")

    monkeypatch.setattr(Marks, "set", fails)
    for _ in range(2):  # the second event meets the damage again
        with pytest.raises(ActorQuarantined) as caught:
            await world.stub(Counter).increment()
        assert any("No space left on device" in note for note in caught.value.__notes__)
