# Pure: a value.
"""What ``doctor`` says of one thing that it looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        state: How it is: ``bad`` has to be mended, a ``warning`` should be known.
        found: What was found.
        advice: What to do; empty if nothing is to be done.
    """

    name: str
    state: State
    found: str
    advice: str = ""
