"""``IN`` over a list of any length, in a statement whose text does not depend on the length.

The list is bound as one parameter: as JSON on SQLite, as an array on PostgreSQL. ``IN`` with a
parameter per value would be a different statement for each length, which both SQLAlchemy and the
database would have to prepare again.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Boolean, ColumnElement, Text, bindparam, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine


class _AnyOf(FunctionElement[bool]):
    """Whether the first argument is one of the values in the list that is the second argument."""

    name = "among"
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # or SQLite's compiler compares it with 1


class _Values(FunctionElement[Any]):
    """Texts of a list, as rows."""

    name = "values"
    inherit_cache = True


def any_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that a column is in the list that is bound under a name."""
    element = Text() if isinstance(column.type, Text) else column.type
    return _AnyOf(column, bindparam(name, type_=_list_of(element)))


def is_one_of(column: ColumnElement[Any], texts: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a text column is one of these texts; at least one is given."""
    if len(texts) == 1:
        return column == texts[0]
    return _AnyOf(column, literal([str(text) for text in texts], _list_of(Text())))


def text_rows(name: str) -> TableValuedAlias:
    """Return the texts in the list that is bound under a name as rows, in a column `value`."""
    return _Values(bindparam(name, type_=_list_of(Text()))).table_valued("value")


def _list_of(element: TypeEngine[Any]) -> JSON:
    return JSON().with_variant(ARRAY(element), "postgresql")


@compiles(_AnyOf, "sqlite")
def _compile_any_of_on_sqlite(element: _AnyOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - no user input


@compiles(_AnyOf, "postgresql")
def _compile_any_of_on_postgresql(element: _AnyOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(_Values, "sqlite")
def _compile_values_on_sqlite(element: _Values, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Values, "postgresql")
def _compile_values_on_postgresql(element: _Values, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT unnest({compiler.process(element.clauses, **options)}) AS value)"
