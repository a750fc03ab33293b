"""Why a process of a server did not do what was asked for, as the operator reads it."""

from ...control.protocol import Failure, OperationFailed
from ..supervisor.places import Place


def away(place: Place, waited_s: float) -> OperationFailed:
    """The failure of an operation for which no process came."""
    message = f"The {place} is away, and none has taken its place within {waited_s:g} s"
    hint = "Nothing was done. perdure ps shows how far its successor is, and the log why"
    return OperationFailed(Failure("WorkerAway", message, hint))


def stopping() -> OperationFailed:
    """The failure of an operation that comes too late."""
    hint = "Nothing was done. Ask again when it has stopped, or runs again"
    return OperationFailed(Failure("ServerStopping", "The server is being stopped", hint))


def lost(place: Place) -> Failure:
    """What is told of an operation that was under way at a process that has gone."""
    message = f"The {place} ended while it was at work on this: whether it was done is not known"
    return Failure("WorkerLost", message, "Look whether it was, before you ask for it again")
