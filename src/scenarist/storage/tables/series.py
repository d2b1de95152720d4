"""Columns of tables from Python values, Arrow columns and texts, without loss of precision."""

import decimal
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.data_frames import series_values, unique_texts

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_EXACT_INTEGER = 2**53
"""Largest integer up to which every integer is exact as a float."""

_INTEGER = re.compile("0|-?[1-9][0-9]*")
_BOOLEAN_TEXTS = ("True", "TRUE", "true", "False", "FALSE", "false")
_INFINITE = frozenset({"inf", "-inf"})
_WHITESPACE = " \t"

BOOLEANS, NUMBERS, TEXT = "booleans", "numbers", "text"


@cache
def has_pandas_3() -> bool:
    """Whether pandas is version 3 or newer, which has a type for texts and reads floats exactly."""
    import pandas

    return int(pandas.__version__.partition(".")[0]) >= 3


def column_of(values: Sequence[Any]) -> Any:
    """Return values as a Series in which a null does not change the type of the others.

    Integers with a null are ``Int64`` (``UInt64`` or objects if they are larger), booleans with a
    null are ``boolean``. Integers mixed with floats become floats if all are exact.
    """
    import pandas

    try:
        series: Any = pandas.Series(values)
    except OverflowError:
        return pandas.Series(values, dtype=object)
    kinds = {kind for kind in set(map(type, values)) if kind is not type(None)}
    if series.dtype.kind == "f" and any(map(_is_integer_type, kinds)):
        present = [value for value in values if not _is_missing(value)]
        if all(_is_integer_type(type(value)) for value in present):
            return _to_nullable(values, present)
        if any(
            _is_integer_type(type(one)) and abs(int(one)) > MAX_EXACT_INTEGER for one in present
        ):
            return pandas.Series(list(values), dtype=object)
        return series
    if series.dtype == object and kinds:
        present = [value for value in values if not _is_missing(value)]
        found = set(map(type, present))
        if len(present) < len(values) and found and found <= {bool}:
            return pandas.Series(_replace_missing_with_none(values), dtype="boolean")
        if len(present) < len(values) and found and all(map(_is_integer_type, found)):
            return _to_nullable(values, present)
    return series


def make_table(columns: Sequence[Any], labels: Sequence[Any], height: int) -> "DataFrame":
    """Return a table of columns with the given labels, which may repeat."""
    import pandas

    if not columns:
        return pandas.DataFrame(index=pandas.RangeIndex(height))
    frame = pandas.DataFrame(dict(enumerate(columns)), index=pandas.RangeIndex(height))
    frame.columns = pandas.Index(list(labels), tupleize_cols=False)
    return frame


def frame_of_arrow(table: Any) -> "DataFrame":
    """Convert a pyarrow table to a DataFrame; integers and booleans stay exact with nulls."""
    columns = [series_of_arrow(column) for column in table.columns]
    return make_table(columns, unique_texts(table.column_names), table.num_rows)


def series_of_arrow(column: Any) -> Any:
    """Convert a pyarrow column to a Series; integers and booleans with nulls become nullable.

    Integers within lists and objects stay exact next to nulls.
    """
    import pandas
    import pyarrow  # type: ignore[import-untyped]

    if pyarrow.types.is_null(column.type):
        return pandas.Series([None] * len(column), dtype=object)
    nullable = {
        pyarrow.bool_(): pandas.BooleanDtype(),
        pyarrow.int8(): pandas.Int8Dtype(),
        pyarrow.int16(): pandas.Int16Dtype(),
        pyarrow.int32(): pandas.Int32Dtype(),
        pyarrow.int64(): pandas.Int64Dtype(),
        pyarrow.uint8(): pandas.UInt8Dtype(),
        pyarrow.uint16(): pandas.UInt16Dtype(),
        pyarrow.uint32(): pandas.UInt32Dtype(),
        pyarrow.uint64(): pandas.UInt64Dtype(),
    }
    if pyarrow.types.is_nested(column.type):
        column = column.cast(_without_views(column.type))
    return column.to_pandas(
        types_mapper=nullable.get if column.null_count else None, integer_object_nulls=True
    )


