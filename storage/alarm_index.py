"""When which actor is to be woken: the alarms of a process's actors, in memory, by time.

The truth is each actor's own row (storage/metadata.py), written with the rest of its data, and
each commit's record in the log says what it has made of the alarm. This index says which actors
to open, and when, and costs a commit no I/O: after a crash it is what was saved last
(storage/saved_alarms.py), changed by what the log says since.

*Promise*: ``indexed_no_later_than``: an actor's time here is never later than the one in its own
database, now and after any crash. What is saved is for each actor what its row said at some durable
moment, not before the log's CHECKPOINT. So replaying the log from CHECKPOINT over it gives each
actor's last durable row: that of its last change in the log, or, without one, what was saved.
*Assumes*: one thread, but for what ``saving`` returns. All actors of an index commit to one log:
its numbers order the changes. Of a directory with several logs, recovery tells of all at once;
before an actor moves to another process's log, its index is saved, as its file is synced.
*Rules for editing*: nothing is saved that is not durable in the log: an alarm that was moved to a
later time by a commit that a crash then undid would come late. And all that is durable up to an LSN
is saved before CHECKPOINT says that the log is not needed up to there.
*Considered and refused*: saving the newest time of each actor, and not before the log has it:
the checkpoint would wait for actors that write all the time. Saving all alarms in a file of
their own, whole: six megabytes for 100,000, at each checkpoint.
"""

import heapq
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .saved_alarms import SavedAlarms

# The heap is built anew when more of it than this, and than half of it, is out of date.
_STALE_MAX = 1000

Actor = tuple[str, bytes]
_Alarm = tuple[int, str, bytes]  # time, namespace, id: the order of waking
_Saved = tuple[int, str | None]  # time, name


@dataclass(frozen=True, slots=True)
class AlarmEntry:
    """One actor's alarm.

    Attributes:
        unique_key: The actor's namespace.
        actor_id: Its id, 32 bytes.
        time_ms: When it is due, in Unix milliseconds.
        name: The name its id was made from, if known.
    """

    unique_key: str
    actor_id: bytes
    time_ms: int
    name: str | None


class _Namespace:
    """The alarms of one namespace, by their actors' ids."""

    __slots__ = ("alarms", "names", "unique_key")

    def __init__(self, unique_key: str) -> None:
        self.unique_key = unique_key  # one object for all of its alarms
        self.alarms: dict[bytes, _Alarm] = {}
        self.names: dict[bytes, str] = {}


