"""What an actor may ask of its own past; answered by the process it lives in."""

from typing import Protocol

from ..storage.bookmark import Bookmark
from .ids import DurableObjectId


class Past(Protocol):
    """The states that actors have been in."""

    def current(self, actor_id: DurableObjectId) -> Bookmark:
        """Return the bookmark of all that the actor has committed by now."""
        ...

    async def at_time(self, actor_id: DurableObjectId, time_ms: int) -> Bookmark:
        """Return the bookmark of the state at a time, in Unix milliseconds."""
        ...

    async def restore_at_next_start(self, actor_id: DurableObjectId, bookmark: Bookmark) -> None:
        """Have the actor start from that state when it is started next."""
        ...
