"""How an agent comes into being behind its wall, or without one."""

import hashlib
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..agent.bundle import agent_program

DESCRIPTOR_INSIDE = 3


@dataclass(frozen=True, slots=True)
class Need:
    """What an agent is started with.

    Attributes:
        name: The sandbox's, of lower case letters and digits.
        workspace: The folder of its files.
        program: The agent, as a file.
        connection: Its end of the way to the keeper.
        uid: Whom it is to be outside, if this is root and there is a wall.
        settings: What the opener wants of the wall: isolation, network, limits.
    """

    name: str
    workspace: Path
    program: Path
    connection: socket.socket
    uid: int | None
    settings: Mapping[str, Any]


class Housing(Protocol):
    """An agent, and the wall around it: ``wall.start.Wall``.

    Attributes:
        pidfd: Readable when it has ended.
    """

    pidfd: int

    def end(self, within_s: float = 2.0) -> object:
        """Kill all that is inside, and take the wall down; return what is known of how it ended."""
        ...

    def usage(self) -> Any:
        """Tell what it uses: a dataclass."""
        ...


# Raises an exception that says what is missing, if it cannot.
StartHousing = Callable[[Need], Housing]


def is_walled(settings: Mapping[str, Any]) -> bool:
    """Whether there is to be a wall."""
    return settings.get("isolation") != "none"


def python() -> str:
    """Return the Python that runs the agent, as a path that also exists inside."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = Path(sys.base_prefix, "bin", version)
    return str(found) if found.exists() else os.path.realpath(sys.executable)


def write_program(folder: Path) -> Path:
    """Write the agent's file, if it is not there yet, and return its path."""
    program = agent_program()
    path = folder / f"agent-{hashlib.sha256(program).hexdigest()[:16]}.pyc"
    if not path.exists():
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_bytes(program)
        fresh.chmod(0o444)
        fresh.rename(path)
    return path
