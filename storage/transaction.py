"""The states of an actor's transaction, as a table.

# Pure: it runs no SQL.

    none --begin--> implicit --commit or rollback--> none
                    implicit --savepoint--> explicit --release or rollback to, the last--> implicit
                                            explicit --rollback--> none

Implicit: what a turn writes between two suspensions. Explicit: a ``transaction`` or
``transaction_sync`` of the user's is open inside it; ``depth`` counts how many are nested.
Nothing commits while one is open, so that the outside never sees half of it.
"""

from enum import IntEnum

from .errors import InternalError


class State(IntEnum):  # an int, for its hash is looked up at every commit
    NONE = 0
    IMPLICIT = 1
    EXPLICIT = 2


class Move(IntEnum):
    BEGIN = 0
    SAVEPOINT = 1
    RELEASE = 2
    ROLLBACK_TO = 3
    COMMIT = 4
    ROLLBACK = 5


# (state, move): the next state. A move that is not here is a bug of ours.
LEGAL: dict[tuple[State, Move], State] = {
    (State.NONE, Move.BEGIN): State.IMPLICIT,
    (State.IMPLICIT, Move.SAVEPOINT): State.EXPLICIT,
    (State.IMPLICIT, Move.COMMIT): State.NONE,
    (State.IMPLICIT, Move.ROLLBACK): State.NONE,
    (State.EXPLICIT, Move.SAVEPOINT): State.EXPLICIT,
    (State.EXPLICIT, Move.RELEASE): State.EXPLICIT,  # the last one: IMPLICIT, see move()
    (State.EXPLICIT, Move.ROLLBACK_TO): State.EXPLICIT,  # likewise
    (State.EXPLICIT, Move.ROLLBACK): State.NONE,
}
_DEPTH = {Move.SAVEPOINT: +1, Move.RELEASE: -1, Move.ROLLBACK_TO: -1}
# The same by state and move, with the change of depth: each commit asks for two of them.
_NEXT = [[(LEGAL.get((state, move)), _DEPTH.get(move, 0)) for move in Move] for state in State]


class Transaction:
    """Where an actor's transaction stands.

    Attributes:
        state: See the module's docstring.
        depth: How many explicit transactions are open inside each other.
    """

    __slots__ = ("depth", "state")

    def __init__(self) -> None:
        self.state = State.NONE
        self.depth = 0

    def check(self, move: Move) -> None:
        """Raise InternalError if ``move`` is not legal now."""
        if _NEXT[self.state][move][0] is None:
            raise self._illegal(move)

    def move(self, move: Move) -> None:
        """Go on to the next state."""
        state, change = _NEXT[self.state][move]
        if state is None:
            raise self._illegal(move)
        if change:
            self.depth += change
            if self.depth == 0:
                state = State.IMPLICIT
        elif not state:
            self.depth = 0
        self.state = state

    def _illegal(self, move: Move) -> InternalError:
        what = move.name.lower().replace("_", " ")
        return InternalError(f"{what} in a transaction that is {self.state.name.lower()}")
