"""Why a process of a server did not do what was asked for, as the operator reads it."""

from ...control.protocol import Failure, OperationFailed
from ..supervisor.places import Place

# Kinds of failures (``Failure.kind``).
WORKER_AWAY = "WorkerAway"
WORKER_LOST = "WorkerLost"
WORKER_LIES = "WorkerLies"
SERVER_STOPPING = "ServerStopping"


def away(place: Place, waited_s: float) -> OperationFailed:
    """The failure of an operation for which no process came."""
    message = f"The {place} is away, and none has taken its place within {waited_s:g} s"
    hint = "Nothing was done. perdure ps shows how far its successor is, and the log why"
    return OperationFailed(Failure(WORKER_AWAY, message, hint))


def stopping() -> OperationFailed:
    """The failure of an operation that comes too late."""
    hint = "Nothing was done. Ask again when it has stopped, or runs again"
    return OperationFailed(Failure(SERVER_STOPPING, "The server is being stopped", hint))


def moving() -> OperationFailed:
    """The failure of an operation on an actor whose worker is another one each time it is asked."""
    message = "The object changes hands just now, and no worker has it yet"
    return OperationFailed(Failure(WORKER_AWAY, message, "Nothing was done. Try it again"))


def lost(place: Place) -> Failure:
    """What is told of an operation that was under way at a process that has gone."""
    message = f"The {place} ended while it was at work on this: whether it was done is not known"
    return Failure(WORKER_LOST, message, "Look whether it was, before you ask for it again")


def lies(place: Place, problem: str) -> Failure:
    """What is told of an operation whose process has answered what is no answer."""
    message = f"The {place} answered what is no answer ({problem}), and is replaced"
    hint = "Whether it was done is not known. Look, before you ask for it again"
    return Failure(WORKER_LIES, message, hint)
