"""What the actors of these tests do in a turn, and how one sees that only whole turns are there.

A turn changes everything an actor has: values, two rows, a savepoint that is undone, the alarm.
What must be there after turn number ``n`` follows from ``n`` alone, so whoever looks needs to
know nothing but the number of the last turn that was acknowledged.
"""

from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql

KEY = "faults-Room"
# So many of the latest rows are kept, so that an actor's file does not grow for ever.
WINDOW = 40
# Every so many turns all is deleted, and begun anew in the same turn.
LIFE = 97
LARGE_EVERY = 31
LARGE_CHARACTERS = 60_000


def actor_id(actor: int) -> bytes:
    return bytes([actor]) * 32


def write_turn(db: ActorDatabase, number: int) -> None:
    """Write turn ``number`` of an actor, and commit it."""
    kv, sql = KeyValue(db), Sql(db)
    if number % LIFE == 0:
        db.delete_all()
    if number == 1 or number % LIFE == 0:
        sql.exec("CREATE TABLE numbers (n INTEGER PRIMARY KEY, padding TEXT)")
        kv.put("sum", 0)
    kv.put("number", number)
    db.savepoint()
    kv.put("number", -1)
    sql.exec("DELETE FROM numbers")
    db.rollback_to()
    sql.exec("INSERT INTO numbers VALUES (?, ?)", number, _padding(number))
    sql.exec("DELETE FROM numbers WHERE n <= ?", number - WINDOW)
    kv.put("sum", int(kv.get("sum")) + number)
    if number % LARGE_EVERY == 0:
        kv.put("large", _large(number))
    Metadata(db).set_alarm_ms(number)
    db.commit(number)


def read_turn(db: ActorDatabase) -> int:
    """Return the number of the last turn that is there.

    Raises:
        AssertionError: There is something that no turn leaves behind.
    """
    kv, sql = KeyValue(db), Sql(db)
    number = kv.get("number", 0)
    if number == 0:
        assert kv.list() == {}, "the turn that wrote these values is not there"
        return 0
    begin = number - number % LIFE
    rows = db.rows("SELECT n, padding FROM numbers ORDER BY n")
    first = max(begin, number - WINDOW + 1, 1)
    wanted = [(n, _padding(n)) for n in range(first, number + 1)]
    assert rows == wanted, f"turn {number} left {[n for n, _ in rows]}, not from {first} on"
    total = kv.get("sum")
    assert total == sum(range(begin, number + 1)), f"turn {number} left the sum {total}"
    latest = number - number % LARGE_EVERY
    large = _large(latest) if latest >= max(begin, 1) else None
    assert kv.get("large") == large, f"turn {number} left another large value"
    alarm = Metadata(db).get_alarm_ms()
    assert alarm == number, f"turn {number} left an alarm at {alarm}"
    assert sql.exec("PRAGMA quick_check").one() == {"quick_check": "ok"}
    return int(number)


def _padding(number: int) -> str:
    return "x" * (number * 37 % 3000)


def _large(number: int) -> str:
    return f"{number} ".ljust(LARGE_CHARACTERS, "y")
