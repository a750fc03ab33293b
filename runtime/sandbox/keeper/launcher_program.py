"""Where the launcher begins: ``python -m ...launcher_program LISTENING LIFE FOLDER``."""

import socket
import sys
from pathlib import Path

from ...observe.logs import LogStyle, set_up_logs
from ..wall.cgroups import hasten_joining, remove_leftovers
from .launcher import Launcher
from .walled import prepare, start_walled, wall_name


def main(arguments: list[str]) -> None:
    """Serve until the life pipe is closed."""
    listening, life, folder = arguments
    set_up_logs(sys.stderr, LogStyle("info", colour=False))
    prepare()
    Launcher(
        Path(folder),
        socket.socket(fileno=int(listening)),
        int(life),
        start_walled,
        lambda name: remove_leftovers(wall_name(Path(folder, name))),
        hasten_joining,
    ).run()


if __name__ == "__main__":
    main(sys.argv[1:])
