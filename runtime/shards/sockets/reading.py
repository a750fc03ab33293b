# Pure: no asyncio, clock, randomness, file or socket.
"""How far a client's connection is read while its actor is away, or slow; and why it is not."""

import enum
from dataclasses import dataclass

from .unacknowledged import Unacknowledged


@dataclass(frozen=True, slots=True)
class HeldLimits:
    """What is kept for one client while its actor is away, or slow.

    Attributes:
        unacknowledged_max: Messages without a receipt, before the client is read no further.
        unacknowledged_size_bytes_max: Likewise, all together; one message may be larger.
        orphaned_timeout_s: How long nobody may have its actor; then it is closed with 1013.
        deaths_max: A message that so many processes in a row have died with ends its connection.
    """

    unacknowledged_max: int = 1024
    unacknowledged_size_bytes_max: int = 2**20
    orphaned_timeout_s: float = 30.0
    deaths_max: int = 3

    def is_full(self, kept: Unacknowledged) -> bool:
        """The client is to be read no further."""
        return (
            len(kept) >= self.unacknowledged_max
            or kept.size_bytes >= self.unacknowledged_size_bytes_max
        )

    def is_half_empty(self, kept: Unacknowledged) -> bool:
        """It may be read again."""
        return (
            len(kept) <= self.unacknowledged_max // 2
            and kept.size_bytes <= self.unacknowledged_size_bytes_max // 2
        )


class Unread(enum.Flag):
    """Why a client is not read."""

    NOTHING = 0
    FULL = enum.auto()  # too much of it has no receipt
    ASKED = enum.auto()  # its actor wants no more for a while
    ORPHANED = enum.auto()
    LEAVING = enum.auto()  # another router is to have it
    NOT_TAKEN = enum.auto()  # what its actor wants of the connection is on its way
