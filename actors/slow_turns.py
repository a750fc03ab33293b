"""Warns of turns that held up the loop, and with it everybody else.

Calls from actor to actor run within the caller's turn (decision 0006), so turns lie inside each
other. A turn is told of the time that was its own; what slow turns inside it took is theirs.

Rules for editing this file:
    ``execution.py`` reads the clock twice for each turn and compares, which takes 0.17 us of the
    23 us of a call (``bench/bench_turn.py``); everything here runs for a slow turn only.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

log = logging.getLogger("perdure.actors")


class SlowTurns:
    """What slow turns took so far, on this thread's loop.

    Attributes:
        told_s: Seconds of all turns that were slow, those inside others not counted twice.
    """

    __slots__ = ("told_s",)

    def __init__(self) -> None:
        self.told_s = 0.0

    def ended(
        self,
        turn: object,
        took_s: float,
        told_before_s: float,
        slow_s: float,
        describe: Callable[[], Mapping[str, str]],
    ) -> None:
        """Warn of ``turn``, unless it was slow because of turns inside it.

        Args:
            turn: What has ended.
            took_s: How long it took.
            told_before_s: ``told_s`` when it began.
            slow_s: From when on a turn is slow.
            describe: Says whose turn it was.
        """
        own_s = took_s - (self.told_s - told_before_s)
        self.told_s = told_before_s + took_s
        if own_s > slow_s:
            facts = {"handler": handler_of(turn), "duration_ms": round(own_s * 1000)}
            log.warning("turn.slow", extra={**describe(), **facts})


SLOW_TURNS = SlowTurns()
# Functions of ours around something of the user's that has no name.
_OURS = {"wait_for_it": "an awaitable"}


def handler_of(turn: Any) -> str:
    """What ran in ``turn``: a method's name, ``fetch``, ``alarm``, ``web_socket_message``..."""
    return str(getattr(turn, "handler", None) or type(turn).__name__)


def name_of(function: Any) -> str:
    """The name of a method or coroutine without its class: ``Room.add`` is ``add``."""
    name = str(getattr(function, "__qualname__", None) or type(function).__qualname__)
    name = name.rpartition("<locals>.")[2]  # of a function inside another one, its own
    return _OURS.get(name) or name.partition(".")[2] or name
