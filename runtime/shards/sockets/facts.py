"""How clients' connections are, told to the process that has their actors.

*Promise*: what an actor may ask of a connection is known where the actor is before the next message
of that client is, and soon in any case: the first change is told in the loop's next turn, more than
that in one frame for all sockets of the link, as seldom as ``INTERVAL_S`` and ``ENTRY_S`` say.
*Assumes*: one thread. Who has the sockets tells this of whatever may have changed.
*Rules for editing*: ``touch`` runs for each message to each client; measure.
*Considered and refused*: a frame for each automatic answer, which is to cost the other process
nothing; asking from the other side, because an actor's question is answered at once.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from ..link.kinds import FACTS
from ..link.link import Link

# At least so long lies between two frames of one link: a hundred a second are not to be noticed,
# and whoever sends until so much is buffered is not held up by what has long arrived.
INTERVAL_S = 0.01
# And so long for each socket that was looked at: a look takes half a microsecond, so all looks
# together take a hundredth of a processor.
ENTRY_S = 50e-6

# Session, bytes that the client has not taken, dropped messages, round trip in seconds, time of
# the last automatic answer.
Facts = tuple[int, int, int, float | None, int | None]


class Observed(Protocol):
    """A connection here whose actor is elsewhere: is ``HeldSocket``.

    Attributes:
        told: What was told of it last; None before.
    """

    told: Facts | None

    def facts(self) -> Facts: ...


class FactsTeller:
    """Tells of all held sockets of one link."""

    def __init__(self, link: Link, interval_s: float = INTERVAL_S) -> None:
        self._link = link
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._touched: set[Observed] = set()
        self._news: set[Observed] = set()
        self._taken = 0
        self._taken_told = 0
        self._timer: asyncio.Handle | None = None

    def took(self) -> None:
        """A frame with messages was taken from the link, and given to the connections."""
        self._taken += 1
        if self._timer is None:
            self._timer = self._loop.call_soon(self._look)

    def touch(self, observed: Observed) -> None:
        """Look at this one when it is time: something was sent to its client."""
        self._touched.add(observed)

    def is_new(self, observed: Observed) -> None:
        """There is something to tell of this one: it has answered by itself, or was answered."""
        self._touched.add(observed)
        self._news.add(observed)
        if self._timer is None:
            self._timer = self._loop.call_soon(self._look)

    def tell_news(self, of: Observed | None = None) -> None:
        """Tell now what is new: of one connection, if that is said, or of all."""
        if self._news and (of is None or of in self._news):
            news = self._news if of is None else {of}
            self._news = self._news - news
            self.tell(news)

    def tell(self, sockets: Iterable[Observed]) -> None:
        """Tell how these are, if it is not known."""
        # How many frames were taken is not told here: of others it would have to be told as well
        # what their clients have not taken of that.
        told = self._changed(sockets)
        if told:
            self._link.send([FACTS, self._taken_told, told])

    def _changed(self, sockets: Iterable[Observed]) -> list[Facts]:
        told = []
        for one in sockets:
            facts = one.facts()
            if facts != (one.told or (facts[0], 0, 0, None, None)):
                told.append(facts)
            one.told = facts
        return told

    def forget(self, observed: Observed) -> None:
        """Nobody wants to know how this one is any more."""
        self._touched.discard(observed)
        self._news.discard(observed)

    def close(self) -> None:
        """The link has ended."""
        self._touched.clear()
        self._news.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Look at all that were touched; again later, as long as there is reason to."""
        self._timer = None
        if self._link.ended is not None:
            return
        touched = self._touched
        if not touched and self._taken == self._taken_told:
            return
        if not self._link.is_writing_paused:  # else it is told when somebody reads
            self._news.clear()
            told = self._changed(touched)
            if told or self._taken != self._taken_told:
                self._taken_told = self._taken
                self._link.send([FACTS, self._taken, told])
            # What waits for a client becomes less without a word.
            self._touched = {one for one in touched if one.told is not None and one.told[1]}
        delay_s = max(self._interval_s, ENTRY_S * len(touched))
        self._timer = self._loop.call_later(delay_s, self._look)
