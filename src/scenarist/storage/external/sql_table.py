"""SQL table storage: values as tables of a database."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError, NotFoundError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.external import columns
from scenarist.storage.external.databases import fetch_frame, fetch_preview, open_transaction
from scenarist.storage.files import value_files
from scenarist.storage.python.data_frames import series_values
from scenarist.storage.python.objects import python_type
from scenarist.storage.python.rendition import MAX_ITEMS
from scenarist.storage.tables import conversion

if TYPE_CHECKING:
    from pandas import DataFrame
    from sqlalchemy import Connection, Table


class SqlTableStorage:
    """The rows of one table, ``table_name``, which may begin with a schema and a dot.

    A write replaces all rows in one transaction, so that readers see either the old or the new
    rows. The table keeps its columns and their types; if it does not exist, it is created. Columns
    that the value lacks get the database's default.

    Size and digest are those of the rows written or appended, as JSON.
    """

    storage_type = "sql_table"
    is_safe = False
    is_external = True
    can_append = True

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        frame = _to_flat_frame(value)
        data = value_files.encode(frame, target, _to_json)
        with open_transaction(self.storage_type, target.properties, writes=True) as connection:
            table = _find_table(connection, target.properties)
            if table is None:
                table = _create_table(connection, target.properties, frame)
            rows = _to_rows(frame, table, connection)
            _lock_writers(connection, table)
            connection.execute(table.delete())
            _insert(connection, table, rows)
            rendition = fetch_preview(connection.execute(table.select().limit(MAX_ITEMS + 1)))
        return value_files.describe_bytes(data, python_type(value), rendition)

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        frame = _to_flat_frame(value)
        data = value_files.encode(frame, target, _to_json)
        with open_transaction(self.storage_type, target.properties, writes=True) as connection:
            table = _find_table(connection, target.properties)
            if table is None:
                table = _create_table(connection, target.properties, frame)
            _insert(connection, table, _to_rows(frame, table, connection))
            rendition = fetch_preview(connection.execute(table.select().limit(MAX_ITEMS + 1)))
        return value_files.describe_bytes(data, python_type(frame), rendition)

    def read(self, location: ValueLocation) -> Any:
        conversion.require_modules(self.storage_type, "pandas")
        with open_transaction(self.storage_type, location.properties, writes=False) as connection:
            table = _find_table(connection, location.properties)
            if table is None:
                raise NotFoundError(
                    f"there is no table {location.properties['table_name']!r} in database"
                    f" {location.properties['db_name']!r}; write the data node, or fix the names"
                )
            frame = fetch_frame(connection.execute(table.select()))
        return conversion.to_exposed_type(frame, location.properties)

    def from_json(self, data: object) -> object:
        return conversion.to_frame(data, self.storage_type)


def _to_flat_frame(value: object) -> "DataFrame":
    frame = conversion.to_frame(value, SqlTableStorage.storage_type)
    return conversion.flatten(frame, SqlTableStorage.storage_type)


def _to_json(frame: "DataFrame") -> bytes:
    return conversion.to_json_text(frame, None).encode()


def _table_name(properties: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the names of schema and table, always quoted."""
    from sqlalchemy.sql import quoted_name

    schema, _, table = str(properties.get("table_name") or "").rpartition(".")
    if not table:
        raise InvalidError("the property 'table_name' is missing; add it to the data node's config")
    return quoted_name(schema, quote=True) if schema else None, quoted_name(table, quote=True)


def _find_table(connection: "Connection", properties: Mapping[str, Any]) -> "Table | None":
    from sqlalchemy import MetaData, Table
    from sqlalchemy.exc import NoSuchTableError

    schema, name = _table_name(properties)
    try:
        # Tables that its foreign keys refer to are not needed.
        return Table(name, MetaData(), schema=schema, autoload_with=connection, resolve_fks=False)
    except NoSuchTableError:
        return None


def _create_table(
    connection: "Connection", properties: Mapping[str, Any], frame: "DataFrame"
) -> "Table":
    from sqlalchemy import Column, MetaData, Table
    from sqlalchemy.sql import quoted_name

    labels = [str(label) for label in frame.columns]
    if not labels or len(set(labels)) < len(labels):
        raise InvalidError(
            "a new table needs at least one column, and unique column names;"
            f" the value has {', '.join(map(repr, labels)) or 'none'}"
        )
    schema, name = _table_name(properties)
    table = Table(
        name,
        MetaData(),
        *(
            Column(quoted_name(label, quote=True), columns.infer_type(frame.iloc[:, number], label))
            for number, label in enumerate(labels)
        ),
        schema=schema,
    )
    table.create(connection)
    return table


def _to_rows(frame: "DataFrame", table: "Table", connection: "Connection") -> list[dict[str, Any]]:
    """Return the rows as objects by column name, with cells converted for the table."""
    named = conversion.align_columns(
        frame, list(table.columns.keys()), SqlTableStorage.storage_type
    )
    keys = [str(label) for label in named.columns]
    is_float = not connection.dialect.supports_native_decimal
    cells = [
        map(
            columns.find_converter(table.columns[key], is_float=is_float),
            series_values(named.iloc[:, number]),
        )
        for number, key in enumerate(keys)
    ]
    return [dict(zip(keys, row, strict=True)) for row in zip(*cells, strict=True)]


def _insert(connection: "Connection", table: "Table", rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _lock_writers(connection: "Connection", table: "Table") -> None:
    """Lock out other writers, not readers: two concurrent writes would leave the rows of both."""
    if connection.dialect.name == "postgresql":
        name = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")
