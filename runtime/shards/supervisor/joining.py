"""Which processes have links to each other, and how they get them.

A link is a socketpair without a name, made here and held here no longer than it takes to send
its ends away: nothing in the file system is there to be protected, cleaned up, or too long.
"""

import socket

from .child import Child
from .places import are_joined


class Joining:
    """The processes that serve, or are about to."""

    def __init__(self) -> None:
        self._members: list[Child] = []

    def join(self, child: Child) -> None:
        """Give a child links to all that it needs, and them links to it.

        Raises:
            OSError: There are no descriptors left for it.
        """
        assert child.identity is not None, "a spare one has nobody to talk to"
        for other in self._related(child):
            assert other.identity is not None, "as above"
            ours, theirs = socket.socketpair()
            child.link(other.identity, ours)
            other.link(child.identity, theirs)
        self._members.append(child)

    def leave(self, child: Child) -> None:
        """Tell the others that a child goes; one that has not joined is nobody's matter."""
        if child in self._members and child.identity is not None:
            self._members.remove(child)
            for other in self._related(child):
                other.unlink(child.identity)

    def _related(self, child: Child) -> list[Child]:
        return [
            other
            for other in self._members
            if other.identity is not None
            and child.identity is not None
            and are_joined(child.identity.place.role, other.identity.place.role)
        ]
