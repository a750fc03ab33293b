"""The states of a transaction are a table; what is not in it is a bug of ours."""

import itertools

import pytest

from perdure.storage.errors import InternalError
from perdure.storage.transaction import LEGAL, Move, State, Transaction

ILLEGAL = sorted(set(itertools.product(State, Move)) - set(LEGAL), key=str)


def transaction_in(state: State) -> Transaction:
    transaction = Transaction()
    for move in {
        State.NONE: [],
        State.IMPLICIT: [Move.BEGIN],
        State.EXPLICIT: [Move.BEGIN, Move.SAVEPOINT],
    }[state]:
        transaction.move(move)
    return transaction


@pytest.mark.parametrize(("state", "move"), ILLEGAL)
def test_what_is_not_in_the_table_is_refused(state: State, move: Move) -> None:
    transaction = transaction_in(state)
    with pytest.raises(InternalError) as caught:
        transaction.move(move)
    what = move.name.lower().replace("_", " ")
    assert str(caught.value) == f"{what} in a transaction that is {state.name.lower()}"
    assert transaction.state is state


def test_explicit_transactions_nest() -> None:
    transaction = transaction_in(State.EXPLICIT)
    transaction.move(Move.SAVEPOINT)
    assert transaction.depth == 2
    transaction.move(Move.RELEASE)
    assert (transaction.state, transaction.depth) == (State.EXPLICIT, 1)
    transaction.move(Move.ROLLBACK_TO)
    assert (transaction.state, transaction.depth) == (State.IMPLICIT, 0)
    transaction.move(Move.COMMIT)
    assert transaction.state is State.NONE


def test_a_rollback_ends_them_all() -> None:
    transaction = transaction_in(State.EXPLICIT)
    transaction.move(Move.SAVEPOINT)
    transaction.move(Move.ROLLBACK)
    assert (transaction.state, transaction.depth) == (State.NONE, 0)


def test_a_check_does_not_move() -> None:
    transaction = transaction_in(State.IMPLICIT)
    transaction.check(Move.COMMIT)
    assert transaction.state is State.IMPLICIT
