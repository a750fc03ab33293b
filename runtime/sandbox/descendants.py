"""All processes that a process has started, and those have started, as far as they can be known.

*Promise*: who is found is a descendant now, not a process that has got a number since: what the
caller sees below itself cannot be given to others while its parents live.
Daemons (processes whose parents have ended) belong to whoever has called ``adopt_orphans``, so
for that one they are still to be found.
*Rules for editing*: the agent runs this file, too: nothing but the standard library.
"""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of what has lost its own somewhere below."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed when the thread ends that started this process."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def children_by_parent() -> dict[int, list[int]]:
    """Return the living children of each process that there is to see."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  # pathlib takes 10 ms to import
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  # as above
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if state not in {b"Z", b"X"}:
            found.setdefault(int(parent), []).append(int(name))
    return found


def descendants(of: int, spared: Collection[int] = ()) -> Iterator[int]:
    """Give all living processes below one, and leave out those that are spared with all below."""
    below = children_by_parent()
    waiting = list(below.get(of, ()))
    while waiting:
        pid = waiting.pop()
        if pid not in spared:
            yield pid
            waiting += below.get(pid, ())


def kill_descendants(
    spared: Collection[int] = (),
    *,
    within_s: float = 2.0,
    reap: Callable[[], None] = lambda: None,
) -> int:
    """Kill all that is below this process, and what it starts meanwhile; return how many it was.

    Whoever calls adopts orphans, else the children of those that are killed get away. They are
    stopped first, until all are: one that is killed makes room for another one to be forked.

    ``kill(-1)`` would be shorter, and is never right: it ends whatever this process may signal,
    and where that is the whole machine, because a wall is not where it was thought to be, all of
    that. What is not below this process is nobody's to end here.

    Args:
        spared: These, and what is below them, are left alone.
        within_s: Whoever cannot be killed (it is in the middle of a disk's failure) is given up
            after so long.
        reap: Called between rounds, to take the dead away.
    """
    stopped = set[int]()
    deadline = time.monotonic() + within_s
    while fresh := set(descendants(os.getpid(), spared)) - stopped:
        _signal_all(fresh, signal.SIGSTOP)
        stopped |= fresh
        if time.monotonic() > deadline:
            break
    while alive := set(descendants(os.getpid(), spared)):
        _signal_all(alive, signal.SIGKILL)
        stopped |= alive
        reap()
        if time.monotonic() > deadline:
            break
        time.sleep(0.001)
    reap()
    return len(stopped)


def _signal_all(pids: Collection[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
