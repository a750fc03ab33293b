"""The archive's thread: what it does when the archive cannot."""

import errno
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from perdure.storage import archiver as archiver_module
from perdure.storage.archive.archive import Archive
from perdure.storage.archiver import WAITING_MAX, Archiver
from perdure.storage.errors import DatabaseFailed, LogCorrupt
from perdure.storage.logformat import SegmentHeader
from tests.wire import PATIENCE_S

HEADER = SegmentHeader(1, 1, 7, 4096)


class FakeArchive(Archive):
    """Takes what it is told to take, in the archiver's thread."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.threads: set[str] = set()
        self.opened = self.closed = self.expired = 0
        self.is_replaced = False
        self.gate = threading.Event()
        self.gate.set()
        self.is_waiting = threading.Event()

    @property
    def is_current(self) -> bool:
        return not self.is_replaced

    def take(
        self, segment: Path, header: SegmentHeader, last_lsn: int, pause: Callable[[], None]
    ) -> None:
        self.threads.add(threading.current_thread().name)
        self.is_waiting.set()
        self.gate.wait(10)
        pause()
        if segment.name in self.errors:
            raise self.errors[segment.name]
        self.taken.append(segment.name)

    def expire(self, now_ms: int) -> int:
        self.expired += 1
        return now_ms - now_ms

    def close(self) -> None:
        self.closed += 1
        self.threads.add(threading.current_thread().name)


class Trial:
    def __init__(self) -> None:
        self.archive = FakeArchive()
        self.open_error: Exception | None = None
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.released: list[str] = []
        self.is_taken, self.has_waited = threading.Event(), threading.Event()
        self.archiver = Archiver(
            "0",
            self.open,
            notify=self.calls.put,
            time_ms=lambda: 1000,
            release=lambda path: self.released.append(path.name),
            alone=self.alone,
        )

    @contextmanager
    def alone(self, wait: Callable[[], None]) -> Iterator[None]:
        while self.is_taken.is_set():
            self.has_waited.set()
            wait()
        yield

    def open(self) -> Archive:
        if self.open_error is not None:
            raise self.open_error
        self.archive.opened += 1
        return self.archive

    def take(self, *names: str) -> None:
        for name in names:
            self.archiver.take(Path(name), HEADER, 10)

    def hear(self, count: int) -> None:
        """Run the loop until so many segments were released."""
        while len(self.released) < count:
            self.calls.get(timeout=PATIENCE_S)()

    def pass_through(self) -> None:
        """Return when the thread has seen all that was asked for."""
        done = threading.Event()
        self.archiver.do(lambda _: done.set())
        assert done.wait(10)


@pytest.fixture
def trial() -> Iterator[Trial]:
    trial = Trial()
    yield trial
    trial.archive.gate.set()
    trial.archiver.close()


@pytest.fixture
def quick_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiver_module, "RETRY_S", 0.01)


def test_segments_are_taken_in_order_and_released_afterwards(trial: Trial) -> None:
    trial.take("1", "2", "3")
    trial.hear(3)
    assert (trial.archive.taken, trial.released) == (["1", "2", "3"], ["1", "2", "3"])
    trial.pass_through()
    trial.archiver.close()
    assert trial.archiver.is_idle
    assert trial.archive.threads == {"perdure-archive-0"}
    assert (trial.archive.opened, trial.archive.closed) == (1, 1)


def test_the_loop_goes_on_while_a_segment_is_taken(trial: Trial) -> None:
    trial.archive.gate.clear()
    trial.take("1", "2")
    assert trial.archive.is_waiting.wait(10)
    assert not trial.archiver.is_idle
    assert trial.released == []
    trial.archive.gate.set()
    trial.hear(2)


def test_an_archive_whose_index_another_process_made_anew_is_opened_again(trial: Trial) -> None:
    trial.take("1")
    trial.hear(1)
    trial.pass_through()
    trial.archive.is_replaced = True
    trial.take("2")
    trial.hear(2)
    assert (trial.archive.opened, trial.archive.closed) == (2, 1)


def test_one_that_waits_for_another_process_can_be_closed(trial: Trial) -> None:
    trial.is_taken.set()
    trial.take("1")
    assert trial.has_waited.wait(10)
    trial.archiver.close()
    assert trial.released == []
    assert trial.archive.opened == 0


@pytest.mark.usefixtures("quick_retry")
def test_a_full_disk_makes_segments_wait_until_there_is_room(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    trial.archive.errors["1"] = OSError(errno.ENOSPC, "No space left on device")
    trial.take("1", "2")
    while "archive.failed" not in caplog.text:
        trial.archive.is_waiting.wait(10)
    assert trial.released == []
    assert isinstance(trial.archiver.failure, OSError)
    trial.archive.errors.clear()
    trial.hear(2)  # nothing else had to come
    assert trial.archive.taken == ["1", "2"]
    trial.pass_through()
    trial.archiver.close()
    assert trial.archiver.failure is None


def test_of_too_many_that_wait_the_oldest_are_given_back_and_told_but_no_job_is_lost(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    names = [str(number) for number in range(WAITING_MAX + 3)]
    trial.archive.errors = {name: OSError(errno.EIO, "Input/output error") for name in names}
    did: list[int] = []
    trial.archiver.do(lambda _: did.append(1))
    trial.take(*names[:2])
    trial.archiver.do(lambda _: did.append(2))
    trial.take(*names[2:])
    trial.hear(3)
    assert trial.released == names[:3]
    assert caplog.text.count("archive.gap") == 3
    trial.archive.errors.clear()
    trial.pass_through()
    trial.hear(len(names))
    assert trial.archive.taken == names[3:]
    assert did == [1, 2]


def test_a_damaged_segment_is_a_gap_at_once_and_those_behind_it_go_on(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    trial.archive.errors["1"] = LogCorrupt(Path("1"), "record 5 cannot be read")
    trial.take("1", "2")
    trial.hear(2)
    assert trial.archive.taken == ["2"]
    assert caplog.text.count("archive.gap") == 1
    assert trial.archiver.failure is None


@pytest.mark.usefixtures("quick_retry")
def test_an_archive_that_cannot_be_opened_is_tried_again(trial: Trial) -> None:
    trial.open_error = OSError(errno.EACCES, "Permission denied")
    trial.take("1")
    trial.open_error = None
    trial.hear(1)
    assert trial.archive.opened == 1


@pytest.mark.usefixtures("quick_retry")
def test_after_a_failure_of_its_index_the_archive_is_opened_anew(trial: Trial) -> None:
    trial.take("0")
    trial.hear(1)
    trial.archive.errors["1"] = DatabaseFailed(Path("index.db"), "is malformed")
    trial.take("1")
    while trial.archive.opened < 2:
        trial.archive.is_waiting.wait(10)
    trial.archive.errors.clear()
    trial.hear(2)
    assert trial.archive.closed >= 1


@pytest.mark.usefixtures("quick_retry")
def test_a_bug_does_not_end_the_thread(trial: Trial) -> None:
    trial.archive.errors["1"] = ZeroDivisionError()
    trial.take("1")
    assert trial.archive.is_waiting.wait(10)
    trial.archive.errors.clear()
    trial.hear(1)


def test_closing_gives_up_what_is_under_way(trial: Trial) -> None:
    trial.archive.gate.clear()
    trial.take("1", "2")
    assert trial.archive.is_waiting.wait(10)
    trial.archiver._is_closed = True  # as close() does, which waits for the thread
    trial.archive.gate.set()
    trial.archiver.close()
    trial.archiver.close()
    assert (trial.archive.taken, trial.released) == ([], [])
    assert trial.archive.closed == 1


def test_a_loop_that_is_closed_needs_no_segment_back(trial: Trial) -> None:
    def refuse(_: Callable[[], None]) -> None:
        message = "Event loop is closed"
        raise RuntimeError(message)

    trial.archiver._notify = refuse
    trial.take("1")
    trial.pass_through()
    assert trial.archive.taken == ["1"]
