"""What ends a link, and what those get who waited for something over it.

PerdureError
├── LinkEnded              nothing comes over this link any more
│   └── LinkBroken         because what came over it may not be there: it was cut off
│       └── VersionsDiffer because a process of another version is at its other end
├── BodyLost               (also ConnectionError) the rest of a body will never come
└── ActorError
    ├── WorkerLost         the process that was called is gone
    └── LinkOverloaded     too much waits to be sent to it
"""

from ....actors.errors import ActorError
from ....storage.errors import PerdureError


class LinkEnded(PerdureError):
    """Nothing comes over a link any more, and nothing is sent.

    Attributes:
        reason: Why, as the operator reads it.
        is_peer_gone: The other process has closed its end or is dead: whatever it has not begun
            by now, of what it was sent, it never will.
        is_orderly: It has said so: it has finished what it had begun, or was told to leave it.
    """

    def __init__(
        self, reason: str, *, is_peer_gone: bool = False, is_orderly: bool = False
    ) -> None:
        self.reason = reason
        self.is_peer_gone = is_peer_gone
        self.is_orderly = is_orderly
        super().__init__(reason)

    def __str__(self) -> str:
        return self.reason


class LinkBroken(LinkEnded):
    """What came over a link may not be there: a bug, or a process that lies. It is cut off."""


class VersionsDiffer(LinkBroken):
    """A process of another version of perdure is at the other end; the two do not talk.

    Attributes:
        ours: This process's version.
        theirs: That of the other one.
    """

    def __init__(self, ours: str, theirs: str) -> None:
        self.ours = ours
        self.theirs = theirs
        super().__init__(
            f"this process runs perdure {ours}, the one at the other end of the link perdure "
            f"{theirs}: stop and start the server, so that all of its processes are of one version"
        )


class BodyLost(PerdureError, ConnectionError):
    """The process that was sending a body is gone, and with it the rest of the body.

    Attributes:
        reason: What ended the link to it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"the process that was sending this body is gone: {self.reason}"


class WorkerLost(ActorError):
    """The process that was called is gone; its answer will never come.

    As with an actor that was reset, later calls on the same stub fail too.

    Attributes:
        slot: Which worker it was; None where that has no name.
        reason: What ended the link to it.
        may_have_run: Whether the handler may have begun, so that nobody knows how far it came. If
            not, nothing at all has happened.
        retryable: The opposite: the same call can be made again without doing anything twice.
    """

    durable_object_reset = True

    def __init__(self, slot: str | None, reason: str, may_have_run: bool) -> None:  # noqa: FBT001  # errors are rebuilt from their arguments
        self.slot = slot
        self.reason = reason
        self.may_have_run = may_have_run
        self.retryable = not may_have_run
        super().__init__(slot, reason, may_have_run)

    def __str__(self) -> str:
        who = "the worker" if self.slot is None else f"worker {self.slot}"
        what = (
            "it may or may not have done what it was asked for"
            if self.may_have_run
            else "it had not begun what it was asked for, which can be asked for again"
        )
        return f"{who} is gone ({self.reason}); {what}"


class ClassGone(ActorError):
    """The worker of the actor that was called runs newer code, which has no such class any more.

    Attributes:
        slot: Which worker it is.
    """

    def __init__(self, slot: str) -> None:
        self.slot = slot
        super().__init__(slot)

    def __str__(self) -> str:
        return (
            f"worker {self.slot} runs newer code than the caller, and that has no such class; "
            "nothing was done"
        )


class LinkOverloaded(ActorError):
    """Too much waits to be sent to the process that was called; this was not sent.

    Attributes:
        slot: Which worker it is; None where that has no name.
        unsent_size_bytes: How much waits.
    """

    overloaded = True

    def __init__(self, slot: str | None, unsent_size_bytes: int) -> None:
        self.slot = slot
        self.unsent_size_bytes = unsent_size_bytes
        super().__init__(slot, unsent_size_bytes)

    def __str__(self) -> str:
        who = "the worker" if self.slot is None else f"worker {self.slot}"
        return f"{who} is overloaded: {self.unsent_size_bytes:,} bytes wait to be read by it"