class AlarmIndex:
    """The alarms of a process's actors; close it when done."""

    __slots__ = ("_batches", "_file", "_heap", "_namespaces", "_pending", "_saving", "_taken")

    def __init__(self, path: Path) -> None:
        """Read what was saved at ``path``; the file is made if it is not there.

        Raises:
            DatabaseFailed: It cannot be opened, or is damaged.
            UnknownFormat: A later version wrote it.
        """
        self._file = SavedAlarms(path)
        self._namespaces: dict[str, _Namespace] = {}
        self._heap: list[_Alarm] = []  # with some that are out of date: others, or none, count
        self._taken: dict[Actor, _Alarm] = {}  # the only ones that are not in the heap
        # (LSN, actor, what it changed to), in the order of LSNs, which grow.
        self._pending: deque[tuple[int, Actor, _Saved | None]] = deque()
        self._batches: deque[dict[Actor, _Saved | None]] = deque()  # to be saved, in this order
        self._saving = threading.Lock()
        try:
            self._load()
        except BaseException:
            self._file.close()
            raise

    def _load(self) -> None:
        for unique_key, actor_id, time_ms, name in self._file.rows():
            namespace = self._namespace(unique_key)
            alarm = (time_ms, namespace.unique_key, actor_id)
            namespace.alarms[actor_id] = alarm
            if name is not None:
                namespace.names[actor_id] = name
            self._heap.append(alarm)
        heapq.heapify(self._heap)

    # --- what is set -------------------------------------------------------------------------

    def put(
        self, unique_key: str, actor_id: bytes, time_ms: int, name: str | None, lsn: int = 0
    ) -> None:
        """Set when an actor is to be woken.

        Args:
            unique_key: The actor's namespace.
            actor_id: Its id.
            time_ms: In Unix milliseconds.
            name: The name its id was made from, if known; one known before stays known.
            lsn: The log's record that says so, or 0: as durable as what was told before this.
        """
        name = self._set(unique_key, actor_id, time_ms, name)
        self._note(lsn, (unique_key, actor_id), (time_ms, name))

    def remove(self, unique_key: str, actor_id: bytes, lsn: int = 0) -> None:
        """Forget an actor's alarm; ``lsn`` as of ``put``."""
        if self._unset(unique_key, actor_id):
            self._note(lsn, (unique_key, actor_id), None)

    def get(self, unique_key: str, actor_id: bytes) -> int | None:
        """Return when an actor is to be woken, in Unix milliseconds, or None."""
        namespace = self._namespaces.get(unique_key)
        alarm = None if namespace is None else namespace.alarms.get(actor_id)
        return None if alarm is None else alarm[0]

    def name(self, unique_key: str, actor_id: bytes) -> str | None:
        """Return the name of an actor that has an alarm, if it is known."""
        namespace = self._namespaces.get(unique_key)
        return None if namespace is None else namespace.names.get(actor_id)

    def __len__(self) -> int:
        return sum(len(namespace.alarms) for namespace in self._namespaces.values())

    # --- what is due -------------------------------------------------------------------------

    def take(self, now_ms: int) -> AlarmEntry | None:
        """Return the first alarm that is due at ``now_ms``, if one is.

        It stays set, but is not looked at again before ``put`` or ``give_back``.
        """
        if (time_ms := self.next_time_ms()) is None or time_ms > now_ms:
            return None
        alarm = heapq.heappop(self._heap)
        _, unique_key, actor_id = alarm
        self._taken[unique_key, actor_id] = alarm
        return AlarmEntry(unique_key, actor_id, time_ms, self.name(unique_key, actor_id))

    def give_back(self, unique_key: str, actor_id: bytes) -> None:
        """Have an alarm looked at again that was taken, and neither set nor removed since."""
        alarm = self._taken.pop((unique_key, actor_id), None)
        if alarm is not None:
            heapq.heappush(self._heap, alarm)

    def correct(self, unique_key: str, actor_id: bytes, time_ms: int | None) -> None:
        """Say what an actor's own row says, if its alarm was taken and not changed since."""
        taken = self._taken.get((unique_key, actor_id))
        if taken is None or taken[0] == time_ms:
            return
        if time_ms is None:
            self.remove(unique_key, actor_id)
        else:
            self.put(unique_key, actor_id, time_ms, None)

    def next_time_ms(self) -> int | None:
        """Return when the first alarm is due, in Unix milliseconds, or None without any."""
        heap, namespaces = self._heap, self._namespaces
        while heap:
            time_ms, unique_key, actor_id = heap[0]
            namespace = namespaces.get(unique_key)
            if namespace is not None and namespace.alarms.get(actor_id) is heap[0]:
                return time_ms
            heapq.heappop(heap)
        return None

    # --- what is saved -----------------------------------------------------------------------

    def apply(self, alarms: dict[Actor, int | None]) -> None:
        """Set what the log knows since its CHECKPOINT; durable on return.

        Raises:
            DatabaseFailed: It cannot be saved; what is saved is as it was.
        """
        changes: dict[Actor, _Saved | None] = {}
        for actor, time_ms in alarms.items():
            if time_ms is None:
                self._unset(*actor)
                changes[actor] = None
            else:
                changes[actor] = (time_ms, self._set(*actor, time_ms, None))
        self._file.write(changes)

    def saving(self, lsn: int) -> Callable[[], None]:
        """Return what saves all that is set by the log's records up to ``lsn``.

        Everything up to ``lsn`` must be durable. What is returned may be called in any thread, and
        raises ``DatabaseFailed`` when nothing could be saved; the next one saves it, too.
        """
        pending = self._pending
        batch: dict[Actor, _Saved | None] = {}
        while pending and pending[0][0] <= lsn:
            _, actor, saved = pending.popleft()
            batch[actor] = saved
        if batch:
            self._batches.append(batch)
        return self._save

    def _save(self) -> None:
        with self._saving:
            while self._batches:
                self._file.write(self._batches[0])
                self._batches.popleft()

    def remove_namespace(self, unique_key: str) -> None:
        """Forget the alarms of all actors of a namespace, none of which is open; durably.

        Raises:
            DatabaseFailed: They could not be removed.
        """
        self._save()
        self._file.remove_namespace(unique_key)
        self._pending = deque(item for item in self._pending if item[1][0] != unique_key)
        self._namespaces.pop(unique_key, None)
        for actor in [actor for actor in self._taken if actor[0] == unique_key]:
            del self._taken[actor]

    def copy_to(self, path: Path) -> None:
        """Save at ``path``, a new file, what is saved in this one; may be called in any thread.

        Raises:
            DatabaseFailed: One of the two failed.
        """
        rows = self._file.rows()
        copy = SavedAlarms(path)
        try:
            copy.write({(key, actor_id): (time_ms, name) for key, actor_id, time_ms, name in rows})
        finally:
            copy.close()

    def close(self) -> None:
        """Close the file as it is; closing twice does nothing."""
        self._file.close()

    # --- below -------------------------------------------------------------------------------

    def _namespace(self, unique_key: str) -> _Namespace:
        namespace = self._namespaces.get(unique_key)
        if namespace is None:
            namespace = self._namespaces[unique_key] = _Namespace(unique_key)
        return namespace

    def _set(self, unique_key: str, actor_id: bytes, time_ms: int, name: str | None) -> str | None:
        """Put an alarm in place of the one there was; return the actor's name."""
        namespace = self._namespace(unique_key)
        alarm = (time_ms, namespace.unique_key, actor_id)
        namespace.alarms[actor_id] = alarm
        self._taken.pop((unique_key, actor_id), None)
        heapq.heappush(self._heap, alarm)
        self._tidy_heap()
        if name is None:
            return namespace.names.get(actor_id)
        namespace.names[actor_id] = name
        return name

    def _unset(self, unique_key: str, actor_id: bytes) -> bool:
        """Take an alarm away; return whether there was one."""
        self._taken.pop((unique_key, actor_id), None)
        namespace = self._namespaces.get(unique_key)
        if namespace is None or namespace.alarms.pop(actor_id, None) is None:
            return False
        namespace.names.pop(actor_id, None)
        return True

    def _note(self, lsn: int, actor: Actor, saved: _Saved | None) -> None:
        """Remember a change until it is saved."""
        pending = self._pending
        if pending and pending[-1][0] > lsn:
            lsn = pending[-1][0]
        pending.append((lsn, actor, saved))

    def _tidy_heap(self) -> None:
        """Forget what is out of date once it takes too much room."""
        counting = len(self) if len(self._heap) > _STALE_MAX else 0
        if len(self._heap) > 2 * counting + _STALE_MAX:
            self._heap = [
                alarm
                for namespace in self._namespaces.values()
                for alarm in namespace.alarms.values()
                if (alarm[1], alarm[2]) not in self._taken
            ]
            heapq.heapify(self._heap)
