"""What ``doctor`` says of sandboxes: which wall this machine gives, and what is missing."""

import subprocess

from ..host.operations.finding import Finding
from .wall.machine import Level, Machine, examine_apart

NAME = "sandboxes"
_OUTBOUND = "slirp4netns"  # the one finding that no level depends on
_WITHOUT = {
    Level.FULL: "",
    Level.BEST_EFFORT: 'they start only with limits = "best-effort"',
    Level.NONE: 'they start only with isolation = "none"',
}


def examine_sandboxes() -> Finding:
    """Try it out, in a process of its own, which takes half a second; in a thread."""
    try:
        return judge(examine_apart())
    except (OSError, subprocess.CalledProcessError) as error:
        return Finding(NAME, "warning", f"not known: {error}", "docs/sandbox.md has what they need")


def judge(machine: Machine) -> Finding:
    """Return what is to be said of a machine."""
    missing = [each for each in machine.missing if each.what != _OUTBOUND]
    # What makes a wall impossible says so twice: of itself, and when a trial is started.
    said = dict.fromkeys(f"{each.what}: {each.detail}" for each in missing)
    advice = dict.fromkeys(each.what_to_do for each in missing)
    if machine.level is Level.FULL:
        details = [f.detail for f in machine.findings if f.what in {"bubblewrap", "control groups"}]
        if machine.has_outbound:
            return Finding(NAME, "ok", f"{machine.level}: {', control groups of '.join(details)}")
        (outbound,) = [each for each in machine.missing if each.what == _OUTBOUND]
        found = f'{machine.level}, but for network = "outbound": {outbound.detail}'
        return Finding(NAME, "ok", found, outbound.what_to_do)
    found = f"{machine.level}, {_WITHOUT[machine.level]}. {'; '.join(said)}"
    return Finding(NAME, "warning", found, ". ".join(advice))
