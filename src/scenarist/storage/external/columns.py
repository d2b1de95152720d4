"""Columns of database tables: types for new tables, and conversion of cells to a column's type."""

import datetime
import decimal
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.external.databases import to_plain_cell
from scenarist.storage.python.data_frames import series_values
from scenarist.storage.tables.series import MAX_EXACT_INTEGER, require_exact_float

if TYPE_CHECKING:
    from sqlalchemy import Column
    from sqlalchemy.types import TypeEngine

CellConverter = Callable[[Any], Any]

_FLOAT_SCALE = 10
"""Decimal places with which SQLAlchemy converts floats to decimals."""

_ALL_DIGITS = decimal.Context(prec=decimal.MAX_PREC)

_MAX_DIGITS = 131_072
"""Digits before the decimal point of PostgreSQL's `numeric`, the widest of the databases."""


def infer_type(series: Any, label: str) -> "TypeEngine[Any]":
    """Return the type for a column of a new table.

    Raises:
        InvalidError: Its cells are of different kinds, or of a kind without a database type.
    """
    from sqlalchemy import types

    cells = [cell for cell in map(to_plain_cell, series_values(series)) if cell is not None]
    kinds = {type(cell) for cell in cells}
    choices: tuple[tuple[set[type], TypeEngine[Any]], ...] = (
        ({str}, types.Text()),
        ({bool}, types.Boolean()),
        ({int}, types.BigInteger()),
        ({int, float}, types.Double()),
        ({int, decimal.Decimal}, types.Numeric()),
        ({datetime.datetime}, types.DateTime(timezone=any(map(_has_zone, cells)))),
        ({datetime.date}, types.Date()),
        ({datetime.time}, types.Time()),
        ({bytes}, types.LargeBinary()),
        ({dict, list}, types.JSON()),
    )
    if not kinds and series.dtype.kind in "biufM":
        # There is no cell to infer it from, but the series has a type.
        kinds = {{"b": bool, "f": float, "M": datetime.datetime}.get(series.dtype.kind, int)}
    if kinds == {int, float} and any(
        type(one) is int and abs(one) > MAX_EXACT_INTEGER for one in cells
    ):
        raise InvalidError(
            f"column {label!r} holds floats, and integers with more digits than a float keeps;"
            " give it decimals, or create the table with the types that you want"
        )
    for accepted, kind in choices:
        if kinds <= accepted:
            return kind
    named = " and ".join(sorted(one.__name__ for one in kinds))
    raise InvalidError(
        f"column {label!r} holds {named}, for which there is no column type; give it cells of"
        " one kind, or create the table with the types that you want"
    )


def find_converter(column: "Column[Any]", *, is_float: bool = False) -> CellConverter:
    """Return a function that converts a cell for a column; text in ISO format becomes a date.

    Timestamps without a time zone are in UTC, as are those in columns without a time zone. The
    function raises an `InvalidError` for a cell that does not fit, including one that the database
    would round or convert to another type.

    Args:
        is_float: Whether the database stores decimals as floats, as SQLite does.
    """
    from sqlalchemy import types

    kind, label, name = column.type, column.name, column.type.__visit_name__
    has_zone, scale = getattr(kind, "timezone", False), getattr(kind, "scale", None)
    if scale is None and is_float:
        scale = _FLOAT_SCALE
    converters: tuple[tuple[type[TypeEngine[Any]], CellConverter], ...] = (
        (types.DateTime, lambda cell: _to_timestamp(cell, has_zone=has_zone)),
        (types.Date, _to_date),
        (types.Time, lambda cell: _to_time(cell, has_zone=has_zone)),
        (types.Boolean, partial(_require, (bool,), "a truth value")),
        (types.Integer, _to_tiny_integer if name == "TINYINT" else _to_integer),
        (types.Float, _to_float),
        (types.Numeric, lambda cell: _to_decimal(cell, scale, is_float=is_float)),
        # A SET of MySQL, whose type is that of a text.
        (types.String, to_plain_cell if name == "SET" else partial(_require, (str,), "text")),
        (types.LargeBinary, partial(_require, (bytes, bytearray, memoryview), "bytes")),
    )
    for accepted, convert in converters:
        if isinstance(kind, accepted):
            return _make_converter(label, convert)
    return to_plain_cell


