"""With little room left no new actor is begun, and those that have a file go on."""

import logging
import os
from pathlib import Path

import pytest

from perdure.storage.errors import SpaceLow
from perdure.storage.free_space import FreeSpace
from perdure.storage.kv import KeyValue
from tests.storage.logged import KEY, A, B, Bench, content, put

MIB = 2**20


class Disk:
    """A file system of a size and with room that a test chooses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.size = 100_000 * MIB
        self.free = self.size
        self.asked = 0
        monkeypatch.setattr(os, "statvfs", self._statvfs)

    def _statvfs(self, _: Path) -> os.statvfs_result:
        self.asked += 1
        blocks, free = self.size // 4096, self.free // 4096
        # f_bsize, which is not the unit, f_frsize, which is; root has room that others lack.
        return os.statvfs_result((MIB, 4096, blocks, free + 1000, free, 0, 0, 0, 0, 255))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.mark.parametrize(
    ("size", "given", "size_min"),
    [
        (100_000 * MIB, None, 256 * MIB),
        (64 * MIB, None, 64 * MIB // 50),
        (64 * MIB, 50 * MIB, 50 * MIB),
        (64 * MIB, 0, 0),
    ],
)
def test_the_watermark_is_the_one_given_or_fits_the_file_system(
    disk: Disk, size: int, given: int | None, size_min: int
) -> None:
    disk.size = size
    disk.free = size // 2
    space = FreeSpace(Path("data"), given).look()
    assert (space.free_size_bytes, space.size_bytes_min) == (size // 2, size_min)


def test_new_actors_are_refused_below_the_watermark_and_at_none_they_are_not(disk: Disk) -> None:
    space = FreeSpace(Path("data"), 10 * MIB)
    disk.free = 10 * MIB
    space.check()
    disk.free -= 4096
    with pytest.raises(SpaceLow) as caught:
        space.check()
    assert (caught.value.free_size_bytes, caught.value.size_bytes_min) == (disk.free, 10 * MIB)
    disk.free = 0
    FreeSpace(Path("data"), 0).check()


def test_crossing_is_told_once_and_so_is_the_way_back(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "perdure.storage")
    space = FreeSpace(Path("data"), 100 * MIB)
    told = []
    for free in (500, 99, 50, 101, 99, 124, 125, 500, 20, 200):
        disk.free = free * MIB
        space.look()
        told.append([record.message.split(":")[0] for record in caplog.records])
        caplog.clear()
    assert told == [
        [],
        ["space.low"],
        [],
        [],  # it goes up and down around the watermark
        [],
        [],
        ["space.enough"],
        [],
        ["space.low"],
        ["space.enough"],
    ]


def test_an_actor_without_a_file_gets_none_and_the_others_write_on(
    disk: Disk, bench: Bench
) -> None:
    store = bench.open()
    old = store.database(KEY, A)
    put(old, n=1)
    disk.free = MIB
    asked = disk.asked
    put(old, n=2)
    store.log.wait()
    assert disk.asked == asked  # never at a commit
    new = store.database(KEY, B)
    assert KeyValue(new).get("n") is None  # to read nothing is no reason for a file
    with pytest.raises(SpaceLow):
        KeyValue(new).put("n", 1)
    assert isinstance(new.failure, SpaceLow)
    assert not new.path.exists()
    new.close()
    put(old, n=3)
    disk.free = disk.size
    put(store.database(KEY, B), n=4)
    store.log.wait()
    again = bench.after_crash()
    assert content(again) == {"n": 3}
    assert content(again, B) == {"n": 4}


def test_a_checkpoint_looks_too(disk: Disk, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    store = bench.open()
    disk.free = MIB
    store.shorten()
    assert [record.message.split(":")[0] for record in caplog.records] == ["space.low"]


def test_the_watermark_is_an_option_of_the_store(disk: Disk, bench: Bench) -> None:
    disk.free = 10 * MIB
    store = bench.open(free_space_size_bytes_min=0)
    put(store.database(KEY, A), n=1)
    assert store.space.look().size_bytes_min == 0
