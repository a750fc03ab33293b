"""Starts a program behind a wall, and ends it so that nothing of it is left."""

from .ending import Ending, Usage
from .options import WallOptions


class Wall:
    """A program behind its wall, as the process that started it has it.

    Attributes:
        options: What it was started with.
        pid: The child of this process: bubblewrap, or with isolation "none" the program itself.
        pidfd: Readable once that child has ended (for a selector); ``end`` closes it.
    """

    options: WallOptions
    pid: int
    pidfd: int

    def poll(self) -> Ending | None:
        """How it ended, or None while it runs. Never waits."""
        raise NotImplementedError

    def usage(self) -> Usage:
        """What it uses and has used; fields that this machine cannot tell are None."""
        raise NotImplementedError

    def end(self, within_s: float = 2.0) -> Ending:
        """Kill all that is inside, wait for it, and remove the cgroup; a second time does nothing.

        Raises:
            WallStands: Something inside could not be ended within ``within_s`` seconds.
        """
        raise NotImplementedError


def start_wall(options: WallOptions) -> Wall:
    """Start ``options.command`` behind a wall. The caller must have one thread only.

    It returns once the program that makes the wall runs (about 3 ms): what that finds wrong shows
    in ``Wall.poll``.

    Raises:
        WallRefused: This machine cannot give this wall; it says what is missing, and what to do.
    """
    raise NotImplementedError
