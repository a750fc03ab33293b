"""Logs that nobody writes any more: the past in them is kept as long as any other, and no longer."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from perdure.storage import archiver as archiver_module
from perdure.storage.archive.archive import DAY_MS, Retention
from perdure.storage.archive.past import Past
from perdure.storage.layout import Layout
from perdure.storage.log_directory import LogDirectory
from perdure.storage.log_hold import hold_logs
from perdure.storage.retired_logs import RetiredLogs
from tests.storage.fleet import ACTORS, Fleet, Moment
from tests.storage.logged import Bench, one_log
from tests.wire import PATIENCE_S

pytestmark = one_log  # each test opens the logs that it needs
EVEN = [actor for actor in ACTORS if actor[0] % 2 == 0]
ODD = [actor for actor in ACTORS if actor[0] % 2]


@pytest.fixture
def fleet(bench: Bench) -> Iterator[Fleet]:
    fleet = Fleet(bench, segment_size_bytes=24_000, retention=Retention(days=1))
    fleet.retires = True
    yield fleet
    fleet.close()


def segments(fleet: Fleet, slot: str) -> list[Path]:
    return sorted(Layout(fleet.root).log_dir(slot).glob("*.seg"))


def archived(fleet: Fleet, slot: str) -> list[Path]:
    return sorted((fleet.root / "archive" / slot).glob("*.arc"))


def write(fleet: Fleet, actors: list[bytes], count: int = 4) -> list[Moment]:
    """So many turns of each; they fit into the log, so that nothing of them is archived yet."""
    moments = [fleet.owner(actor).write(actor) for _ in range(count) for actor in actors]
    for worker in fleet.workers:
        worker.store.settle()
    return moments


def until(fleet: Fleet, condition: Callable[[], bool]) -> None:
    """Have the archive looked after until something is so; a test that waits in vain hangs."""
    archiver = fleet.workers[0].store._archiver
    assert archiver is not None
    while not condition():
        archiver.do(lambda _: fleet.bench.calls.put(lambda: None))
        fleet.bench.calls.get(timeout=PATIENCE_S)()


def written_by_two(fleet: Fleet) -> list[Moment]:
    """What was written to two logs, the second of which is nobody's from the next start on."""
    fleet.start(2)
    moments = write(fleet, ODD) + write(fleet, EVEN)
    fleet.stop()
    assert segments(fleet, "1")
    assert not archived(fleet, "1"), "it is in the log, and nowhere else"
    return moments


def test_the_past_in_a_log_that_serves_no_more_is_archived_and_goes_in_its_time(
    fleet: Fleet,
) -> None:
    moments = written_by_two(fleet)
    fleet.start(1)
    until(fleet, lambda: not segments(fleet, "1"))
    assert archived(fleet, "1")
    assert [fleet.state_at(moment) for moment in moments] == [m.turn for m in moments]
    fleet.bench.time_ms += 3 * DAY_MS
    until(fleet, lambda: not archived(fleet, "1"))
    last = moments[len(ODD) * 4 - 1]
    assert fleet.state_at(last) == last.turn, "what is now can be had for as long as it is so"


def test_a_slot_that_serves_again_goes_on_with_its_numbers(fleet: Fleet) -> None:
    moments = written_by_two(fleet)
    fleet.start(1)
    until(fleet, lambda: not segments(fleet, "1"))
    moments += write(fleet, ODD)
    fleet.stop()
    fleet.start(2)
    moments += write(fleet, ODD)
    fleet.kill()
    fleet.start(2)
    assert [fleet.state_at(moment) for moment in moments] == [m.turn for m in moments]
    assert [fleet.owner(actor).turn(actor) for actor in ODD] == [12] * len(ODD)


def test_nothing_goes_while_somebody_reads_the_logs_whole_and_soon_afterwards(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup has copied the archive before it copies the logs: one of them must have it."""
    monkeypatch.setattr(archiver_module, "RETRY_S", 0.01)
    written_by_two(fleet)
    before = segments(fleet, "1")
    looks: list[bool] = []
    real = RetiredLogs.look

    def look_and_tell(logs: RetiredLogs, pause: Callable[[], None]) -> None:
        real(logs, pause)
        looks.append(logs.is_held)
        fleet.bench.calls.put(lambda: None)

    monkeypatch.setattr(RetiredLogs, "look", look_and_tell)
    with hold_logs(Layout(fleet.root)):
        fleet.start(1)
        while len(looks) < 3:  # nobody asks for anything: it looks again by itself
            fleet.bench.calls.get(timeout=PATIENCE_S)()
        assert archived(fleet, "1")
        assert segments(fleet, "1") == before
    while segments(fleet, "1"):
        fleet.bench.calls.get(timeout=PATIENCE_S)()
    assert True in looks


def test_without_an_archive_what_nobody_needs_goes_at_once(fleet: Fleet) -> None:
    written_by_two(fleet)
    fleet.options["retention"] = Retention(days=0)
    fleet.start(1)
    assert not segments(fleet, "1")
    assert not archived(fleet, "1")
    assert [fleet.owner(actor).turn(actor) for actor in ODD] == [4] * len(ODD)


def look(fleet: Fleet) -> None:
    """What the first slot's archiver does, alone."""
    layout = Layout(fleet.root)
    past = Past(layout.archive_dir, layout.logs_dir, dict)
    RetiredLogs(layout, frozenset({"0"}), past, Retention()).look(lambda: None)


def test_of_a_damaged_log_the_rest_is_archived_and_the_gap_told(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    written_by_two(fleet)
    first, *_ = segments(fleet, "1")
    data = first.read_bytes()
    first.write_bytes(data[:16_000] + b"damage" + data[16_006:])
    look(fleet)
    assert not segments(fleet, "1")
    assert archived(fleet, "1"), "what is before the damage"
    (told,) = [one for one in caplog.records if one.message.startswith("archive.gap")]
    assert (told.levelno, told.__dict__["slot"]) == (logging.CRITICAL, "1")


def test_what_cannot_be_done_is_told_and_done_later(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    written_by_two(fleet)
    with closing(LogDirectory.open(Layout(fleet.root).log_dir("1"))):
        look(fleet)
    (told,) = [one for one in caplog.records if one.message.startswith("log.not_retired")]
    assert (told.levelno, told.__dict__["slot"]) == (logging.ERROR, "1")
    assert "another process" in told.__dict__["cause"]
    assert segments(fleet, "1")
    look(fleet)
    assert not segments(fleet, "1")


def test_a_log_that_was_not_recovered_stays(fleet: Fleet) -> None:
    fleet.start(2)
    write(fleet, ODD)
    fleet.kill()
    before = segments(fleet, "1")
    look(fleet)
    assert segments(fleet, "1") == before
    assert not archived(fleet, "1")
    fleet.start(1)
    until(fleet, lambda: not segments(fleet, "1"))
    assert [fleet.owner(actor).turn(actor) for actor in ODD] == [4] * len(ODD)
