"""Errors that callers, handlers and operators of actors meet.

    PerdureError
    ├── UsageError
    │   ├── NotInHandler           something that needs a handler around it was used outside
    │   ├── StorageAccess          storage used from where its actor is not running
    │   ├── WrongThread            a stub or a socket used in a thread that actors do not live in
    │   ├── TransactionClosed      a transaction object used after its end
    │   ├── GateDeadlock           a call that could only wait for itself
    │   ├── SocketStateError       (also TypeError) a WebSocket call in the wrong state
    │   ├── InvalidClose           (also ValueError) a close code or reason that may not be sent
    │   ├── InvalidEventTimeout    (also ValueError) too long a time for a handler of sockets
    │   ├── SocketLimitExceeded    (a LimitExceeded) too many sockets or tags, too much attached
    │   ├── StubDisposed           a stub used after it had been disposed of
    │   └── ReservedMethod         (also TypeError) a handler's name called over RPC
    └── ActorError                 the other side's fault: carries remote, retryable, overloaded
        ├── ActorQuarantined       its file is damaged; no event is served until it is replaced
        ├── ActorReset             lost its memory while the call was under way
        ├── ActorOverloaded        its mailbox is full
        ├── NoSuchMethod           (also AttributeError)
        └── RemoteError            an exception whose class is not known here

``ActorAborted`` stands apart: it ends user code past ``except Exception``, so it derives
from BaseException.
"""

from datetime import UTC, datetime

from ..storage.errors import LimitExceeded, PerdureError, UsageError


class NotInHandler(UsageError):
    """``fetch``, a socket or a stub was used where no handler is running."""


class StorageAccess(UsageError):
    """An actor's storage was used from a thread, an actor or a moment that does not own it."""


class WrongThread(UsageError):
    """Something of the actors' was used in a thread, or on an event loop, that is not theirs.

    Attributes:
        what: What was used.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)

    def __str__(self) -> str:
        return (
            f"{self.what} was used in another thread, or on another event loop, than that of the "
            "actors. Use it in async code there; from a thread, have the call made there: "
            "call(stub.method, ...), which is asgi.call in a def route of FastAPI or a view of "
            'Django, environ["perdure.call"] under WSGI, and call() of a mounted program'
        )


class TransactionClosed(UsageError):
    """A transaction object was used after its transaction had ended or been rolled back."""


class GateDeadlock(UsageError):
    """What was asked for could only wait for itself; it was refused instead."""


class SocketStateError(UsageError, TypeError):
    """This WebSocket is not in a state that allows the call."""


class SocketLimitExceeded(LimitExceeded):
    """A WebSocket would carry more than is allowed; the text is the original's."""

    def __str__(self) -> str:
        return self.what


class InvalidEventTimeout(UsageError, ValueError):
    """A handler of sockets cannot be given so long.

    Attributes:
        timeout_ms: What was asked for.
        allowed_ms: The most there is.
    """

    def __init__(self, timeout_ms: float, allowed_ms: int) -> None:
        self.timeout_ms = timeout_ms
        self.allowed_ms = allowed_ms
        super().__init__(timeout_ms, allowed_ms)

    def __str__(self) -> str:
        if self.timeout_ms > self.allowed_ms:
            return f"Event timeout should not exceed {self.allowed_ms} ms."
        return f"an event timeout is 0 ms or more, not {self.timeout_ms}"


class InvalidClose(UsageError, ValueError):
    """A close code or reason that the protocol does not allow."""


class ReservedMethod(UsageError, TypeError):
    """The name belongs to a handler, so it cannot be called over RPC."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)

    def __str__(self) -> str:
        return f"{self.name!r} is a reserved method and cannot be called over RPC."


class StubDisposed(UsageError):
    """A stub was used after it had been disposed of."""

    def __str__(self) -> str:
        return (
            "RPC stub used after being disposed. A stub that was an argument is disposed of when "
            "the handler that got it has ended, and one that was in an answer when the handler "
            "that called has; keep stub.dup() to use it later"
        )


class ActorError(PerdureError):
    """The actor called did not answer; the fault is on its side.

    Attributes:
        remote: The exception was raised by code on the other side.
        retryable: The same call may succeed when it is made again (on a new stub).
        overloaded: The actor has too much to do; do not retry at once.
    """

    remote: bool = False
    retryable: bool = False
    overloaded: bool = False


class ActorReset(ActorError):
    """The actor lost its memory while handling this event; nothing of it was acknowledged.

    Attributes:
        cause: Why, as the operator reads it.
        retryable: True; the next event starts the actor afresh from disk.
    """

    retryable = True
    durable_object_reset = True

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(cause)

    def __str__(self) -> str:
        return self.cause


class ActorQuarantined(ActorError):
    """The actor's file is damaged. No event is served until it has been restored or replaced.

    The disk's fault, or of who wrote into the file; no other actor is concerned.

    Attributes:
        unique_key: The namespace's key.
        actor: The actor's id, in hex.
        name: Its name, if it has one that is known.
        since_ms: When the damage was found, in Unix milliseconds.
        problem: What SQLite said.
    """

    def __init__(
        self, unique_key: str, actor: str, name: str | None, since_ms: int, problem: str
    ) -> None:
        self.unique_key = unique_key
        self.actor = actor
        self.name = name
        self.since_ms = since_ms
        self.problem = problem
        super().__init__(unique_key, actor, name, since_ms, problem)

    def __str__(self) -> str:
        who = self.actor if self.name is None else f"{self.name!r} ({self.actor})"
        since = datetime.fromtimestamp(self.since_ms / 1000, UTC).isoformat(timespec="seconds")
        return (
            f"Durable Object {who} of {self.unique_key} is in quarantine since {since}: its file "
            f"is damaged ({self.problem}). No event is served, so that nothing is built on it. Set "
            "it back with: perdure actors restore; or replace its file with: perdure actors import"
        )


class ActorOverloaded(ActorError):
    """More events are waiting for this actor than its mailbox holds; this one was not let in.

    Attributes:
        waiting: How many wait.
    """

    overloaded = True

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        super().__init__(waiting)

    def __str__(self) -> str:
        return (
            "Durable Object is overloaded. Too many requests queued. "
            f"({self.waiting} events wait; perdure.limits.mailbox_events_max says how many may)"
        )


class NoSuchMethod(ActorError, AttributeError):
    """The class called has no public method of that name.

    Attributes:
        method: The name.
    """

    remote = True

    def __init__(self, method: str) -> None:
        self.method = method
        super().__init__(method)

    def __str__(self) -> str:
        if self.method == "fetch":
            return "Handler does not export a fetch() function."
        return f'The RPC receiver does not implement the method "{self.method}".'


class RemoteError(ActorError):
    """An exception of the other side whose class cannot be rebuilt here.

    Attributes:
        type_name: Its class over there, as ``module.Class``.
        message: What it said.
    """

    remote = True

    def __init__(self, type_name: str, message: str) -> None:
        self.type_name = type_name
        self.message = message
        super().__init__(type_name, message)

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}" if self.message else self.type_name


class ActorAborted(BaseException):
    """Ends a handler whose actor was aborted.

    Not an Exception, so that a handler's ``except Exception`` does not keep a dead actor running.
    """
