"""Which wall this machine gives, as a value, and how a process that has threads finds it out."""

import enum
import json
import subprocess
import sys
from dataclasses import dataclass

PROGRAM = f"{__name__.rpartition('.')[0]}.trials"


class Level(enum.StrEnum):
    """What a sandbox on this machine is kept in by."""

    FULL = "full"  # the wall, and limits for all its programs together
    BEST_EFFORT = "best-effort"  # the wall; limits for single processes only
    NONE = "none"  # no wall: a sandbox is refused, unless isolation = "none" is written


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        what: It.
        is_there: Whether it works here.
        detail: Which one it is, or why it does not work.
        what_to_do: If it does not work.
    """

    what: str
    is_there: bool
    detail: str
    what_to_do: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine gives to the user who asked."""

    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The best wall that can be had."""
        has = {finding.what: finding.is_there for finding in self.findings}
        if not (has["bubblewrap"] and has["namespaces"] and has["system call filter"]):
            return Level.NONE
        return Level.FULL if has["control groups"] else Level.BEST_EFFORT

    @property
    def has_outbound(self) -> bool:
        """Whether sandboxes can have network = "outbound"."""
        return any(f.what == "slirp4netns" and f.is_there for f in self.findings)

    @property
    def missing(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.is_there)


def examine_apart() -> Machine:
    """Try it all out (see ``trials``) in a process of its own, for a caller that may have threads.

    It takes half a second.

    Raises:
        subprocess.CalledProcessError: That process failed, which is a mistake of ours.
    """
    command = [sys.executable, "-P", "-m", PROGRAM]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - no input
    return Machine(tuple(Finding(**finding) for finding in json.loads(told.stdout)))
