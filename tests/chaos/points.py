"""Moments at which a process of a run dies: it is told from outside which, and passes them inside.

Nothing of this is in the product: the programs of this folder put it there (worker.py), and so
does the user's program (program.py). A process is told by a file with its number and SIGUSR1.
"""

import contextlib
import os
import signal
from pathlib import Path
from types import FrameType

FOLDER = "PERDURE_CHAOS"  # the variable that names where orders lie
ORDER_SIGNAL = signal.SIGUSR1

# Moment -> how often it is passed until the process dies of it.
_armed: dict[str, int] = {}


def order(folder: Path, pid: int, moment: str, count: int) -> None:
    """Have a process die when it passes ``moment`` for the ``count``-th time from now on."""
    (folder / f"order-{pid}").write_text(f"{count} {moment}")
    with contextlib.suppress(ProcessLookupError):  # somebody was faster
        os.kill(pid, ORDER_SIGNAL)


def take_orders() -> None:
    """Be one of those that may be told."""
    signal.signal(ORDER_SIGNAL, _take_order)


def is_due(moment: str) -> bool:
    """Whether this process is to die now; each call is one time that it passes."""
    left = _armed.get(moment)
    if left is None:
        return False
    _armed[moment] = left - 1
    return left <= 1


def passed(moment: str) -> None:
    """Die here, if that was the order."""
    if is_due(moment):
        die()


def die() -> None:
    """As with kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def _take_order(number: int, frame: FrameType | None) -> None:
    del number, frame
    text = (Path(os.environ[FOLDER]) / f"order-{os.getpid()}").read_text()
    count, moment = text.split(" ", 1)
    _armed[moment] = int(count)
