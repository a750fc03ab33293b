"""Sends what a process has written, and writes, to one who asked: as fast as that one reads.

Who is too slow misses what falls out of the ring, and is told how much with
``{"dropped_bytes": ...}`` at the place where it is missing.
"""

from ..streams import Exchange
from .processes import Process


class Follower:
    """One reader of one process.

    Args:
        process: Whose output.
        exchange: Who asked. It is answered when the process has ended, or at ``until``.
        until: Go no further than this position.
        is_pacing: Whether the process waits for this reader.
    """

    def __init__(
        self, process: Process, exchange: Exchange, *, until: int | None, is_pacing: bool
    ) -> None:
        self._process = process
        self._exchange = exchange
        self._position = 0
        self._until = until
        self._is_pacing = is_pacing
        exchange.on_room = self._pump
        process.listeners.append(self._pump)
        exchange.after_closing(self._close)
        self._pump()

    def _pump(self) -> None:
        exchange, ring = self._exchange, self._process.ring
        while exchange.is_open:
            if self._until is not None and self._position >= self._until:
                exchange.answer({**self._process.record(), "dropped_bytes": ring.start})
                return
            left = exchange.room if self._until is None else self._until - self._position
            piece = ring.read(self._position, min(exchange.room, left))
            if piece is None:
                break
            if piece.missed:
                exchange.tell({"dropped_bytes": piece.missed})
            exchange.send(piece.data, piece.kind)
            self._position = piece.end
            if self._is_pacing:
                self._process.read_until(self._position)
        if self._process.answer is not None and self._position >= ring.end:
            exchange.answer(self._process.answer)

    def _close(self) -> None:
        self._process.listeners.remove(self._pump)
