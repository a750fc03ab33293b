import os
import signal

import pytest

from perdure.runtime.sandbox.reactor import Reactor


def test_times_come_in_their_order() -> None:
    reactor, told = Reactor(), list[str]()

    def late() -> None:
        told.append("late")
        reactor.stop()

    reactor.call_later(1.0, late)
    reactor.call_later(0.01, lambda: told.append("early"))
    reactor.call_later(0.02, lambda: told.append("never")).cancel()
    reactor.run()
    reactor.close()
    assert told == ["early", "late"]


def test_who_is_called_may_close_what_others_wait_for() -> None:
    reactor, told = Reactor(), list[str]()
    pipes = [os.pipe() for _ in range(2)]
    for reader, writer in pipes:
        os.write(writer, b"x")

        def read(reader: int = reader) -> None:
            told.append("read")
            for each, _ in pipes:
                reactor.unwatch(each)
            reactor.stop()

        reactor.watch(reader, read)
    reactor.run()
    reactor.close()
    assert told == ["read"]
    for pipe in pipes:
        for descriptor in pipe:
            os.close(descriptor)


def test_who_has_work_soon_does_not_keep_others_from_theirs() -> None:
    reactor, count = Reactor(), 0

    def again() -> None:
        nonlocal count
        count += 1
        reactor.call_soon(again)

    again()
    reader, writer = os.pipe()
    reactor.watch(reader, reactor.stop)
    reactor.call_later(0.01, lambda: os.write(writer, b"x"))
    reactor.run()
    reactor.close()
    assert count > 1
    os.close(reader)
    os.close(writer)


def test_a_signal_is_heard_between_other_calls() -> None:
    reactor, before = Reactor(), signal.getsignal(signal.SIGUSR1)
    try:
        reactor.on_signal(signal.SIGUSR1, reactor.stop)
        reactor.call_soon(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        reactor.run()
    finally:
        reactor.close()
        signal.signal(signal.SIGUSR1, before)
    assert reactor.is_stopped


def test_what_a_callback_raises_ends_it() -> None:
    reactor = Reactor()
    reactor.call_soon(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        reactor.run()
    reactor.close()
