# Pure: no asyncio, clock, randomness, file or socket.
"""The numbers of processes that come and go, as those of one server.

*Promise*: a counter never goes back: what a process had counted, as far as it has said so, stays
when it has gone. What there is of something now is what those say that are there.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from operator import add
from typing import Generic, TypeVar

from .families import GAUGE, MAX, MIN, SUM, Family, Numbers

P = TypeVar("P")

_COMBINE: dict[str, Callable[[float, float], float]] = {SUM: add, MAX: max, MIN: min}


class Account(Generic[P]):
    """All processes, by whatever tells them apart; one that has gone does not come again."""

    def __init__(self) -> None:
        self._known: dict[P, list[Family]] = {}
        self._of_the_gone: list[Family] = []

    def heard(self, reports: Mapping[P, Iterable[Family]], there: Collection[P]) -> None:
        """Take what processes say; of one that is there and says nothing the last word counts.

        Args:
            reports: What they say.
            there: Those that have not gone; any other has.
        """
        self._known.update((process, list(families)) for process, families in reports.items())
        gone = [process for process in self._known if process not in there]
        for process in gone:
            lasting = [one for one in self._known.pop(process) if one.kind != GAUGE]
            self._of_the_gone = total([self._of_the_gone, lasting])

    def total(self) -> list[Family]:
        """Return what all have counted together."""
        return total([self._of_the_gone, *self._known.values()])


def total(reports: Iterable[Iterable[Family]]) -> list[Family]:
    """Return one family of each name, with what the same series make together."""
    found: dict[str, Family] = {}
    for families in reports:
        for one in families:
            whole = found.get(one.name)
            if whole is None:
                whole = Family(one.name, one.kind, one.text, one.labels, one.merge, {})
                found[one.name] = whole
            for labels, numbers in one.series.items():
                before = whole.series.get(labels)
                whole.series[labels] = (
                    numbers if before is None else _combined(one.merge, before, numbers)
                )
    return list(found.values())


def _combined(merge: str, one: Numbers, other: Numbers) -> Numbers:
    combine = _COMBINE[merge]
    return tuple(combine(mine, theirs) for mine, theirs in zip(one, other, strict=True))
