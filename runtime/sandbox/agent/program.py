"""Where the agent begins: ``python -I -S agent.pyc DESCRIPTOR [WORKSPACE]``."""

import os
import socket

from .agent import Agent
from .places import WORKSPACE


def main(arguments: list[str]) -> None:
    """Serve the keeper at the other end of a descriptor."""
    connection = socket.socket(fileno=int(arguments[0]))
    os.set_inheritable(connection.fileno(), False)  # noqa: FBT003  # it takes no keywords
    workspace = arguments[1] if len(arguments) > 1 else WORKSPACE  # see above
    os.chdir(workspace)
    os.umask(0o022)
    Agent(connection, workspace).run()
