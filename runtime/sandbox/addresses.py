# Pure: names.
"""Where the launcher and the keepers are reached: the names of their sockets."""

from typing import Final

LAUNCHER_SOCKET_NAME: Final = "launcher.sock"  # in the folder of all sandboxes
KEEPER_SOCKET_NAME: Final = "keeper.sock"  # in a sandbox's own
