"""The past of a process's actors, as they ask for it. Is the ``Past`` of their surroundings."""

from ...actors.ids import DurableObjectId
from ...storage.bookmark import Bookmark
from ...storage.history import History
from ...storage.marks import Marks


class HostPast:
    """Answers actors from the history of their directory."""

    def __init__(self, history: History, marks: Marks) -> None:
        self._history = history
        self._marks = marks

    def current(self, actor_id: DurableObjectId) -> Bookmark:
        return self._history.current(actor_id.unique_key, actor_id.raw)

    async def at_time(self, actor_id: DurableObjectId, time_ms: int) -> Bookmark:
        return await self._history.at_time(actor_id.unique_key, actor_id.raw, time_ms)

    async def restore_at_next_start(self, actor_id: DurableObjectId, bookmark: Bookmark) -> None:
        await self._history.check(actor_id.unique_key, actor_id.raw, bookmark)
        # The name is for those who look at the directory while nobody serves it.
        data: dict[str, str | int | None] = {"bookmark": str(bookmark), "name": actor_id.name}
        self._marks.set("restore", actor_id.unique_key, actor_id.raw, data)
