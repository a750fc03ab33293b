"""What ``expose_port`` answers."""

from dataclasses import dataclass
from typing import Literal

from ....actors.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedPort(Record):
    """A port that the world can reach.

    Attributes:
        url: Where: ``https://{port}-{id}-{token}.{hostname}``. Whoever knows it gets in.
        exposed_at: The same; earlier versions of the original call it so.
        port: Inside.
        name: What it was called, if it was.
        status: Always "active": one that has ended is not listed.
    """

    url: str
    exposed_at: str
    port: int
    name: str | None = None
    status: Literal["active"] = "active"
