"""What the runtime itself keeps in an actor's database: its alarm and its name.

The rows lie in the same transaction as everything else the actor writes, so that an alarm and
the data it is about are never apart.
"""

from .engine import ActorDatabase
from .values import decode, encode

_GET = "SELECT value FROM _cf_METADATA WHERE key = ?"
_SET = (
    "INSERT INTO _cf_METADATA (key, value) VALUES (?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_DELETE = "DELETE FROM _cf_METADATA WHERE key = ?"
_ALARM = "alarm"  # storage/eraser.py deletes it
_NAME = "name"
_OWN_PREFIX = "x-"  # of what get_value and set_value keep, apart from the rows above


class Metadata:
    """The runtime's rows of one actor."""

    __slots__ = ("_db",)

    def __init__(self, db: ActorDatabase) -> None:
        self._db = db

    def get_alarm_ms(self) -> int | None:
        """Return when the alarm is due, in Unix milliseconds, or None."""
        time_ms: int | None = self._db.value(_GET, (_ALARM,))
        return time_ms

    def set_alarm_ms(self, time_ms: int) -> None:
        """Set the alarm, in place of one set before."""
        self._db.write(_SET, (_ALARM, time_ms))

    def delete_alarm(self) -> None:
        """Delete the alarm; writes nothing if there is none."""
        self._delete(_ALARM)

    def get_name(self) -> str | None:
        """Return the name the actor's id was made from, or None if it is not known."""
        name: str | None = self._db.value(_GET, (_NAME,))
        return name

    def set_name(self, name: str) -> None:
        """Remember the name; writes nothing if it is known."""
        if self.get_name() != name:
            self._db.write(_SET, (_NAME, name))

    def get_value(self, key: str) -> object:
        """Return the small value that ``set_value`` stored under ``key``, or None."""
        data = self._db.value(_GET, (_OWN_PREFIX + key,))
        return None if data is None else decode(data)

    def set_value(self, key: str, value: object) -> None:
        """Store a small value of the runtime's own; None deletes it."""
        if value is None:
            self._delete(_OWN_PREFIX + key)
        else:
            self._db.write(_SET, (_OWN_PREFIX + key, encode(value, what=key)))

    def _delete(self, key: str) -> None:
        if self._db.value(_GET, (key,)) is not None:
            self._db.write(_DELETE, (key,))
