"""All settings of one wall: what is inside, what it may use, and how it is kept in."""

# Pure: it imports nothing that does anything.

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ....storage.errors import InvalidArgument

WORKSPACE = "/workspace"  # where the program finds its files, and its home
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
MIB = 1 << 20


class Isolation(enum.StrEnum):
    """Whether there is a wall at all."""

    BUBBLEWRAP = "bubblewrap"
    NONE = "none"  # a plain child process: no wall, no limits


class Network(enum.StrEnum):
    """What a program inside can connect to."""

    NONE = "none"  # only what listens inside
    OUTBOUND = "outbound"  # the world, through slirp4netns; not this machine's loopback
    HOST = "host"  # this machine's network: for the network there is no wall


@dataclass(frozen=True, slots=True, kw_only=True)
class WallLimits:
    """How much the programs inside may use."""

    memory_bytes: int = 512 * MIB  # of all together, /tmp and /dev/shm included; no swap
    processes: int = 256  # and threads, all together; the two of the wall itself included
    cpu_cores: float = 1.0  # of all together
    file_bytes: int = 1024 * MIB  # of one file
    open_files: int = 1024  # of one process
    temporary_bytes: int = 64 * MIB  # in /tmp, and as much in /dev/shm


@dataclass(frozen=True, slots=True, kw_only=True)
class WallOptions:
    """One wall, and the program to start behind it.

    Attributes:
        name: Of lower case letters, digits and dashes; the cgroup's is ``perdure-`` and this.
        workspace: The folder that becomes ``/workspace``. As root it must belong to ``uid``.
        command: The program and its arguments, with paths as they are inside. With isolation
            "none", those that lie under ``/workspace`` or a key of ``read_only`` are translated.
        environment: All of it; nothing is inherited. ``HOME`` and ``PATH`` are set if missing.
        read_only: Files and folders to be seen inside: path inside to path outside.
        path: Folders inside that programs are looked for in first: they are put before ``PATH``,
            translated as ``command`` is.
        descriptors: What the program inherits: its number there to an open descriptor here.
            0 and 1 are /dev/null otherwise, and what comes out of 2 is kept for ``Ending.said``.
        uid: As root, whom the programs are to be outside; no other sandbox should have the same.
            An ordinary user leaves it out: they are that user, outside.
        best_effort: Start also where cgroups cannot be had, with rlimits for what they can do.
    """

    name: str
    workspace: Path
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    read_only: Mapping[str, Path] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    descriptors: Mapping[int, int] = field(default_factory=dict)
    uid: int | None = None
    isolation: Isolation = Isolation.BUBBLEWRAP
    network: Network = Network.NONE
    limits: WallLimits = field(default_factory=WallLimits)
    best_effort: bool = False

    def __post_init__(self) -> None:
        """Refuse what could mean something else to a program that it is handed to."""
        if not NAME.fullmatch(self.name):
            raise InvalidArgument(f"a wall's name is like {NAME.pattern}, not {self.name!r}")
        if not self.command:
            raise InvalidArgument("a wall needs a command to start behind it")
        if self.uid is not None and self.uid < 1:
            raise InvalidArgument("programs in a sandbox are never root outside: uid is at least 1")
        for path in (self.workspace, *self.read_only.values()):
            if not path.is_absolute():
                raise InvalidArgument(f"a path outside is absolute: {path}")
        for inside in self.read_only:
            if not inside.strip("/") or inside[0] != "/" or ".." in inside.split("/"):
                raise InvalidArgument(f"a path inside is absolute and without '..': {inside!r}")
        for name in self.environment:
            if not name or "=" in name:
                raise InvalidArgument(f"a variable of the environment cannot be called {name!r}")
        # What follows one would be a word of bubblewrap's own, which mounts whatever it is told to.
        texts = (*self.command, *self.read_only, *self.environment, *self.environment.values())
        if any("\0" in text for text in (*texts, *self.path)):
            raise InvalidArgument("commands, paths and environments have no zero bytes in them")

    def seen_at(self, inside: str) -> str:
        """Where what the program would find at ``inside`` is, with or without a wall."""
        if self.isolation is Isolation.BUBBLEWRAP:
            return inside
        for there, here in ((WORKSPACE, self.workspace), *self.read_only.items()):
            if inside == there or inside.startswith(f"{there}/"):
                return f"{here}{inside[len(there) :]}"
        return inside