def _make_converter(label: str, convert: CellConverter) -> CellConverter:
    def fit(value: Any) -> Any:
        cell = to_plain_cell(value)
        try:
            return None if cell is None else convert(cell)
        except ValueError as error:
            raise InvalidError(f"column {label!r} cannot hold {cell!r}: {error}") from error

    return fit


def _to_timestamp(cell: Any, *, has_zone: bool) -> Any:
    if isinstance(cell, str):
        cell = datetime.datetime.fromisoformat(cell)
    if isinstance(cell, datetime.date) and not isinstance(cell, datetime.datetime):
        cell = datetime.datetime.combine(cell, datetime.time())
    _require((datetime.datetime,), "a timestamp", cell)
    utc = cell.astimezone(datetime.UTC) if _has_zone(cell) else cell.replace(tzinfo=datetime.UTC)
    return utc if has_zone else utc.replace(tzinfo=None)


def _to_date(cell: Any) -> Any:
    if isinstance(cell, str):
        cell = datetime.datetime.fromisoformat(cell)
    if not isinstance(cell, datetime.datetime):
        return _require((datetime.date,), "a date", cell)
    if cell.time() != datetime.time():
        raise ValueError("it has a time of day")
    return cell.date()


def _to_time(cell: Any, *, has_zone: bool) -> Any:
    if isinstance(cell, str):
        cell = datetime.time.fromisoformat(cell)
    _require((datetime.time,), "a time of day", cell)
    if _has_zone(cell) and not has_zone:
        raise ValueError("it has a time zone, which the column does not keep")
    return cell


def _to_integer(cell: Any) -> Any:
    _require_number(cell)
    if isinstance(cell, int):
        return cell
    _require_digits(cell)
    if not math.isfinite(cell) or cell != int(cell):
        raise ValueError("it is not a whole number")
    return int(cell)


def _to_tiny_integer(cell: Any) -> Any:
    # Truth values of MySQL are tiny integers.
    return cell if isinstance(cell, bool) else _to_integer(cell)


def _has_zone(cell: Any) -> bool:
    return getattr(cell, "tzinfo", None) is not None


def _to_float(cell: Any) -> Any:
    _require_number(cell)
    if isinstance(cell, int) and abs(cell) > MAX_EXACT_INTEGER:
        raise ValueError("it has more digits than the column keeps")
    require_exact_float(cell)
    return cell


def _to_decimal(cell: Any, scale: int | None, *, is_float: bool) -> Any:
    _require_number(cell)
    if cell != cell:
        return cell
    _require_digits(cell)
    number = decimal.Decimal(repr(cell)) if isinstance(cell, float) else decimal.Decimal(cell)
    if scale is not None and number.is_finite() and number != _round(number, scale):
        raise ValueError(f"the column keeps {scale} decimal places")
    if is_float and decimal.Decimal(repr(float(number))) != number:
        raise ValueError("it has more digits than the database keeps")
    return cell


def _round(number: decimal.Decimal, scale: int) -> decimal.Decimal:
    return number.quantize(decimal.Decimal(1).scaleb(-scale), context=_ALL_DIGITS)


def _require_number(cell: Any) -> None:
    _require((int, float, decimal.Decimal), "a number", cell)


def _require_digits(cell: Any) -> None:
    """Refuse a decimal that takes ages to write out, as 1E+999999999 does."""
    is_number = isinstance(cell, decimal.Decimal) and cell.is_finite()
    if is_number and abs(cell.adjusted()) > _MAX_DIGITS:
        raise ValueError("it has more digits than any database keeps")


def _require(types: tuple[type, ...], noun: str, cell: Any) -> Any:
    """Return a cell of one of these types; a truth value is no number.

    Raises:
        ValueError: It is of another type. Drivers would convert it, or store it as it is.
    """
    if not isinstance(cell, types) or (isinstance(cell, bool) and bool not in types):
        raise ValueError(f"it is {type(cell).__name__}, not {noun}")
    return cell
