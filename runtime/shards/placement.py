"""Which worker an actor lives in: id -> partition -> slot.

# Pure: no clock, no files.

*Promise*: an actor's partition never changes. Growing from n to n + 1 slots moves about
1 / (n + 1) of the partitions, all of them to the new slot; shrinking moves those of the slot that
goes, and no others. Every process computes the same table from the same slots.

*Assumes*: slots are named "0" to "N-1" (``slot_names``), so that the k-th of them is the same one
whatever N is.

*Rules for editing*: both functions decide where data is looked for by processes of different
versions during an upgrade, and which log an actor's commits go to. Neither may ever give another
answer for the same input; the tests hold known answers. Another way to spread needs another name,
and a migration.

*Considered and refused*: ``hash()`` (differs from process to process); the id's first bytes as
they are (the ids of tests, and those of later ways to make ids, need not be random there); a ring
with virtual nodes (its shares are less even than those of rendezvous hashing, for more code);
``partition % N`` (moves nearly everything when N changes).
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

# Enough that the shares of 32 workers are still even, and few enough that a table of all of them
# is nothing. It can never change: see above.
PARTITIONS = 1024
_MASK = PARTITIONS - 1
# Every slot draws one number of 64 bits for each partition, all at once.
_SCORES = struct.Struct(f">{PARTITIONS}Q")
_DOMAIN = "perdure slot "


def partition_of(unique_key: str, raw_id: bytes) -> int:
    """The partition of an actor: 0 to ``PARTITIONS - 1``, for ever the same.

    It is the CRC-32 (that of zlib) of the namespace's key in UTF-8 followed by the id, modulo
    ``PARTITIONS``. A CRC is even over any ids that differ somewhere, costs a third of a
    microsecond, and is the same everywhere.

    Args:
        unique_key: That of the actor's namespace.
        raw_id: The actor's 32 bytes.
    """
    return crc32(raw_id, crc32(unique_key.encode())) & _MASK


def slot_names(count: int) -> tuple[str, ...]:
    """The names of ``count`` slots: "0" to ``count - 1``."""
    assert count > 0, "somebody has to own the actors"
    return tuple(str(number) for number in range(count))


@dataclass(frozen=True, slots=True)
class Placement:
    """Which slot owns which partition. Equal slots make equal placements.

    Attributes:
        slots: Names of the slots, each once.
        owners: The slot of each partition, by its number.
    """

    slots: tuple[str, ...]
    owners: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assert self.slots, "somebody has to own the actors"
        assert len(set(self.slots)) == len(self.slots), "a slot is named once"
        object.__setattr__(self, "owners", _owners(self.slots))

    @classmethod
    def of_count(cls, count: int) -> "Placement":
        """The placement over ``count`` slots with their usual names."""
        return cls(slot_names(count))

    def slot_of(self, unique_key: str, raw_id: bytes) -> str:
        """The slot that owns an actor."""
        return self.owners[crc32(raw_id, crc32(unique_key.encode())) & _MASK]

    def partitions_of(self, slot: str) -> tuple[int, ...]:
        """The partitions that ``slot`` owns, in order; none when it is no slot of these."""
        return tuple(number for number, owner in enumerate(self.owners) if owner == slot)

    def moves_to(self, other: "Placement") -> Mapping[int, tuple[str, str]]:
        """What has another owner in ``other``: partition -> (owner here, owner there)."""
        pairs = enumerate(zip(self.owners, other.owners, strict=True))
        return {number: (here, there) for number, (here, there) in pairs if here != there}


def _owners(slots: Sequence[str]) -> tuple[str, ...]:
    """Rendezvous hashing: the slot that drew the highest number for a partition owns it."""
    drawn = [(_scores(slot), slot) for slot in slots]
    return tuple(
        max((scores[number], slot) for scores, slot in drawn)[1] for number in range(PARTITIONS)
    )


def _scores(slot: str) -> tuple[int, ...]:
    """The numbers that ``slot`` draws: SHAKE-256 of its name, as 64 bits for each partition."""
    digest = hashlib.shake_256(f"{_DOMAIN}{slot}".encode()).digest(_SCORES.size)
    return _SCORES.unpack(digest)
