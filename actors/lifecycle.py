# Pure: no asyncio, clock, randomness, file or socket.
"""The life of one actor in memory, as a table."""

import enum

from ..storage.errors import InternalError


class LifeStage(enum.Enum):
    COLD = "cold"  # no instance yet; made when the first event arrives
    STARTING = "starting"  # its constructor runs
    LIVE = "live"
    BROKEN = "broken"  # lost its memory; the next event goes to a successor
    EVICTED = "evicted"  # left memory in good order


LEGAL = {
    LifeStage.COLD: {LifeStage.STARTING, LifeStage.BROKEN, LifeStage.EVICTED},
    LifeStage.STARTING: {LifeStage.LIVE, LifeStage.BROKEN},
    LifeStage.LIVE: {LifeStage.BROKEN, LifeStage.EVICTED},
    LifeStage.BROKEN: set[LifeStage](),
    LifeStage.EVICTED: set[LifeStage](),
}

# An actor in these stages takes no event any more.
GONE = frozenset({LifeStage.BROKEN, LifeStage.EVICTED})


def move(stage: LifeStage, to: LifeStage) -> LifeStage:
    """The stage ``to``, if the table lets ``stage`` become that."""
    if to not in LEGAL[stage]:
        raise InternalError(f"an actor cannot go from {stage.value} to {to.value}")
    return to
