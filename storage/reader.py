"""SQL for people who look at an actor: it reads, and cannot do anything else.

*Promise*: nothing in the database, in the connection or in the actor's statements differs
afterwards.
*Rules for editing*: SQLite says of each compiled statement whether it writes, and that is looked
at before it runs; the authorizer refuses pragmas that set something, which SQLite does not count.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import apsw

from .bindings import bindable
from .engine import ActorDatabase
from .errors import InvalidArgument, SqlError
from .statements import USER_FLAG

READ_ONLY = "The statement would write; only reading is allowed here."
_TOO_MANY = "Only one statement at a time can be read from."
_NO_STATEMENT = "SQL code did not contain a statement."


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query.

    Attributes:
        columns: Their columns' names; two may be equal.
        rows: The rows.
        has_more: There were more than were wanted.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    has_more: bool


def read(
    database: ActorDatabase, query: str, bindings: tuple[Any, ...] = (), *, rows_max: int
) -> Answer:
    """Run one statement that only reads, under the rules and limits of the actor's own SQL.

    A transaction is open afterwards, as after any use of the actor's SQL; it has written nothing.

    Raises:
        SqlError: SQLite or a rule refused it; it took longer than a statement may.
        DatabaseFailed: The database as a whole failed.
    """
    own = database.begin_user_sql(query)
    database.rules.only_reads = True
    cursor = own.connection.cursor()
    looked = _Look()
    cursor.exec_trace = looked
    try:
        # Not from apsw's cache: what the actor has compiled was judged by other rules.
        cursor.execute(query, bindable(bindings) or None, can_cache=False, prepare_flags=USER_FLAG)
        rows = list(islice(cursor, rows_max + 1))
    except apsw.BindingsError:
        raise SqlError("Wrong number of parameter bindings for SQL query.") from None
    except apsw.Error as error:
        raise database.error_from(error) from error
    except ValueError as error:
        raise InvalidArgument(f"the query or a binding is no valid text: {error}") from error
    finally:
        database.rules.only_reads = False
        database.end_user_sql()
        cursor.close(force=True)
        database.put_back(own)
    if not looked.count:
        raise SqlError(_NO_STATEMENT)
    return Answer(looked.columns, rows[:rows_max], len(rows) > rows_max)


class _Look:
    """Looks at each statement before it runs; called by apsw.

    Attributes:
        count: How many statements there were so far.
        columns: Of the last of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.columns: tuple[str, ...] = ()

    def __call__(self, cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        del sql, bindings
        if not cursor.has_vdbe:  # a comment, or nothing
            return True
        if not cursor.is_readonly:
            raise SqlError(READ_ONLY)
        self.count += 1
        if self.count > 1:
            raise SqlError(_TOO_MANY)
        self.columns = tuple([column[0] for column in cursor.get_description()])
        return True
