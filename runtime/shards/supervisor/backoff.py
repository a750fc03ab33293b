# Pure: no asyncio, clock, randomness, file or socket.
"""How long to wait before another process is started where one has died before it served.

One that has served is followed at once: its clients wait, and it has shown that its program can
run. One that never got so far will most likely fail again, and each try costs an import.
*Considered and refused*: a random part. There are as many processes as cores, and they share
no server that a common beat could hurt.
"""

FACTOR = 2


class Backoff:
    """The waits of one place.

    Args:
        first_s: After the first death.
        max_s: The most.

    Attributes:
        failures: Deaths in a row before serving.
    """

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self.failures = 0

    def failed(self) -> float:
        """Count a death before serving; return how many seconds to wait before the next try."""
        wait_s = self._first_s
        for _ in range(self.failures):
            wait_s *= FACTOR
            if wait_s >= self._max_s:
                break
        self.failures += 1
        return min(wait_s, self._max_s)

    def served(self) -> None:
        """Forget the failures."""
        self.failures = 0
