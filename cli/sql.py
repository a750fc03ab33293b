"""``perdure sql``: asks one object's database, or changes it."""

import click

from ..runtime.host.operations.querying import ROWS_MAX, SqlArguments
from ..runtime.observe.printable import printable
from .actors import counted
from .columns import Column, Columns
from .operating import Asking, Item, Where, with_place
from .options import one_object_and
from .ranges import WholeNumber
from .shown import cell, row_object


@click.command(
    epilog="""\b
Examples:
  perdure sql Room lobby "SELECT * FROM messages ORDER BY id DESC LIMIT 10"
  perdure sql Room lobby --json "SELECT count(*) AS n FROM messages"
  perdure sql Room lobby --write "DELETE FROM messages WHERE id < 100\""""
)
@one_object_and("QUERY")
@click.option("--write", is_flag=True, help="Let it write; all statements are done, or none.")
@click.option(
    "--limit",
    type=WholeNumber(1, 1_000_000),
    default=ROWS_MAX,
    show_default=True,
    metavar="N",
    help="At most so many rows.",
)
@with_place
def sql(
    namespace: str,
    name: str | None,
    id_text: str | None,
    query: str,
    write: bool,
    limit: int,
    where: Where,
) -> None:
    """Run SQL on one object. Nothing can be written without --write.

    On a running server it runs between two turns of the object, under the rules and limits of
    the object's own SQL. What was written is durable when the command ends; the object is not
    told of it.
    """

    async def talk(asking: Asking) -> None:
        rows = _Rows(asking)
        arguments = SqlArguments(namespace, query, name, id_text, write, (), limit)
        result = await asking.run("sql", arguments, rows.take)
        rows.end()
        if where.is_json:
            if result["rows_written"] is not None and not rows.columns:
                asking.answer({"rows_written": result["rows_written"]})
            return
        parts = []
        if rows.columns:
            parts.append(counted(result["rows"], "row") + (" shown" * result["has_more"]))
        if result["rows_written"] is not None:
            parts.append(f"{counted(result['rows_written'], 'row')} written")
        more = ", and there are more (--limit)" if result["has_more"] else ""
        asking.output.message(f"{', '.join(parts)}{more}; {result['duration_ms']:.1f} ms.")

    where.operate(talk)


class _Rows:
    """Writes the rows of an answer as they come in."""

    def __init__(self, asking: Asking) -> None:
        self.columns: list[str] = []
        self._asking = asking
        self._table: Columns | None = None

    def take(self, item: Item) -> None:
        if "columns" in item:
            self.columns = item["columns"]
        elif self._asking.is_json:
            self._asking.answer(row_object(self.columns, item["row"]))
        else:
            self._row(item["row"])

    def end(self) -> None:
        if self._table is not None:
            self._table.end()

    def _row(self, values: list[object]) -> None:
        if self._table is None:  # a column of which the first value is a number is one of numbers
            columns = [
                Column(printable(name), is_number=isinstance(value, int | float))
                for name, value in zip(self.columns, values, strict=True)
            ]
            self._table = Columns(self._asking.output, columns)
        self._table.row([cell(value) for value in values])
