"""Why a wall cannot be had, or does not come down."""

from ....storage.errors import PerdureError


class WallRefused(PerdureError):
    """This machine cannot give the wall that was asked for; nothing was started.

    Attributes:
        missing: What is not there, or what the kernel said.
        what_to_do: What to install or to write, for the operator.
    """

    def __init__(self, missing: str, what_to_do: str) -> None:
        self.missing = missing
        self.what_to_do = what_to_do
        super().__init__(missing, what_to_do)

    def __str__(self) -> str:
        return f"no sandbox was started: {self.missing}. {self.what_to_do}"


class WallStands(PerdureError):
    """Something behind a wall could not be ended in time: a process that the kernel holds.

    Attributes:
        name: Of the wall.
        pids: What is left of it.
    """

    def __init__(self, name: str, pids: list[int]) -> None:
        self.name = name
        self.pids = pids
        super().__init__(name, pids)

    def __str__(self) -> str:
        return (
            f"processes of sandbox {self.name} do not end: {self.pids}. They wait in the kernel, "
            "for a disk perhaps; ask for its end again later"
        )
