"""A router that notes what workers' deaths have met: ``python -m tests.chaos.router``.

With a mutation named in its environment it breaks one of the promises: a run has to notice.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from perdure.actors.session import SERVICE_RESTART
from perdure.runtime import router_process
from perdure.runtime.shards.link.errors import LinkEnded
from perdure.runtime.shards.sockets.held_sockets import HeldSocket, HeldSockets
from perdure.runtime.shards.sockets.orphans import Orphans
from perdure.runtime.shards.sockets.unacknowledged import Unacknowledged
from tests.chaos.points import FOLDER

MUTATION = "PERDURE_CHAOS_MUTATION"
NOTES = "notes"

ended, receive = HeldSockets._ended, HeldSocket.receive
undelivered = Unacknowledged.undelivered
largest = 0


def _note(**what: object) -> None:
    with (Path(os.environ[FOLDER]) / NOTES).open("a") as notes:
        notes.write(json.dumps(what) + "\n")


def _put(owner: type, name: str, function: Callable[..., object]) -> None:
    setattr(owner, name, function)


def _ended(sockets: HeldSockets, end: LinkEnded) -> None:
    """How many messages a worker had in hand when it went."""
    peer = sockets.link.peer
    had = sum(kept.is_delivered for held in sockets for kept in held.unacknowledged._kept.values())
    if not end.is_orderly and peer is not None:
        _note(slot=peer.slot, generation=peer.generation, had=had)
    ended(sockets, end)


def _receive(held: HeldSocket, message: str | bytes) -> None:
    """How much is kept for one client at most."""
    global largest  # noqa: PLW0603  # of this process
    receive(held, message)
    if held.unacknowledged.size_bytes > largest:
        largest = held.unacknowledged.size_bytes
        _note(largest=largest)


# ---- mutations


def without_redelivery() -> None:
    """What a dead worker had in hand is told to nobody again."""

    def only_new(kept: Unacknowledged) -> Iterator[tuple[int, str | bytes, bool]]:
        return (one for one in undelivered(kept) if not one[2])

    _put(Unacknowledged, "undelivered", only_new)


def without_marks() -> None:
    """It is told again, and nobody says so."""

    def unmarked(kept: Unacknowledged) -> Iterator[tuple[int, str | bytes, bool]]:
        return ((number, message, False) for number, message, _ in undelivered(kept))

    _put(Unacknowledged, "undelivered", unmarked)


def without_pausing() -> None:
    """A client is read however much of it is kept here, and while nobody is there to hear it."""
    _put(HeldSocket, "_read_no_more", lambda held, why: None)


def without_holding() -> None:
    """Nor is anything kept while nobody is there."""
    without_pausing()

    def forget(held: HeldSocket, message: str | bytes) -> None:
        if held._home is not None:
            _receive(held, message)

    _put(HeldSocket, "receive", forget)


def without_replay() -> None:
    """Sockets that cannot hibernate are not asked for again."""

    def close(orphans: Orphans, held: HeldSocket, request: object) -> None:
        del orphans, request
        held.sever(SERVICE_RESTART, "nobody asks again")

    _put(Orphans, "_ask_again", close)


MUTATIONS: dict[str, Callable[[], None]] = {
    "redelivery": without_redelivery,
    "marks": without_marks,
    "pausing": without_pausing,
    "holding": without_holding,
    "replay": without_replay,
}


def main() -> int:
    """Be a router; see ``perdure.runtime.router_process``."""
    _put(HeldSockets, "_ended", _ended)
    _put(HeldSocket, "receive", _receive)
    if MUTATION in os.environ:
        MUTATIONS[os.environ[MUTATION]]()
    return router_process.main()


if __name__ == "__main__":
    sys.exit(main())
