"""What happens to the processes of a run, drawn from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

KILL, KILL_TWICE, STOP = "kill", "kill twice", "stop"
SAVE, BREAK, RELOAD, RESIZE, UPGRADE = "save", "save broken", "reload", "resize", "upgrade"

# Where a worker dies; None is wherever it happens to be.
MOMENTS: tuple[str | None, ...] = (
    None,
    "in the handler, half written",
    "in the handler, at its end",
    "before a commit is in the log",
    "while half of a commit is in the log",
    "while a commit is in the log, and not durable",
    "while a commit is durable, and nobody knows",
    "before a link is written to",
    "while half of a write to a link has left",
    "behind a write to a link",
)
# Where its successor dies as well, which has the sockets of its clients to make again.
MOMENTS_OF_SUCCESSORS = {
    "hibernating": ("in a resumption", "at a redelivery"),
    "standard": ("replay", "at a redelivery"),
}
PASSED_MAX = 12  # how often a moment is passed before it counts, at most
WORKERS = (3, 1, 2)  # how many there are, one after another; at the start two
OTHERS = (STOP, STOP, SAVE, BREAK, RELOAD, *(RESIZE for _ in WORKERS), UPGRADE, UPGRADE)


@dataclass(frozen=True, slots=True)
class Event:
    """One of them.

    Attributes:
        what: ``KILL`` and the others.
        room: Whose worker it happens to.
        moment: Where it dies.
        count: After how many times.
        moment_of_successor: Where that dies, too.
        workers: How many there are to be.
    """

    what: str
    room: str
    moment: str | None = None
    count: int = 1
    moment_of_successor: str = ""
    workers: int = 0


def draw(seed: int, rooms: dict[str, str], *, only_kills: bool = False) -> Iterator[Event]:
    """Yield events for ever; ``rooms`` have their kinds.

    Each moment of a death, and each other event, comes in its turn, so that a short run has had
    all of them; which room's worker it is, and when exactly, is drawn.
    """
    drawn = random.Random(seed)  # nothing is kept secret
    while True:
        kinds = [KILL] * len(MOMENTS) + [KILL_TWICE] * 2
        if not only_kills:
            kinds += OTHERS
        moments = drawn.sample(MOMENTS, len(MOMENTS))
        numbers = list(WORKERS)
        for what in drawn.sample(kinds, len(kinds)):
            room = drawn.choice(sorted(rooms))
            count = drawn.randint(1, PASSED_MAX)
            if what == KILL:
                yield Event(what, room, moments.pop(), count)
            elif what == KILL_TWICE:
                successors = MOMENTS_OF_SUCCESSORS[rooms[room]]
                yield Event(what, room, None, 1, drawn.choice(successors))
            elif what == RESIZE:
                yield Event(what, room, workers=numbers.pop(0))
            else:
                yield Event(what, room)
