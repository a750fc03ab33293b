"""The catalog: each step wholly or not at all, each tag once, deletion in three moves."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.storage.catalog import (
    Catalog,
    CatalogStep,
    Change,
    CreateNamespace,
    DeleteNamespace,
    NamespaceRecord,
    RenameNamespace,
    TransferNamespace,
)
from perdure.storage.errors import InternalError, StorageError, UnknownFormat

ROOM = CreateNamespace("app-Room", "Room", "sqlite")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


@pytest.fixture
async def catalog(path: Path) -> AsyncIterator[Catalog]:
    async with await Catalog.open(path) as catalog:
        yield catalog


def step(tag: str, *changes: Change, worker: str = "app") -> CatalogStep:
    return CatalogStep(worker, tag, 1000 + int(tag[1:]), changes)


async def classes(catalog: Catalog, worker: str | None = None) -> dict[str, tuple[str, str, str]]:
    return {
        record.unique_key: (record.worker, record.class_name, record.state)
        for record in await catalog.namespaces(worker)
    }


async def test_a_new_catalog_is_empty(catalog: Catalog) -> None:
    assert await catalog.worker_names() == []
    assert await catalog.namespaces() == []
    assert await catalog.applied_tags("app") == []


async def test_workers_are_remembered_once(catalog: Catalog) -> None:
    for name in ("b", "a", "b"):
        await catalog.record_worker(name)
    assert await catalog.worker_names() == ["a", "b"]


async def test_a_step_records_its_tag_with_its_changes(catalog: Catalog) -> None:
    await catalog.apply(step("v1", ROOM, CreateNamespace("app-Old", "Old", "kv")))
    assert await catalog.namespaces("app") == [
        NamespaceRecord("app-Old", "app", "Old", "kv", "live", 1001),
        NamespaceRecord("app-Room", "app", "Room", "sqlite", "live", 1001),
    ]
    assert await catalog.namespaces("other") == []
    assert await catalog.worker_names() == ["app"]
    await catalog.apply(step("v10"))
    await catalog.apply(step("v2"))
    assert await catalog.applied_tags("app") == ["v1", "v10", "v2"]  # as applied, not as sorted
    assert await catalog.applied_tags("other") == []


async def test_a_tag_is_applied_once(catalog: Catalog) -> None:
    await catalog.apply(step("v1", ROOM))
    with pytest.raises(InternalError, match="applied already"):
        await catalog.apply(step("v1"))
    await catalog.apply(step("v1", worker="other"))


async def test_a_renamed_class_keeps_its_key(catalog: Catalog) -> None:
    await catalog.apply(step("v1", ROOM))
    await catalog.apply(step("v2", RenameNamespace("app-Room", "Hall")))
    assert await classes(catalog) == {"app-Room": ("app", "Hall", "live")}
    # Its old name is free for a new class, under another key.
    await catalog.apply(step("v3", CreateNamespace("app-Room-2", "Room", "sqlite")))
    assert (await classes(catalog))["app-Room-2"] == ("app", "Room", "live")


async def test_two_classes_may_swap_their_names_in_one_step(catalog: Catalog) -> None:
    await catalog.apply(step("v1", ROOM, CreateNamespace("app-Hall", "Hall", "sqlite")))
    swap = (RenameNamespace("app-Room", "Hall"), RenameNamespace("app-Hall", "Room"))
    await catalog.apply(step("v2", *swap))
    assert await classes(catalog) == {
        "app-Room": ("app", "Hall", "live"),
        "app-Hall": ("app", "Room", "live"),
    }


async def test_a_transferred_class_belongs_to_the_step_s_worker(catalog: Catalog) -> None:
    await catalog.apply(step("v1", ROOM))
    await catalog.apply(step("v1", TransferNamespace("app-Room", "Lobby"), worker="other"))
    assert await classes(catalog) == {"app-Room": ("other", "Lobby", "live")}
    assert await classes(catalog, "app") == {}
    assert await catalog.worker_names() == ["app", "other"]


async def test_a_deletion_is_three_moves_and_each_may_be_repeated(catalog: Catalog) -> None:
    await catalog.apply(step("v1", ROOM))
    with pytest.raises(InternalError):
        await catalog.mark_deleted("app-Room")  # it lives
    await catalog.apply(step("v2", DeleteNamespace("app-Room")))
    assert await classes(catalog) == {"app-Room": ("app", "Room", "deleting")}
    with pytest.raises(InternalError):  # its files may still be there
        await catalog.apply(step("v3", ROOM))
    for _ in range(2):
        await catalog.mark_deleted("app-Room")
    assert await classes(catalog) == {"app-Room": ("app", "Room", "deleted")}
    await catalog.apply(step("v3", CreateNamespace("app-Room", "Room", "kv")))
    assert await catalog.namespaces() == [
        NamespaceRecord("app-Room", "app", "Room", "kv", "live", 1003)
    ]


@pytest.mark.parametrize(
    "change",
    [
        ROOM,
        CreateNamespace("app-Other", "Room", "sqlite"),
        CreateNamespace("app-Other", "Other", "cloud"),  # type: ignore[arg-type]
        RenameNamespace("app-Missing", "X"),
        RenameNamespace("other-Room", "X"),
        TransferNamespace("app-Missing", "X"),
        DeleteNamespace("app-Missing"),
        DeleteNamespace("other-Room"),
    ],
)
async def test_a_step_that_does_not_fit_changes_nothing(catalog: Catalog, change: Change) -> None:
    await catalog.apply(step("v1", ROOM))
    await catalog.apply(step("v1", CreateNamespace("other-Room", "Room", "kv"), worker="other"))
    before = await catalog.namespaces()
    with pytest.raises((InternalError, StorageError)):
        await catalog.apply(step("v2", CreateNamespace("app-Fine", "Fine", "kv"), change))
    assert await catalog.namespaces() == before
    assert await catalog.applied_tags("app") == ["v1"]
    await catalog.apply(step("v2"))


async def test_steps_at_the_same_time_take_turns(catalog: Catalog) -> None:
    steps = [step(f"v{n}", CreateNamespace(f"app-C{n}", f"C{n}", "kv")) for n in range(8)]
    await asyncio.gather(*map(catalog.apply, steps), catalog.record_worker("x"))
    assert len(await catalog.applied_tags("app")) == 8


@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_a_cancelled_step_is_done_or_not_and_leaves_no_transaction(
    catalog: Catalog, steps: int
) -> None:
    task = asyncio.create_task(catalog.apply(step("v1", ROOM)))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await catalog.apply(step("v2", CreateNamespace("app-Hall", "Hall", "kv")))
    tags, found = await catalog.applied_tags("app"), await classes(catalog)
    assert ("v1" in tags) == ("app-Room" in found)
    assert tags[-1] == "v2"


async def test_it_is_there_again_and_durable(catalog: Catalog, path: Path) -> None:
    await catalog.apply(step("v1", ROOM))
    assert await catalog._rows("PRAGMA synchronous") == [(2,)]  # FULL
    await catalog.close()
    await catalog.close()
    async with await Catalog.open(path) as again:
        assert await classes(again) == {"app-Room": ("app", "Room", "live")}


async def test_a_later_version_is_refused(path: Path) -> None:
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 9")
    later.close()
    with pytest.raises(UnknownFormat, match="has version 9; 1 is known"):
        await Catalog.open(path)


async def test_what_is_no_catalog(tmp_path: Path, path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StorageError, match="the catalog cannot be used: file is not a database"):
        await Catalog.open(path)
    with pytest.raises(StorageError, match="unable to open database file"):
        await Catalog.open(tmp_path / "missing" / "catalog.db")
