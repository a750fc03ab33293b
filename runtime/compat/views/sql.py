"""``storage.sql`` as programs in Workers style see it.

Figures are read when they are asked for: the SDK keeps the first it has read, which is a fault
that nobody can rely on.
"""

from collections.abc import Iterator
from typing import Any

from ....actors.sync_storage import SqlStorage
from ....storage.sql import RawRows, SqlCursor
from ..js.proxies import JsProxy, jsnull
from ..js.values import JsDict, JsList, from_native, to_native
from .names import spelled

_BOUND_AS_IT_IS = frozenset({str, int, float, bool, bytes, type(None)})


class SqlStorageView(JsProxy, js_name="SqlStorage"):
    """The SQLite database."""

    def __init__(self, native: SqlStorage) -> None:
        self.native = native

    @spelled
    def exec(self, query: Any, *bindings: Any) -> "SqlCursorView":
        """Run ``query``; what it writes is written when this returns."""
        if type(query) is not str:
            query = str(query)
        for binding in bindings:
            if type(binding) not in _BOUND_AS_IT_IS:
                bindings = tuple(_bound(one) for one in bindings)
                break
        return SqlCursorView(self.native.exec(query, *bindings))

    @property
    def databaseSize(self) -> int:
        """Bytes the database holds."""
        return self.native.database_size


def _bound(value: Any) -> Any:
    return None if value is jsnull else to_native(value)


def _row(row: dict[str, Any]) -> JsDict:
    for value in row.values():
        if type(value) is bytes:
            return JsDict({name: from_native(one) for name, one in row.items()})
    return JsDict(row)


class SqlCursorView(JsProxy, js_name="Cursor"):
    """The rows of a statement, read as they are asked for; each is given once."""

    def __init__(self, native: SqlCursor) -> None:
        self.native = native

    def __iter__(self) -> Iterator[JsDict]:
        return self

    @spelled
    def __next__(self) -> JsDict:
        return _row(next(self.native))

    def next(self) -> JsDict:
        """The next row as ``value``, or ``done``."""
        return _step(self)

    @spelled
    def one(self) -> JsDict:
        """The row, of which there must be exactly one."""
        return _row(self.native.one())

    @spelled
    def toArray(self) -> JsList:
        """The rows that are left."""
        return JsList(map(_row, self.native.to_array()))

    def raw(self) -> "RawRowsView":
        """The rows as arrays of values."""
        return RawRowsView(self.native.raw())

    @property
    def columnNames(self) -> JsList:
        """The names of the columns."""
        return JsList(self.native.column_names)

    @property
    def rowsRead(self) -> int:
        """How many rows were read so far."""
        return self.native.rows_read

    @property
    def rowsWritten(self) -> int:
        """How many rows were written."""
        return self.native.rows_written


class RawRowsView(JsProxy, js_name="RawIterator"):
    """The rows of a cursor as arrays; it shares the cursor's position."""

    def __init__(self, native: RawRows) -> None:
        self.native = native

    def __iter__(self) -> Iterator[JsList]:
        return self

    @spelled
    def __next__(self) -> JsList:
        return JsList(map(from_native, next(self.native)))

    def next(self) -> JsDict:
        """The next row as ``value``, or ``done``."""
        return _step(self)

    @spelled
    def toArray(self) -> JsList:
        """The rows that are left."""
        return JsList(self)

    @property
    def columnNames(self) -> JsList:
        """The names of the columns."""
        return JsList(self.native.column_names)


def _step(rows: Iterator[Any]) -> JsDict:
    for row in rows:
        return JsDict({"done": False, "value": row})
    return JsDict({"done": True, "value": None})
