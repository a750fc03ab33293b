"""Asks silent connections whether anybody is there, and finds those where nobody is.

*Promise*: a peer that says nothing for the interval is pinged, however many there are, and each
about once in it; one of which no byte comes within ``dead_after_s`` from then is given up, unless
it is still taking what was sent before the ping. Whoever speaks is never asked. Time for which this
process stood still itself is not held against anybody.
*Assumes*: everything runs on the loop's thread.
*Rules for editing*: what a byte from a peer costs is ``heard_tick = tick``, and an idle connection
one entry of a set; both are paid for by thousands.
*Considered and refused*: a timer for each connection, several hundred bytes each and a heap for the
loop; a list by last sign of life, which costs a call and a clock for each read; the kernel's TCP
keep-alive, which proxies answer in the client's stead, and which keeps no NAT or proxy from
forgetting a connection that carries no data.

A wheel of slots: each tick visits one, so that each connection is visited twice in the interval,
and connections made at the same moment are asked one after the other.
"""

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from .counters import counters
from .limits import SocketLimits
from .taking import Taking

# 15,000 idle connections make 235 pings a tick, of about 5 microseconds each.
SLOTS_MIN = 64
# How exactly ``dead_after_s`` is kept: a quarter of it.
TICKS_UNTIL_DEAD = 4
# A busy loop is late by some ten milliseconds at each tick, so short ones would make time slow.
TICK_S_GOOD = 0.05
# uvloop counts whole milliseconds: to wait for less than half a one is not to wait at all there.
TICK_S_MIN = 0.002


class Timer(Protocol):
    """A call that was arranged for later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time that never goes back, and calls at a later one."""

    def monotonic(self) -> float: ...

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer: ...


class Peer(Protocol):
    """A connection, as it is kept alive.

    Attributes:
        heard_tick: ``KeepAlive.tick`` when a byte came last.
        keep_alive_slot: For ``KeepAlive`` alone.
    """

    heard_tick: int
    keep_alive_slot: "set[Peer] | None"

    @property
    def can_answer(self) -> bool:
        """It is read from, and has not said goodbye: silence means something."""
        ...

    @property
    def taking(self) -> Taking:
        """How much of what was sent its machine has taken."""
        ...

    def ping(self, payload: bytes) -> None: ...

    def presume_dead(self, silent_s: float) -> None:
        """It was pinged and did not answer for so long."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    tick: int
    due_tick: int
    payload: bytes
    sent_at_s: float
    taking: Taking


class KeepAlive:
    """Keeps all connections of a process alive, with one timer.

    Attributes:
        tick: Counts on several times in each interval.
    """

    __slots__ = (
        "_asked",
        "_clock",
        "_count",
        "_dead_after_s",
        "_dead_after_ticks",
        "_next",
        "_slots",
        "_tick_s",
        "_timer",
        "tick",
    )

    def __init__(self, clock: Clock, *, interval_s: float, dead_after_s: float) -> None:
        """Begin when the first peer is there.

        Args:
            clock: Time.
            interval_s: A peer that was silent for so long, at most, is asked.
            dead_after_s: How long it then has to say anything.
        """
        self._clock = clock
        self._dead_after_s = dead_after_s
        most_s = interval_s / 2
        longest_s = min(most_s, dead_after_s / TICKS_UNTIL_DEAD)
        tick_s = max(most_s / SLOTS_MIN, TICK_S_GOOD)
        self._tick_s = max(min(tick_s, longest_s), TICK_S_MIN)
        self._dead_after_ticks = max(round(dead_after_s / self._tick_s), 1)
        slots = max(round(most_s / self._tick_s), 1)
        self._slots: list[set[Peer]] = [set() for _ in range(slots)]
        self._next = 0
        self._count = 0
        self._asked: OrderedDict[Peer, _Asked] = OrderedDict()
        self._timer: Timer | None = None
        self.tick = 0

    @classmethod
    def of(cls, limits: SocketLimits, clock: Clock) -> "KeepAlive | None":
        """As the limits say; None when they say that nobody is to be asked."""
        interval_s = limits.websocket_ping_interval_s
        if interval_s <= 0:
            return None
        return cls(clock, interval_s=interval_s, dead_after_s=limits.websocket_dead_after_s)

    def add(self, peer: Peer) -> None:
        """Look after this one from now on; it has just spoken."""
        peer.heard_tick = self.tick
        slot = self._slots[self._next]
        self._next = (self._next + 1) % len(self._slots)
        slot.add(peer)
        peer.keep_alive_slot = slot
        self._count += 1
        if self._timer is None:
            self._timer = self._clock.call_later(self._tick_s, self._on_tick)

    def remove(self, peer: Peer) -> None:
        """It has ended."""
        slot, peer.keep_alive_slot = peer.keep_alive_slot, None
        if slot is not None:
            slot.discard(peer)
            self._asked.pop(peer, None)
            self._count -= 1

    def answered(self, peer: Peer, payload: bytes) -> float | None:
        """How many seconds the answer has taken; None if this is no answer to the last ping."""
        asked = self._asked.get(peer)
        if asked is None or asked.payload != payload:
            return None
        del self._asked[peer]
        return self._clock.monotonic() - asked.sent_at_s

    def close(self) -> None:
        """Ask nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_tick(self) -> None:
        # Ticks are counted, not read from a clock: after a handler that held up the loop for a
        # minute, what came meanwhile is read before anybody is given up.
        self._timer = None
        if not self._count:
            return  # until there is somebody again
        self._timer = self._clock.call_later(self._tick_s, self._on_tick)
        self.tick += 1
        self._give_up()
        self._ask(list(self._slots[self.tick % len(self._slots)]))

    def _ask(self, peers: list[Peer]) -> None:
        latest = self.tick - len(self._slots)  # half the interval ago
        payload = b""
        for peer in peers:
            if peer.heard_tick >= latest or not peer.can_answer:
                continue
            asked = self._asked.get(peer)
            if asked is not None:
                if peer.heard_tick < asked.tick:
                    continue  # the answer is still awaited
                del self._asked[peer]  # it has said something else since
            payload = payload or os.urandom(8)  # so that nobody can have answered before
            due = self.tick + self._dead_after_ticks
            taking, now_s = peer.taking, self._clock.monotonic()
            self._asked[peer] = _Asked(self.tick, due, payload, now_s, taking)
            counters.pings_sent += 1
            peer.ping(payload)

    def _give_up(self) -> None:
        while self._asked:
            peer, asked = next(iter(self._asked.items()))
            if asked.due_tick > self.tick:
                return
            del self._asked[peer]
            if peer.heard_tick >= asked.tick or not peer.can_answer:
                continue
            taking = peer.taking
            if taking.goes_on_since(asked.taking):  # the ping is behind something long
                due = self.tick + self._dead_after_ticks
                self._asked[peer] = replace(asked, due_tick=due, taking=taking)
            else:
                counters.peers_found_dead += 1
                peer.presume_dead(self._dead_after_s)
