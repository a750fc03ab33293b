"""Whoever says something is never given up, and whoever does not is, in time, however they come."""

from dataclasses import dataclass, field
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sockets.keepalive import KeepAlive, Peer
from perdure.runtime.sockets.taking import NOTHING_KNOWN
from tests.properties.examples import examples
from tests.world import FakeClock


@dataclass(eq=False)
class Client:
    """One that answers ``answers`` pings, each so late, and then is gone."""

    clock: FakeClock
    keep_alive: KeepAlive
    answers: int
    answer_after_s: float
    heard_tick: int = 0
    taking = NOTHING_KNOWN
    keep_alive_slot: "set[Peer] | None" = None
    can_answer: bool = True
    asked_s: list[float] = field(default_factory=list)
    spoke_s: list[float] = field(default_factory=list)
    found_dead_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spoke_s.append(self.clock.now_s)
        self.keep_alive.add(self)

    def ping(self, payload: bytes) -> None:
        self.asked_s.append(self.clock.now_s)
        if self.answers > 0:
            self.answers -= 1
            self.clock.call_later(self.answer_after_s, lambda: self.answer(payload))

    def answer(self, payload: bytes) -> None:
        if not self.found_dead_s:
            self.speak()
            self.keep_alive.answered(self, payload)

    def speak(self) -> None:
        self.heard_tick = self.keep_alive.tick
        self.spoke_s.append(self.clock.now_s)

    def presume_dead(self, silent_s: float) -> None:
        self.found_dead_s.append(self.clock.now_s)
        self.keep_alive.remove(self)


CLIENTS = st.lists(
    st.tuples(
        st.floats(0, 200),  # comes then
        st.integers(0, 4),  # answers so often
        st.floats(0, 0.99),  # so late, of the time it has
        st.lists(st.floats(0, 200), max_size=5),  # and speaks by itself then
    ),
    min_size=1,
    max_size=20,
)


@given(CLIENTS, st.floats(1, 100), st.floats(1, 100))
@examples(100)
def test_who_is_alive_stays_and_who_is_not_goes(
    plan: list[tuple[float, int, float, list[float]]], interval_s: float, dead_after_s: float
) -> None:
    clock = FakeClock()
    keep_alive = KeepAlive(clock, interval_s=interval_s, dead_after_s=dead_after_s)
    tick_s = keep_alive._tick_s
    clients: list[Client] = []

    def come(answers: int, late: float, speaks: list[float]) -> None:
        answer_after_s = late * (dead_after_s - 2 * tick_s)
        client = Client(clock, keep_alive, answers, answer_after_s)
        clients.append(client)
        for delay_s in speaks:
            clock.call_later(delay_s, lambda: None if client.found_dead_s else client.speak())

    for comes_s, answers, late, speaks in plan:
        clock.call_later(comes_s, partial(come, answers, late, speaks))
    clock.advance(400 + 6 * (interval_s + dead_after_s))
    for client in clients:
        [found_s] = client.found_dead_s  # all fall silent at last
        silent_s = found_s - client.spoke_s[-1]
        assert dead_after_s - 2 * tick_s <= silent_s
        assert silent_s <= interval_s + dead_after_s + 2 * tick_s
        assert found_s - client.asked_s[-1] <= dead_after_s + tick_s
        for asked_s in client.asked_s:
            last_s = max(spoke_s for spoke_s in client.spoke_s if spoke_s < asked_s)
            assert asked_s - last_s > interval_s / 2 - 2 * tick_s, "it had been silent"
    assert not keep_alive._asked
    assert keep_alive._count == 0
