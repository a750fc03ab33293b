"""What is wrong is told in words, and nothing while all is well."""

import errno
from dataclasses import replace

import pytest

from perdure.storage.free_space import Space
from perdure.storage.health import StoreHealth
from tests.failing import fails_with
from tests.storage.logged import KEY, A, Bench, put

WELL = StoreHealth(None, None, True, 3, 5_000, Space(10**9, 10**6), 0)


def test_while_all_is_well_there_is_nothing_to_tell() -> None:
    assert WELL.reasons == ()
    assert not WELL.is_degraded
    assert not replace(WELL, space=None).is_degraded


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (replace(WELL, failure="the log failed"), "the log failed"),
        (
            replace(WELL, checkpoint_problem="disk full"),
            "the commit log (5,000 bytes) grows until an attempt succeeds: disk full",
        ),
        (
            replace(WELL, checkpoint_problem="EIO", is_checkpointing=False),
            "the commit log (5,000 bytes) grows until a restart: EIO",
        ),
        (
            replace(WELL, space=Space(1_000, 2_000)),
            "1,000 bytes are left on the disk, so that no new actor is begun",
        ),
        (
            replace(WELL, archive_problem="No space left on device"),
            "segments of the log wait for the archive: No space left on device",
        ),
        (
            replace(WELL, quarantined=2),
            "actors in quarantine, because their files are damaged: 2",
        ),
    ],
)
def test_what_is_wrong_is_told(health: StoreHealth, words: str) -> None:
    assert health.reasons == (words,)
    assert health.is_degraded


def test_a_store_tells_how_it_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bench.open()
    put(store.database(KEY, A), a=1)
    health = store.health()
    assert not health.is_degraded
    assert health.live_size_bytes > 0
    assert health.checkpoints == 0
    store.marks.set("quarantine", KEY, A, {})
    assert store.health().quarantined == 1

    monkeypatch.setattr("os.statvfs", fails_with(errno.EIO))
    assert store.health().space is None


def test_an_archive_that_cannot_be_written_is_told(bench: Bench) -> None:
    store = bench.open()
    assert store.health().archive_problem is None
    assert store._archiver is not None
    store._archiver.failure = OSError(28, "No space left on device")
    assert store.health().archive_problem == "[Errno 28] No space left on device"
