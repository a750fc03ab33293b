"""What a writer's actors have been told is durable, and whether all of it is there.

*Promise*: whatever was acknowledged, to any writer of a directory, is asked for from then on.
What was seen once after a recovery counts as acknowledged: it had better not go away again.
"""

from collections import Counter
from copy import deepcopy
from pathlib import Path

from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.directory import DataDirectory
from perdure.storage.errors import StorageError
from tests.faults.turns import KEY, actor_id, read_turn
from tests.faults.writer import Script, check_alarms, open_stores


class History:
    """All that is known of the actors of one directory.

    Attributes:
        acknowledged: The last turn of each actor that was acknowledged, or seen.
        heard: How many lines of each kind were heard, from all writers.
        said: The rest of the lines of the seldom kinds.
        last_lsn: The highest number in the log that was acknowledged.
        checked: Acknowledged turns that were looked for.
        lost: Those of them that were not there.
        problems: Anything else that must not be.
    """

    def __init__(self) -> None:
        self.acknowledged: dict[int, int] = {}
        self.heard: Counter[str] = Counter()
        self.said: dict[str, list[str]] = {}
        self.last_lsn = 0
        self.checked = 0
        self.lost = 0
        self.problems: list[str] = []
        self._unchecked: Counter[int] = Counter()
        self._is_broken = False

    @property
    def is_good(self) -> bool:
        return not self.lost and not self.problems

    def begin(self) -> None:
        """Another writer begins."""
        self._is_broken = False
        self.last_lsn = 0

    def hear(self, line: str) -> None:
        """Take in what a writer says."""
        kind, _, rest = line.partition(" ")
        self.heard[kind] += 1
        if kind == "ack":
            self._acknowledge(*map(int, rest.split()))
        elif kind == "found":
            self._find(*map(int, rest.split()))
        else:
            self.said.setdefault(kind, []).append(rest)
            self._is_broken |= kind == "broken"
            if kind == "accepted":
                self.problems.append(f"actor {rest} could write after the log had failed")

    def _acknowledge(self, actor: int, number: int, lsn: int) -> None:
        before = self.acknowledged.get(actor, 0)
        if self._is_broken:
            self.problems.append(f"turn {number} of {actor} was acknowledged by a broken log")
        if number <= before:
            self.problems.append(f"turn {number} of {actor} was acknowledged after {before}")
        self.acknowledged[actor] = number
        self.last_lsn = max(self.last_lsn, lsn)
        self._unchecked[actor] += 1

    def _find(self, actor: int, number: int) -> None:
        acknowledged = self.acknowledged.get(actor, 0)
        self.checked += self._unchecked.pop(actor, 0)
        self.lost += max(0, acknowledged - number)
        self.acknowledged[actor] = max(number, acknowledged)

    def look(self, root: Path, script: Script) -> None:
        """Recover a directory in this process, and look for all that was acknowledged."""
        try:
            found = look_into(root, script)
        except (StorageError, AssertionError) as error:
            self.problems.append(f"{type(error).__name__}: {error}")
            return
        for actor, number in found.items():
            self._find(actor, number)

    def look_at_copy(self, root: Path, script: Script) -> "History":
        """Do that with a copy of the directory, whose writer goes on; return what was found."""
        copy = deepcopy(self)
        copy.checked = 0
        copy.look(root, script)
        if copy.is_good:  # what was looked for counts once
            self.checked += copy.checked
            self._unchecked.clear()
        return copy


def look_into(root: Path, script: Script) -> dict[int, int]:
    """Recover a directory; return the last turn of each actor.

    Raises:
        StorageError: It cannot be recovered.
        AssertionError: An actor is in a state that no turn leaves behind.
    """
    with DataDirectory.open(root) as directory:
        index = AlarmIndex(directory.layout.alarms_file)
        try:
            stores = open_stores(
                script,
                directory.layout,
                index,
                notify=lambda call: None,
                on_failure=lambda failure: None,
            )
            try:
                found = {
                    actor: read_turn(stores[0].database(KEY, actor_id(actor)))
                    for actor in range(script.actors)
                }
                if script.slots == 1:
                    check_alarms(index, found)
                return found
            finally:
                for store in stores:
                    store.close()
        finally:
            index.close()
