"""Columns with the entities that belong to each row of a query, as JSON.

So one statement reads a page of entities with all that belongs to them, instead of a statement for
each kind, whose rows would have to be grouped.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, ColumnElement, CompoundSelect, Select, TypeDecorator
from sqlalchemy import Text as PlainText
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from scenarist.domain.short_reads import spend
from scenarist.system.json_decoding import make_text_decoder


def count_bytes(decode: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a decoder that raises `LongReadError` instead of decoding more than a short read may.

    SQLAlchemy decodes with it; `db/sql.py` counts the bytes of a whole result instead.
    """

    def decode_counted(text: str) -> Any:
        spend(0, len(text))
        return decode(text)

    return decode_counted


class DecodedJson(TypeDecorator[Any]):
    """JSON text in the result of a query, decoded as a type; it is never NULL."""

    impl = PlainText
    cache_ok = True

    def __init__(self, as_type: Any) -> None:
        super().__init__()
        self.as_type = as_type

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return count_bytes(make_text_decoder(self.as_type))


class _Row(FunctionElement[Any]):
    """JSON array of some columns."""

    name = "json_row"
    type = JSON()
    inherit_cache = True


class _List(FunctionElement[Any]):
    """JSON array of the rows of a subquery with one column, in its order."""

    name = "json_list"
    type = JSON()
    inherit_cache = True


class _Text(FunctionElement[Any]):
    """JSON as text, which is decoded."""

    name = "json_text"
    inherit_cache = True

    def __init__(self, json: ColumnElement[Any], as_type: Any) -> None:
        super().__init__(json)
        self.type = DecodedJson(as_type)


def json_row(*columns: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return columns as a JSON array; columns of type JSON are part of it as they are."""
    return _Row(*columns)


def json_list(rows: Select[Any] | CompoundSelect[Any]) -> ColumnElement[Any]:
    """Return the rows of a query with one column as a JSON array, in their order."""
    return _List(rows.scalar_subquery())


def decoded_list(
    rows: Select[Any] | CompoundSelect[Any], of: Any = str
) -> ColumnElement[tuple[Any, ...]]:
    """Return the rows of a query with one column as a tuple, in their order.

    Args:
        rows: Names the tables of the enclosing query that it depends on (``correlate``).
        of: The type of each row.
    """
    return _Text(json_list(rows), tuple[of, ...])


def _as_json(part: ColumnElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    """Compile a part of JSON for SQLite, which would quote JSON from a column or a subquery."""
    text = compiler.process(part, **options)
    return f"json({text})" if isinstance(part.type, JSON) else text


@compiles(_Row, "sqlite")
def _compile_row_on_sqlite(element: _Row, compiler: SQLCompiler, **options: Any) -> str:
    return (
        f"json_array({', '.join(_as_json(part, compiler, **options) for part in element.clauses)})"
    )


@compiles(_Row, "postgresql")
def _compile_row_on_postgresql(element: _Row, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_build_array({compiler.process(element.clauses, **options)})"


@compiles(_List, "sqlite")
def _compile_list_on_sqlite(element: _List, compiler: SQLCompiler, **options: Any) -> str:
    # SQLite keeps the order of the subquery, as for group_concat.
    (rows,) = element.clauses
    item = "json(item)" if isinstance(rows.type, JSON) else "item"
    return f"(SELECT json_group_array({item}) FROM {compiler.process(rows, **options)})"  # noqa: S608


@compiles(_List, "postgresql")
def _compile_list_on_postgresql(element: _List, compiler: SQLCompiler, **options: Any) -> str:
    return f"array_to_json(ARRAY{compiler.process(element.clauses, **options)})"


@compiles(_Text, "sqlite")
def _compile_text_on_sqlite(element: _Text, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_Text, "postgresql")
def _compile_text_on_postgresql(element: _Text, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(element.clauses, **options)}::text"