def _without_views(kind: Any) -> Any:
    """Return an Arrow type with plain text and bytes in it, which pyarrow converts in lists too."""
    import pyarrow

    types = pyarrow.types
    if types.is_string_view(kind):
        return pyarrow.large_string()
    if types.is_binary_view(kind):
        return pyarrow.large_binary()
    if types.is_dictionary(kind):
        return pyarrow.dictionary(kind.index_type, _without_views(kind.value_type), kind.ordered)
    if types.is_struct(kind):
        fields = [kind.field(position) for position in range(kind.num_fields)]
        return pyarrow.struct([field.with_type(_without_views(field.type)) for field in fields])
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        item = kind.value_field.with_type(_without_views(kind.value_type))
        if types.is_fixed_size_list(kind):
            return pyarrow.list_(item, kind.list_size)
        return pyarrow.large_list(item) if types.is_large_list(kind) else pyarrow.list_(item)
    return kind


def drop_needless_nullables(frame: "DataFrame", *, keeping: Any = ()) -> "DataFrame":
    """Return a table in which only columns with a null have a nullable type.

    Args:
        keeping: Names of columns that stay as they are.
    """
    frame = frame.copy(deep=False)
    for position, label in enumerate(frame.columns):
        series: Any = frame.iloc[:, position]
        if label in keeping or not hasattr(series.dtype, "numpy_dtype"):
            if label not in keeping and str(series.dtype) == "string":
                frame.isetitem(position, as_texts(series))
            continue
        if series.dtype.kind == "f":
            frame.isetitem(
                position, series.to_numpy(series.dtype.numpy_dtype, na_value=float("nan"))
            )
        elif not series.isna().any():
            frame.isetitem(position, series.astype(series.dtype.numpy_dtype))
    return frame


def as_texts(series: Any) -> Any:
    """Return the cells of a Series as texts; a null stays null."""
    texts = series.astype("str")
    # pandas 2 turns nulls into texts such as "nan".
    return texts if has_pandas_3() else texts.where(series.notna(), None)


def series_of_texts(texts: Any, *, is_empty_null: bool = False) -> Any:
    """Return a column of texts (a `ChunkedArray`) with the type that all of its cells have.

    A column becomes integers, numbers or booleans only if each cell is written as one in its
    canonical form: ``01067`` and ``+49`` are text, and so are the other cells of their column.
    Whitespace around numbers is ignored.
    """
    import pandas
    import pyarrow.compute as compute  # type: ignore[import-untyped]

    if is_empty_null:
        texts = replace_with_null(texts, "")
    present = texts.drop_null()
    if not len(present):
        return pandas.Series([None] * len(texts), dtype="float64" if len(texts) else object)
    first = present[0].as_py().strip(_WHITESPACE)
    found = None
    if first in _BOOLEAN_TEXTS:
        found = _parse_booleans(texts)
    elif first[:1].isascii() and (first[:1].isdigit() or first[:1] in ("-", ".") or first == "inf"):
        found = _parse_numbers(texts, first)
        if found is None:
            trimmed = compute.utf8_trim(texts, _WHITESPACE)
            found = None if trimmed.equals(texts) else _parse_numbers(trimmed, first)
    return texts.to_pandas() if found is None else found


def replace_with_null(texts: Any, text: str) -> Any:
    """Return a column of texts (a `ChunkedArray`) in which the cells that equal *text* are null."""
    import pyarrow
    import pyarrow.compute as compute

    # With a single null instead of the array, pyarrow before version 24 returns wrong texts for a
    # slice of a column.
    return compute.if_else(compute.equal(texts, text), pyarrow.nulls(len(texts), texts.type), texts)


