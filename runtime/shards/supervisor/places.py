# Pure: no asyncio, clock, randomness, file or socket.
"""Who a process is: its role, its slot, and its generation; and who is joined with whom."""

import enum
from dataclasses import dataclass


class Role(enum.Enum):
    """What a process is for."""

    ROUTER = "router"  # holds the clients' connections
    WORKER = "worker"  # holds actors, and runs user code


@dataclass(frozen=True, slots=True)
class Place:
    """What one process at a time fills.

    Attributes:
        role: What it does.
        slot: Which of those with this role: "0", "1" ...
    """

    role: Role
    slot: str

    def __str__(self) -> str:
        return f"{self.role.value} {self.slot}"

    @property
    def name(self) -> str:
        """In one word, for log lines and labels: ``worker-0``."""
        return f"{self.role.value}-{self.slot}"


@dataclass(frozen=True, slots=True)
class Identity:
    """One process that fills, or filled, a place.

    Attributes:
        place: Which.
        generation: Grows with each process of the supervisor that is told what to be, whatever
            its place: of two that fill one place the later has the larger.
    """

    place: Place
    generation: int

    def __str__(self) -> str:
        return f"{self.place} of generation {self.generation}"


def are_joined(one: Role, other: Role) -> bool:
    """Say whether processes of these roles have links to each other; routers have none."""
    return Role.WORKER in {one, other}
