"""Tests a column against a list of values of any length, in a statement that stays the same."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, bindparam, func, select


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column is one of the values in the list that is bound under a name.

    The list travels as one JSON parameter. ``IN`` with a parameter for each value would make
    another statement for each length, which both SQLAlchemy and SQLite would have to prepare anew.
    """
    values = func.json_each(bindparam(name, type_=JSON)).table_valued("value")
    return column.in_(select(values.c.value))
