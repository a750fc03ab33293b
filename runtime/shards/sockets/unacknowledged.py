# Pure: no asyncio, clock, randomness, file or socket.
"""What a client has said, until the process that its actor is in has acknowledged it.

*Promise*: a message is kept from ``add`` until its receipt, in order, whatever becomes of the
processes it is given to. One that was in the hands of so many processes in a row that died is told
apart from one that only waited.
"""

from collections.abc import Iterator
from typing import Any


class _Kept:
    """One message.

    Attributes:
        message: As the client said it.
        is_delivered: The present process has it.
        was_delivered: An earlier one has had it.
        deaths: How many processes in a row have had it and died.
    """

    __slots__ = ("deaths", "is_delivered", "message", "was_delivered")

    def __init__(self, message: str | bytes) -> None:
        self.message = message
        self.is_delivered = False
        self.was_delivered = False
        self.deaths = 0


class Unacknowledged:
    """The messages of one client that have no receipt yet.

    Attributes:
        size_bytes: Of all of them; text counts by its characters.
    """

    __slots__ = ("_kept", "_next", "size_bytes")

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._next = 1
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, message: str | bytes) -> int:
        """Keep a message; return its number, which is higher than all before."""
        number = self._next
        self._next += 1
        self._kept[number] = _Kept(message)
        self.size_bytes += len(message)
        return number

    def delivered(self, number: int) -> None:
        """The present process has it now."""
        self._kept[number].is_delivered = True

    def acknowledge(self, number: int) -> bool:
        """Let go of a message that was delivered; return whether there was one."""
        kept = self._kept.get(number)
        if kept is None or not kept.is_delivered:
            return False
        del self._kept[number]
        self.size_bytes -= len(kept.message)
        return True

    def packed(self) -> list[Any]:
        """As it travels to another router: all of them, and what the next one's number is."""
        kept = [
            [number, one.message, one.was_delivered, one.deaths]
            for number, one in self._kept.items()
        ]
        return [self._next, kept]

    @classmethod
    def unpacked(cls, values: list[Any]) -> "Unacknowledged":
        """What ``packed`` has given; the present process has all of it."""
        new = cls()
        new._next, kept = values
        for number, message, was_delivered, deaths in kept:
            one = new._kept[number] = _Kept(message)
            one.is_delivered, one.was_delivered, one.deaths = True, was_delivered, deaths
            new.size_bytes += len(message)
        return new

    def process_ended(self, *, is_death: bool) -> int:
        """The present process has gone; return how many in a row have died with one message.

        Args:
            is_death: It has not gone in good order. What it had in hand may be why.
        """
        worst = 0
        for kept in self._kept.values():
            if kept.is_delivered:
                kept.is_delivered = False
                kept.was_delivered = True
                kept.deaths += is_death
                worst = max(worst, kept.deaths)
        return worst

    def messages(self) -> list[str | bytes]:
        """All of them, oldest first."""
        return [one.message for one in self._kept.values()]

    def undelivered(self) -> Iterator[tuple[int, str | bytes, bool]]:
        """Yield number, message, and whether an earlier process has had it, oldest first."""
        for number, kept in self._kept.items():
            if not kept.is_delivered:
                yield number, kept.message, kept.was_delivered
