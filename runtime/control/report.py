"""What one process of several says of itself, for who sums it up: as it travels."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msgpack import packb, unpackb

from ...storage.errors import InternalError
from .families import KINDS, MERGES, Family


@dataclass(frozen=True, slots=True)
class Report:
    """One process.

    Attributes:
        families: What it has counted.
        reasons: Why it is degraded, in words.
    """

    families: list[Family]
    reasons: list[str]

    @classmethod
    def of(cls, families: Iterable[Family], reasons: Iterable[str] = ()) -> "Report":
        """The report with these."""
        return cls(list(families), list(reasons))

    def encode(self) -> bytes:
        """As it travels."""
        families = [
            [one.name, one.kind, one.text, one.labels, one.merge, list(one.series.items())]
            for one in self.families
        ]
        data: bytes = packb([families, self.reasons])
        return data

    @classmethod
    def decode(cls, data: bytes) -> "Report":
        """What ``encode`` gave, in a process of this server.

        Raises:
            InternalError: It is none.
        """
        try:
            families, reasons = unpackb(data)
            return cls([_family_of(*fields) for fields in families], [str(one) for one in reasons])
        except Exception as error:  # msgpack has many
            raise InternalError(f"a process reports no numbers: {error}") from error


def _family_of(
    name: str, kind: str, text: str, labels: list[str], merge: str, series: list[Any]
) -> Family:
    if kind not in KINDS or merge not in MERGES:
        raise ValueError(f"{name} is a {kind} of {merge}")
    read = {tuple(values): tuple(float(one) for one in numbers) for values, numbers in series}
    return Family(name, kind, text, tuple(labels), merge, read)
