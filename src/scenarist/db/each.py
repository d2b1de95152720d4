"""Execution of one statement for many rows, and of many statements with one wait.

On PostgreSQL the rows are sent as arrays, in one statement whose text is the same for any number
of rows: a statement per row costs the server and the driver several times as much. On SQLite it
costs nothing extra.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    Connection,
    Insert,
    Text,
    Update,
    bindparam,
    column,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from scenarist.db.sql import execute_for_rows

_ROWS_PER_STATEMENT = 200
"""Rows per statement: each may carry a value of 64 KiB."""


def execute_many(
    connection: Connection, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute a statement for each of *rows*; do nothing when there are none.

    Args:
        statement: A module constant, since what is built for it is cached. In an update, the
            parameter of each column that is set is named after the column, and no row may be
            updated twice: which of two values wins would be undefined.
        rows: All with the same keys: the columns of an insert, the parameters of an update.
    """
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        execute_for_rows(connection, statement, rows)
        return
    if len(rows) == 1:
        connection.execute(statement, list(rows))
        return
    names = tuple(rows[0])
    at_once = _make_bulk_statement(statement, names)
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        some = rows[start : start + _ROWS_PER_STATEMENT]
        connection.execute(at_once, {name: [row[name] for row in some] for name in names})


@cache
def _make_bulk_statement(statement: Insert | Update, names: tuple[str, ...]) -> Insert | Update:
    """Return the statement that takes all rows at once, as arrays bound under *names*."""
    if isinstance(statement, Insert):
        given = _unnest({name: statement.table.c[name].type for name in names})
        rows = select(*(given.c[name] for name in names))
        return insert(statement.table).from_select(names, rows, include_defaults=False)
    columns = statement.table.c
    types = {
        element.key: columns[element.key].type if element.key in columns else element.type
        for element in visitors.iterate(statement)
        if isinstance(element, BindParameter) and element.key in names
    }
    given = _unnest(types)

    def put_in(element: Any, **_: Any) -> Any:
        return given.c.get(element.key) if isinstance(element, BindParameter) else None

    return cast("Update", visitors.replacement_traverse(statement, {}, put_in))


def _unnest(types: Mapping[str, TypeEngine[Any]]) -> TableValuedAlias:
    """Return arrays bound under names as a table, each array as a column."""
    arrays = [
        bindparam(name, type_=ARRAY(Text() if isinstance(of, Text) else of, dimensions=1))
        for name, of in types.items()
    ]
    columns = [column(name, of) for name, of in types.items()]
    return func.unnest(*arrays).table_valued(*columns).render_derived("given")


@contextmanager
def pipeline(connection: Connection) -> Iterator[None]:
    """Pipeline the statements of the block: wait for all results at its end, not for each one.

    The block cannot read rows; an INSERT for which SQLAlchemy would return a number must be
    ``inline()``. An error is raised by a later statement, or by the driver at the end, so the
    block cannot tell a conflict apart from other errors.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    with driver.pipeline():
        yield
