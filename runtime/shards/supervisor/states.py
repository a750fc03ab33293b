# Pure: no asyncio, clock, randomness, file or socket.
"""The life of a child process as its supervisor sees it, as a table."""

import enum

from ....storage.errors import InternalError


class ChildState(enum.Enum):
    LAUNCHED = "launched"  # the process runs; its HELLO is not there yet
    SPARE = "spare"  # the framework is imported; it waits to be told what to be
    STARTING = "starting"  # it was told, and imports its program
    READY = "ready"  # it could serve; another may still do so in its place
    OPENING = "opening"  # it was told to serve, and takes over what that needs
    SERVING = "serving"
    RELAYING = "relaying"  # a successor serves; it has the clients that it still had then
    DRAINING = "draining"  # no new work; what is under way finishes
    STOPPING = "stopping"  # it was told to end
    KILLED = "killed"  # SIGKILL was sent; it is not reaped yet
    DEAD = "dead"  # reaped


_LAST = {ChildState.STOPPING, ChildState.KILLED, ChildState.DEAD}

LEGAL = {
    ChildState.LAUNCHED: {ChildState.SPARE, *_LAST},
    ChildState.SPARE: {ChildState.STARTING, *_LAST},
    ChildState.STARTING: {ChildState.READY, *_LAST},
    ChildState.READY: {ChildState.OPENING, *_LAST},
    ChildState.OPENING: {ChildState.SERVING, *_LAST},
    ChildState.SERVING: {ChildState.RELAYING, ChildState.DRAINING, *_LAST},
    ChildState.RELAYING: {ChildState.DRAINING, *_LAST},
    ChildState.DRAINING: _LAST,
    ChildState.STOPPING: {ChildState.KILLED, ChildState.DEAD},
    ChildState.KILLED: {ChildState.DEAD},
    ChildState.DEAD: set[ChildState](),
}

# Others have links to it.
JOINED = frozenset(
    {ChildState.OPENING, ChildState.SERVING, ChildState.RELAYING, ChildState.DRAINING}
)
# It has nothing to do that may hold its event loop for long: when it is silent, it hangs. An
# import may take its time, and so may the recovery of a log; both have time limits of their own.
WATCHED = frozenset({ChildState.SPARE, ChildState.READY, ChildState.SERVING, ChildState.RELAYING})
# It comes to serve, which somebody may wait for. It need not answer; but a process that is stopped
# by a signal or a debugger gets nowhere.
COMING = frozenset({ChildState.LAUNCHED, ChildState.STARTING, ChildState.OPENING})
# It is on its way out, whatever it says.
LEAVING = frozenset(_LAST)


def move(state: ChildState, to: ChildState) -> ChildState:
    """The state ``to``, if the table lets ``state`` become that."""
    if to not in LEGAL[state]:
        raise InternalError(f"a child process cannot go from {state.value} to {to.value}")
    return to
