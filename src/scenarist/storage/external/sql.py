"""SQL storage: values read and written by queries of the user."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError, ScenaristError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.external.databases import (
    fetch_frame,
    fetch_preview,
    open_transaction,
    to_plain_cell,
)
from scenarist.storage.files import value_files
from scenarist.storage.python.objects import describe_error, load_function, python_type
from scenarist.storage.python.rendition import render
from scenarist.storage.tables import conversion

if TYPE_CHECKING:
    from sqlalchemy import Connection


class SqlStorage:
    """The result of ``read_query`` as a table; written by queries that the user's functions build.

    ``write_query_builder`` and ``append_query_builder`` are called with the value and return a
    query or a list of queries. Each query may instead be a pair of query and parameters: an object
    with the values for each ``:name`` in the query, or a list of such objects. All queries run in
    one transaction. A query is text or an SQLAlchemy statement.

    The stored rows are not known, so size and digest are those of the rendition.
    """

    storage_type = "sql"
    is_safe = False
    is_external = True
    can_append = True

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        rendition, kind = render(value), python_type(value)
        queries = self._build("write_query_builder", value, target)
        with open_transaction(self.storage_type, target.properties, writes=True) as connection:
            _execute_all(connection, queries)
        return value_files.describe_bytes(rendition[0].encode(), kind, rendition)

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        conversion.require_modules(self.storage_type, "pandas")
        kind = python_type(value)
        queries = self._build("append_query_builder", value, target)
        with open_transaction(self.storage_type, target.properties, writes=True) as connection:
            _execute_all(connection, queries)
            rendition = fetch_preview(_run_read_query(connection, target.properties))
        return value_files.describe_bytes(rendition[0].encode(), kind, rendition)

    def read(self, location: ValueLocation) -> Any:
        conversion.require_modules(self.storage_type, "pandas")
        with open_transaction(self.storage_type, location.properties, writes=False) as connection:
            frame = fetch_frame(_run_read_query(connection, location.properties))
        return conversion.to_exposed_type(frame, location.properties)

    def from_json(self, data: object) -> object:
        return data

    def _build(self, setting: str, value: object, target: WriteTarget) -> list[Any]:
        reference = target.properties.get(setting)
        if reference is None:
            raise InvalidError(
                f"data node {target.data_node_id} has no {setting}; declare one as 'module:name'"
                " in its config"
            )
        build = load_function(reference, setting=setting)
        try:
            built = build(value)
        except ScenaristError:
            raise
        # The function is the user's; it may raise anything.
        except Exception as error:
            raise InvalidError(
                f"the value for data node {target.data_node_id} cannot be written:"
                f" {setting} {reference!r} failed: {describe_error(error)}"
            ) from error
        return built if isinstance(built, list) else [built]


def _run_read_query(connection: "Connection", properties: Mapping[str, Any]) -> Any:
    query = properties.get("read_query")
    if not isinstance(query, str):
        raise InvalidError(f"read_query is {query!r}; give a query as text")
    result = _execute(connection, query)
    if not result.returns_rows:
        raise InvalidError("read_query returns no rows or columns; give a query that selects")
    return result


def _execute_all(connection: "Connection", queries: list[Any]) -> None:
    for item in queries:
        query, *parameters = item if isinstance(item, tuple) else (item,)
        _execute(connection, query, *parameters)


def _execute(connection: "Connection", query: Any, *parameters: Any) -> Any:
    from sqlalchemy import Executable, text

    if isinstance(query, str) and not parameters:
        # Unchanged, so that a colon or a percent sign has no special meaning.
        return connection.exec_driver_sql(query, execution_options={"no_parameters": True})
    if len(parameters) > 1 or not isinstance(query, str | Executable):
        raise InvalidError(
            "a query builder returns a query, a list of queries, or pairs of query and"
            f" parameters; it returned {type(query).__name__} with {len(parameters)} more"
        )
    statement = text(query) if isinstance(query, str) else query
    keeps_decimals = connection.dialect.supports_native_decimal
    return connection.execute(
        statement, *(_to_parameters(one, keeps_decimals) for one in parameters)
    )


def _to_parameters(parameters: Any, keeps_decimals: bool) -> Any:
    if isinstance(parameters, list | tuple):
        return [_to_parameters(one, keeps_decimals) for one in parameters]
    if not isinstance(parameters, Mapping):
        raise InvalidError(
            "the parameters of a query are an object of values by name, or a list of such objects;"
            f" they were given as {type(parameters).__name__}"
        )
    cells = {name: to_plain_cell(cell) for name, cell in parameters.items()}
    if keeps_decimals:
        return cells
    return {
        name: _to_float(cell, name) if isinstance(cell, Decimal) else cell
        for name, cell in cells.items()
    }


def _to_float(number: Decimal, name: Any) -> float:
    """Convert a decimal for a database that stores decimals as floats, such as SQLite.

    Raises:
        InvalidError: A float does not have all of its digits.
    """
    converted = float(number)
    if number.is_finite() and Decimal(repr(converted)) != number:
        raise InvalidError(
            f"the parameter {name!r} is {number}, but the database stores decimals as floats, which"
            " do not have all of its digits; round it, or give it as text"
        )
    return converted
