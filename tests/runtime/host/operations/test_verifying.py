"""A verification reads everything, and tells exactly what is damaged."""

from pathlib import Path

from tests.town import KEY, Town, slow_disk

NOTHING = {"limit": 1000}


async def test_a_directory_in_use_is_good(town: Town) -> None:
    await town.room("a").put(x=1)
    town.evict()
    await town.room("b").put(x="y" * 50_000)
    result = await town.ask("verify")
    assert result == {"records": 2, "archive_files": 0, "actors": 2, "findings": 0}
    assert not town.is_live("a")
    assert list(town.house.layout.drafts_dir.glob("*.draft")) == []


async def test_a_damaged_object_is_named_and_the_others_are_not(town: Town) -> None:
    for name in ("a", "b"):
        await town.room(name).put(x="y" * 50_000)
    town.evict()
    path = town.house.layout.actor_file(KEY, town.id_of("a").raw)
    data = bytearray(path.read_bytes())
    data[4096 : 4096 + 64] = b"x" * 64
    path.write_bytes(data)
    items = await town.items("verify")
    assert [(item["kind"], item["path"]) for item in items] == [("object", str(path))]
    assert items[0]["problem"]
    assert (await town.ask("verify"))["findings"] >= 1


async def test_what_is_in_the_log_and_not_in_the_file_is_no_damage(town: Town) -> None:
    await town.room("a").put(x=1)
    with slow_disk():
        actor = town.host.custody.find_actor(KEY, town.id_of("a").raw)
        assert actor is not None
        assert await town.items("verify") == []


async def test_a_damaged_log_and_a_damaged_archive_are_named(town: Town) -> None:
    for name in ("a", "b"):
        await town.room(name).put(x=1)
    (segment,) = town.house.layout.log_dir("0").glob("*.seg")
    good = segment.read_bytes()
    data = bytearray(good)
    data[8200] ^= 1
    segment.write_bytes(data)
    home = town.house.layout.archive_dir / "snapshots" / KEY / "x"
    home.mkdir(parents=True)
    (home / "bad.db").write_text("no database" * 1000)
    items = await town.items("verify")
    segment.write_bytes(good)
    assert [(item["kind"], Path(item["path"]).name) for item in items] == [
        ("log", segment.name),
        ("archive", "bad.db"),
    ]


async def test_no_more_findings_are_told_than_wanted_but_all_are_counted(town: Town) -> None:
    home = town.house.layout.archive_dir / "snapshots" / KEY / "x"
    home.mkdir(parents=True)
    for number in range(3):
        (home / f"{number}.db").write_text("no database" * 1000)
    assert len(await town.items("verify", limit=2)) == 2
    assert (await town.ask("verify", limit=2))["findings"] == 3


async def test_an_object_in_quarantine_is_told_of(town: Town) -> None:
    town.store.marks.set("quarantine", KEY, town.id_of("a").raw, {"problem": "damaged"})
    (item,) = await town.items("verify")
    assert item["kind"] == "quarantine"
