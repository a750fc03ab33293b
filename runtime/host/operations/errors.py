"""What an operator asked for and cannot have, and what to ask for instead.

    OperatorError (UsageError)
    ├── NoSuchNamespace
    ├── AmbiguousNamespace
    ├── NoSuchActor
    ├── ActorExists
    ├── ActorBusy
    ├── ActorElsewhere
    ├── WouldWrite
    └── TargetUnusable
        └── SourceUnusable

Each has a hint, which may be empty.
"""

from collections.abc import Sequence
from pathlib import Path

from ....storage.errors import UsageError


class OperatorError(UsageError):
    """An operation was refused; nothing was changed.

    Attributes:
        problem: What cannot be.
        hint: What the operator can do.
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(problem, hint)

    def __str__(self) -> str:
        return self.problem


class NoSuchNamespace(OperatorError):
    """No class, binding or unique key of that name is in the data directory."""


class AmbiguousNamespace(OperatorError):
    """Several namespaces have this name.

    Attributes:
        name: The name.
        unique_keys: Theirs, each of which names one.
    """

    def __init__(self, name: str, unique_keys: Sequence[str]) -> None:
        self.name = name
        self.unique_keys = unique_keys
        several = ", ".join(unique_keys)
        super().__init__(f'"{name}" names several namespaces', f"Name one by its key: {several}")


class NoSuchActor(OperatorError):
    """The actor has never stored anything, or was deleted."""


class ActorExists(OperatorError):
    """What would be made is there already."""


class ActorBusy(OperatorError):
    """The actor is in the middle of something, and stayed so for as long as was waited."""


class ActorElsewhere(OperatorError):
    """Another worker has the actor; it has changed hands since the worker was chosen."""


class WouldWrite(OperatorError):
    """The statement would write, and only reading was asked for."""


class TargetUnusable(OperatorError):
    """The file or directory that was to be written is there already, or cannot be written.

    Attributes:
        path: It.
    """

    def __init__(self, path: Path, problem: str, hint: str = "") -> None:
        self.path = path
        super().__init__(f"{path}: {problem}", hint)


class SourceUnusable(TargetUnusable):
    """The file that was to be read cannot become an actor."""
