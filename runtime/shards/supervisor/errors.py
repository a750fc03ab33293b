"""What goes wrong between a supervisor and its children."""

from ....storage.errors import PerdureError
from .places import Place


class ControlBroken(PerdureError):
    """What a peer sent on a control connection is none of its messages; it was cut off.

    Attributes:
        problem: What was wrong with it.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        return f"the control connection was cut: {self.problem}"


class ChildFailed(PerdureError):
    """A process did not get as far as it should have; it has been ended.

    Attributes:
        place: What it was to fill.
        why: In its own words if it had any: for a program that cannot be imported, the error
            as its author reads it.
        is_usage: The program or the configuration is at fault; nobody else can mend it.
    """

    def __init__(self, place: Place, why: str, *, is_usage: bool = False) -> None:
        self.place = place
        self.why = why
        self.is_usage = is_usage
        super().__init__(place, why)

    def __str__(self) -> str:
        return f"{self.place} did not come to serve: {self.why}"


class SupervisorStopping(PerdureError):
    """The supervisor ends its processes; no other is started any more.

    Attributes:
        hint: What that means for who has asked for something.
    """

    hint = "What was asked for was not done, or not to its end. Ask again when it runs again"

    def __str__(self) -> str:
        return "The server is being stopped"
