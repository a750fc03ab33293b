# Pure: no asyncio, clock, randomness, file or socket.
"""The states of a client's connection whose actor is in another process, as a table.

attached --its process is gone--> orphaned --a successor has it--> attached
attached or orphaned --the connection has ended, or the actor has said goodbye--> over
"""

import enum

from ....storage.errors import InternalError


class HeldState(enum.Enum):
    ATTACHED = "attached"  # a process has its actor, and hears what the client says
    ORPHANED = "orphaned"  # nobody does; the client is not read, and notices nothing else
    OVER = "over"  # nobody will any more


LEGAL = {
    HeldState.ATTACHED: {HeldState.ORPHANED, HeldState.OVER},
    HeldState.ORPHANED: {HeldState.ATTACHED, HeldState.OVER},
    HeldState.OVER: set[HeldState](),
}


def move(state: HeldState, to: HeldState) -> HeldState:
    """The state ``to``, if the table lets ``state`` become that."""
    if to not in LEGAL[state]:
        raise InternalError(f"a held socket cannot go from {state.value} to {to.value}")
    return to
