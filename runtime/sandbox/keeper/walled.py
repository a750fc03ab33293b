"""Starts agents behind walls: what a sandbox's settings mean for its wall."""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..wall.errors import WallRefused
from ..wall.options import Isolation, Network, WallLimits, WallOptions
from ..wall.seccomp import filter_program
from ..wall.start import Wall, start_wall
from ..wall.system_folders import find_system
from .housing import DESCRIPTOR_INSIDE, Need, is_walled, python

PROGRAM_INSIDE = "/perdure/agent.pyc"
# Folders of the setting `packages` are in it, by their numbers.
PACKAGES_INSIDE = "/perdure/packages"
_NAME_SIZE = 32


def wall_name(folder: Path) -> str:
    """Return what the wall of a sandbox is called: its control group has that name.

    Two servers on one machine may have sandboxes of one id, but not in one folder.
    """
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:_NAME_SIZE]


def limits_of(settings: Mapping[str, Any]) -> WallLimits:
    """Return how much the programs inside may use."""
    given = settings.get("limits") or {}
    return WallLimits(**{f.name: given[f.name] for f in fields(WallLimits) if f.name in given})


def prepare() -> None:
    """Find out what all walls have in common, before there are keepers that each would have to."""
    find_system()
    with contextlib.suppress(WallRefused):  # who wants a wall is told so
        filter_program()


def mounts_of(settings: Mapping[str, Any]) -> dict[str, Path]:
    """Return what else is to be seen inside: path inside to path outside.

    Raises:
        WallRefused: Something is not there.
    """
    mounts = {inside: Path(outside) for outside, inside in settings.get("mounts") or ()}
    for inside, outside in mounts.items():
        if not outside.exists():
            missing = f"{outside}, which is to be seen at {inside}, does not exist"
            raise WallRefused(missing, "Make it, or take it out of mount under [perdure.sandbox]")
    for number, outside in enumerate(settings.get("packages") or ()):
        mounts[f"{PACKAGES_INSIDE}/{number}"] = Path(outside)
    return mounts


def start_walled(need: Need) -> Wall:
    """Start an agent.

    Raises:
        WallRefused: This machine cannot give this wall, or something that is to be seen inside is
            not there.
    """
    settings = need.settings
    options = WallOptions(
        name=wall_name(need.workspace.parent),
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
        read_only={PROGRAM_INSIDE: need.program, **mounts_of(settings)},
        path=tuple(settings.get("path") or ()),
        descriptors={DESCRIPTOR_INSIDE: need.connection.fileno()},
        uid=need.uid,
        isolation=Isolation(settings.get("isolation") or "bubblewrap"),
        network=Network(settings.get("network") or "none"),
        limits=limits_of(settings),
        best_effort=bool(settings.get("best_effort")),
    )
    return start_wall(options)