def kind_of_texts(texts: Any) -> str:
    """Return the kind of column that `series_of_texts` makes; text if there are no cells."""
    series = series_of_texts(texts.drop_null())
    return {"b": BOOLEANS, "i": NUMBERS, "u": NUMBERS, "f": NUMBERS}.get(
        series.dtype.kind, NUMBERS if _is_numbers(series) else TEXT
    )


def require_exact_float(number: Any) -> None:
    """Check that a decimal is the same number after it is read back as a float.

    Numbers that are not decimals pass.

    Raises:
        InvalidError: The decimal has more digits than a float keeps.
    """
    if (
        not isinstance(number, decimal.Decimal)
        or number.is_nan()
        or _INTEGER.fullmatch(str(number))
    ):
        return
    if number.is_infinite() or decimal.Decimal(repr(float(number))) != number:
        raise InvalidError(
            f"the decimal {number} has more digits than are kept when it is read back as a number;"
            " write it as text, or use parquet or pickle"
        )


def _is_numbers(series: Any) -> bool:
    return series.dtype == object and any(
        isinstance(value, int | float) for value in series_values(series)[:1]
    )


def _parse_booleans(texts: Any) -> Any:
    import pyarrow
    import pyarrow.compute as compute

    positions = compute.index_in(texts, value_set=pyarrow.array(_BOOLEAN_TEXTS))
    if positions.null_count > texts.null_count:
        return None
    return series_of_arrow(compute.less(positions, len(_BOOLEAN_TEXTS) // 2))


def _parse_numbers(texts: Any, first: str) -> Any:
    import pyarrow
    import pyarrow.compute as compute

    digits = compute.utf8_ltrim(texts, "-")
    zeros = texts.filter(compute.starts_with(digits, "0")).drop_null()
    if _INTEGER.fullmatch(first):
        whole = _try_cast(texts, pyarrow.int64())
        # A code such as 01 would be written back as 1.
        if whole is not None and not compute.any(compute.not_equal(zeros, "0")).as_py():
            return series_of_arrow(whole)
    numbers = _try_cast(texts, pyarrow.float64())
    if numbers is None:
        return None
    has_codes = compute.any(compute.match_substring_regex(zeros, "^-?0[0-9]")).as_py()
    if has_codes or compute.any(compute.starts_with(digits, "+")).as_py():
        return None
    is_odd = compute.invert(compute.is_finite(numbers))
    if compute.any(is_odd).as_py() and not _INFINITE.issuperset(
        texts.filter(is_odd).drop_null().to_pylist()
    ):
        return None
    if compute.max(compute.abs(numbers)).as_py() >= MAX_EXACT_INTEGER:
        return _parse_large_numbers(texts)
    return numbers.to_pandas()


def _try_cast(texts: Any, kind: Any) -> Any:
    import pyarrow

    try:
        return texts.cast(kind)
    except pyarrow.ArrowInvalid:
        return None


def _parse_large_numbers(texts: Any) -> Any:
    values = [
        text if text is None else int(text) if _INTEGER.fullmatch(text) else float(text)
        for text in texts.to_pylist()
    ]
    return column_of(values)


def _to_nullable(values: Sequence[Any], present: Sequence[Any]) -> Any:
    import pandas

    low, high = min(map(int, present)), max(map(int, present))
    nulls = [None if _is_missing(value) else int(value) for value in values]
    if low >= -(2**63) and high < 2**63:
        return pandas.Series(nulls, dtype="Int64")
    if low >= 0 and high < 2**64:
        return pandas.Series(nulls, dtype="UInt64")
    return pandas.Series(nulls, dtype=object)


def _replace_missing_with_none(values: Sequence[Any]) -> list[Any]:
    return [None if _is_missing(value) else value for value in values]


def _is_integer_type(kind: type) -> bool:
    import numpy

    return kind is int or issubclass(kind, numpy.integer)


def _is_missing(value: Any) -> bool:
    import pandas

    return value is None or value is pandas.NA or value is pandas.NaT or value != value
