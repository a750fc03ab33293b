import pytest

from perdure.runtime.sandbox.keeper.idle import IdleTime
from perdure.runtime.sandbox.reactor import Reactor


class Slept:
    def __init__(self, sleep_after_s: float | None) -> None:
        self.reactor = Reactor()
        self.count = 0
        self.idle = IdleTime(self.reactor, sleep_after_s, self.sleep)

    def sleep(self) -> None:
        self.count += 1
        self.reactor.stop()

    def run(self, within_s: float) -> int:
        self.reactor.is_stopped = False
        self.reactor.call_later(within_s, self.reactor.stop)
        self.reactor.run()
        return self.count


def test_who_has_nothing_to_do_sleeps() -> None:
    assert Slept(0.01).run(30) == 1


@pytest.mark.parametrize("why", ["never", "busy", "kept alive"])
def test_who_has_or_must_not_does_not(why: str) -> None:
    slept = Slept(None if why == "never" else 0.01)
    if why == "busy":
        slept.idle.begin()
    slept.idle.keep_alive = why == "kept alive"
    assert slept.run(0.1) == 0
    assert (slept.idle.idle_s == 0) == (why == "busy")


def test_the_time_begins_when_the_last_thing_is_done() -> None:
    slept = Slept(0.01)
    slept.idle.begin()
    slept.idle.begin()
    assert slept.run(0.05) == 0
    slept.idle.end()
    assert slept.run(0.05) == 0
    slept.idle.end()
    assert slept.run(30) == 1


def test_a_setting_that_changes_counts_at_once() -> None:
    slept = Slept(1000)
    slept.idle.sleep_after_s = 0.01
    slept.idle.look_again()
    assert slept.run(30) == 1
