"""What the tests of faults did in one run of pytest, summed up for its last lines."""

from collections import Counter

from tests.faults.history import History

# In the order in which they are told.
_KINDS = (
    "kill -9 of a writer",
    "kill -9 of a recovery",
    "kill -9 of perdure serve",
    "power cuts",
    "power cuts under engines broken on purpose, the loss noticed",
    "injected errors",
    "injected kills",
    "full file systems",
    "damaged directories",
    "second openers refused",
)


class Tally:
    """Counts what was done, and which acknowledged turns were looked for."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.checked = 0
        self.lost = 0

    def add(self, kind: str, count: int = 1) -> None:
        assert kind in _KINDS, kind
        self.done[kind] += count

    def add_history(self, history: History) -> None:
        self.checked += history.checked
        self.lost += history.lost

    def to_plain(self) -> tuple[dict[str, int], int, int]:
        """What another process can add to its own."""
        return dict(self.done), self.checked, self.lost

    def add_plain(self, share: tuple[dict[str, int], int, int]) -> None:
        done, checked, lost = share
        self.done.update(done)
        self.checked += checked
        self.lost += lost

    def lines(self) -> list[str]:
        told = [f"{self.done[kind]} {kind}" for kind in _KINDS if self.done[kind]]
        return [*told, f"{self.checked} acknowledged writes looked for, {self.lost} lost"]
