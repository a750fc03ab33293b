"""The states of an actor's transaction, as a table.

# Pure: it runs no SQL.

    none --begin--> implicit --commit or rollback--> none
                    implicit --savepoint--> explicit --release or rollback to, the last--> implicit
                                            explicit --rollback--> none

Implicit: what a turn writes between two suspensions. Explicit: a ``transaction`` or
``transaction_sync`` of the user's is open inside it; ``depth`` counts how many are nested.
Nothing commits while one is open, so that the outside never sees half of it.
"""

from enum import Enum

from .errors import InternalError


class State(Enum):
    NONE = "none"
    IMPLICIT = "implicit"
    EXPLICIT = "explicit"


class Move(Enum):
    BEGIN = "begin"
    SAVEPOINT = "savepoint"
    RELEASE = "release"
    ROLLBACK_TO = "rollback to"
    COMMIT = "commit"
    ROLLBACK = "rollback"


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
        if (self.state, move) not in LEGAL:
            raise InternalError(f"{move.value} in a transaction that is {self.state.value}")

    def move(self, move: Move) -> None:
        """Go on to the next state."""
        self.check(move)
        self.state = LEGAL[self.state, move]
        self.depth += _DEPTH.get(move, 0)
        if self.state is State.NONE:
            self.depth = 0
        elif self.depth == 0:
            self.state = State.IMPLICIT
