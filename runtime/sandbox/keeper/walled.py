"""Starts agents behind walls: what a sandbox's settings mean for its wall."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..wall.options import Isolation, Network, WallLimits, WallOptions
from ..wall.start import Wall, start_wall
from .housing import DESCRIPTOR_INSIDE, Need, is_walled, python

PROGRAM_INSIDE = "/perdure/agent.pyc"
NAME_SIZE = 32  # of the 64 digits of an actor's id: enough to be the only one


def wall_name(name: str) -> str:
    """Return what the wall of a sandbox is called: its control group has that name."""
    return name[:NAME_SIZE]


def limits_of(settings: Mapping[str, Any]) -> WallLimits:
    """Return how much the programs inside may use."""
    given = settings.get("limits") or {}
    return WallLimits(**{f.name: given[f.name] for f in fields(WallLimits) if f.name in given})


def start_walled(need: Need) -> Wall:
    """Start an agent.

    Raises:
        WallRefused: This machine cannot give this wall.
    """
    settings = need.settings
    options = WallOptions(
        name=wall_name(need.name),
        workspace=need.workspace,
        command=(
            python(),
            "-I",
            "-S",
            PROGRAM_INSIDE,
            str(DESCRIPTOR_INSIDE),
            *([] if is_walled(settings) else [str(need.workspace)]),
        ),
        environment={"LANG": "C.UTF-8"},
        read_only={PROGRAM_INSIDE: need.program},
        descriptors={DESCRIPTOR_INSIDE: need.connection.fileno()},
        uid=need.uid,
        isolation=Isolation(settings.get("isolation") or "bubblewrap"),
        network=Network(settings.get("network") or "none"),
        limits=limits_of(settings),
        best_effort=bool(settings.get("best_effort")),
    )
    return start_wall(options)
