"""What ends a test that hangs: an alarm that a loop of events cannot swallow.

pytest-timeout raises its failure out of the signal's handler. uvloop runs that handler as one of its
callbacks, so it logs the failure as this callback's and waits on; and when a test has failed, its
fixtures, which stop servers, have no alarm any more. Here the loop is stopped instead, which ends
whatever is run on it, and the alarm goes on ringing until all of the test has ended. It is heard in a
test and its fixtures only: between them pytest itself is at work, and a failure there ends the run.
"""

import asyncio
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import Protocol

import pytest

# After the first time: so long may stop what a test leaves.
AGAIN_S_MAX = 30


class Alarm:
    """Of one test."""

    def __init__(self, test: pytest.Item, after_s: float) -> None:
        self._test = test
        self._after_s = after_s
        self._is_stopping = False
        self.is_heard = False

    def set(self) -> None:
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, self._after_s, min(self._after_s, AGAIN_S_MAX))

    def cancel(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _ring(self, _signum: int, _frame: FrameType | None) -> None:
        if not self.is_heard:
            return  # it rings again
        text = f"{self._test.nodeid} takes more than {self._after_s} s"
        sys.stderr.write(f"\n{text}, and what its tasks wait for is:\n")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            pytest.fail(text)
        for task in asyncio.all_tasks(loop):
            task.print_stack(file=sys.stderr)
        if self._is_stopping:
            pytest.fail(f"{text}, and its loop does not come round")
        self._is_stopping = True
        loop.call_soon_threadsafe(self._stop, loop)  # which wakes a loop that waits

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_stopping = False
        loop.stop()


class Settings(Protocol):
    """Those of pytest-timeout that are used."""

    method: str
    timeout: float


_ALARM = pytest.StashKey[Alarm]()


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> bool | None:
    """Set ours, if a signal is to be it."""
    if settings.method != "signal":
        return None
    item.stash[_ALARM] = alarm = Alarm(item, settings.timeout)
    alarm.set()
    return True


def _hear(item: pytest.Item) -> Generator[None, object, object]:
    alarm = item.stash.get(_ALARM, None)
    if alarm is None:
        return (yield)
    # Whoever calls this takes what is raised from here on as the test's failure.
    alarm.is_heard = True
    try:
        return (yield)
    finally:
        alarm.is_heard = False


pytest_runtest_setup = pytest.hookimpl(wrapper=True)(_hear)
pytest_runtest_call = pytest.hookimpl(wrapper=True)(_hear)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Set it again: pytest-timeout has cancelled that of a test that fails, for its debugger."""
    if _ALARM in item.stash:
        item.stash[_ALARM].set()
    return (yield from _hear(item))


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_cancel_timer(item: pytest.Item) -> bool | None:
    """Cancel ours, if one was set."""
    if _ALARM not in item.stash:
        return None
    item.stash[_ALARM].cancel()
    return True
