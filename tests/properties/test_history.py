"""Whatever actors did, whenever, each bookmark ever given out stands for what it stood for then."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from perdure.storage.archive import archive, spans
from tests.properties.examples import examples
from tests.storage.timeline import A, B, C, Timeline

HOUR_MS = 3_600_000

ACTORS = st.sampled_from([A, B, C])
WRITES = st.one_of(
    st.tuples(st.just("put"), ACTORS, st.integers(0, 20), st.sampled_from([1, 100, 3000])),
    st.tuples(st.just("insert"), ACTORS, st.integers(1, 30), st.sampled_from([10, 200])),
)
STEPS = st.one_of(
    WRITES,
    WRITES,
    st.tuples(st.sampled_from(["erase", "delete", "close"]), ACTORS),
    st.tuples(st.just("restore"), st.integers(0, 1000)),
    st.tuples(st.sampled_from(["reopen", "shorten", "settle", "archived", "index_lost"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 7, 13, 30])),
)


@pytest.fixture(autouse=True)
def small_sizes() -> Iterator[None]:
    """So that few bytes make several spans, and several copies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "READ_SIZE_BYTES", 4000)
        patch.setattr(spans, "_SPAN_SIZE_BYTES_MAX", 2000)
        yield


@settings(examples(40), suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=5, max_size=60))
@example(  # a state that lasted until yesterday, though its record is older
    steps=[
        ("put", A, 0, 1),
        ("reopen",),
        ("archived",),
        ("wait", 13),
        ("restore", 0),
        ("reopen",),
        ("archived",),
        ("wait", 13),
        ("put", B, 0, 1),
        ("reopen",),
        ("archived",),
    ]
)
@example(  # back to what was no file makes an empty one, to which one may go back as well
    steps=[("put", A, 0, 1), ("delete", A), ("restore", 1), ("restore", 3), ("restore", 1)]
)
def test_each_bookmark_stands_for_its_state_or_is_refused_after_retention(
    steps: list[tuple[object, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(go_through(Path(directory) / "data", steps))


async def go_through(root: Path, steps: list[tuple[object, ...]]) -> None:
    timeline = Timeline(root, days=1.0)
    try:
        for step in steps:
            await take(timeline, step)
            timeline.now_ms += 1
        for _ in range(2):
            gone = await timeline.look_at_all()
            promised = [moment for moment in gone if moment in timeline.kept]
            assert promised == []
            timeline.reopen()
        assert timeline.failures == []
    finally:
        timeline.close()


async def take(timeline: Timeline, step: tuple[object, ...]) -> None:  # one case for each step
    match step:
        case "put", bytes(actor), key, int(size):
            timeline.put(actor, **{f"k{key}": "x" * size})
        case "insert", bytes(actor), int(count), int(size):
            for number in range(count):
                timeline.insert(actor, f"{number}" * size)
        case "erase", bytes(actor):
            timeline.erase(actor)
        case "delete", bytes(actor):
            await timeline.delete(actor)
        case "close", bytes(actor):
            timeline.close_actor(actor)
        case "restore", int(number):
            kept = timeline.kept
            if kept:
                await timeline.restore(kept[number % len(kept)])
        case ("reopen",):
            timeline.reopen()
        case ("shorten",):
            timeline.store.settle()
            timeline.store.shorten()
        case ("settle",):
            timeline.store.settle()
            await asyncio.sleep(0)
        case ("archived",):
            await timeline.archived()
        case ("index_lost",):
            await timeline.lose_index()
        case "wait", int(hours):
            timeline.now_ms += hours * HOUR_MS
