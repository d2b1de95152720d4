"""Tables of every kind of column, for laws that hold for all of them."""

import datetime
import decimal
import string
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

NASTY = [
    *("NA", "N/A", "nan", "NaN", "null", "NULL", "None", "#N/A", "n/a", "<NA>", "-", "inf", "-inf"),
    *("01067", "1e5", "1E400", "1.10", "5", "-0", "+49", "0x1F", "1_000", "1,5", ".5", "007"),
    *("TRUE", "False", "true", "T", "yes", "2024-01-01", "12:30", "1 days", "=1+1", "'x"),
    *(
        "",
        " ",
        " x ",
        "a\nb",
        "a\r\nb",
        "a\rb",
        'say "x"',
        '"',
        ";",
        "a;b",
        "\t",
        "ß",
        "日本",
        "😀",
    ),
    *("9" * 15, "9007199254740993", "18446744073709551616", "\ufeffx", "\ufdd0x", "#", "\\"),
]
texts = st.sampled_from(NASTY) | st.text(string.printable, max_size=4)
names = st.sampled_from(
    ["a", "b", "n o", "x;y", 'q"', "Ä", "1", "a.1", "01", "NA", "index", "t\nt"]
)

integers = st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1) | st.just(2**53 + 1)
floats = st.floats(allow_nan=True, allow_infinity=True)
decimals = st.decimals(-1000, 1000, places=2)
dates = st.dates(datetime.date(1950, 1, 1), datetime.date(2050, 1, 1))
moments = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2050, 1, 1))  # noqa: DTZ001


def column(height: int) -> st.SearchStrategy[Any]:
    """Return columns of every kind, some of them with nulls."""

    def of(cells: st.SearchStrategy[Any], dtype: Any) -> st.SearchStrategy[Any]:
        return st.lists(cells, min_size=height, max_size=height).map(
            lambda values: pd.Series(values, dtype=dtype)
        )

    def nullable(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.none() | cells

    return st.one_of(
        of(integers, "int64"),
        of(st.integers(0, 2**64 - 1), "uint64"),
        of(nullable(integers), "Int64"),
        of(floats, "float64"),
        of(st.booleans(), "bool"),
        of(nullable(st.booleans()), "boolean"),
        of(texts, "str"),
        of(nullable(texts), "str"),
        of(nullable(texts), object),
        of(nullable(texts), "category"),
        of(nullable(integers), object),
        of(nullable(integers | st.floats(-1e9, 1e9)), object),
        of(st.integers(-(2**80), 2**80), object),
        of(nullable(moments), "datetime64[us]"),
        of(moments, "datetime64[us]").map(lambda series: series.dt.tz_localize("UTC")),
        of(nullable(dates), object),
        of(nullable(st.times()), object),
        of(st.timedeltas(datetime.timedelta(-9), datetime.timedelta(9)), "timedelta64[us]"),
        of(nullable(decimals), object),
        of(nullable(st.binary(max_size=3)), object),
        of(st.none(), object),
        of(texts | integers | st.booleans() | st.none(), object),
    )


def is_same_cell(left: Any, right: Any) -> bool:
    """Whether two cells are one value, of one kind: 1 is 1.0, but neither "1" nor true."""
    if is_null(left) or is_null(right):
        return is_null(left) and is_null(right)
    if isinstance(left, bool | np.bool_) or isinstance(right, bool | np.bool_):
        return type(bool(left)) is type(right) or (
            isinstance(right, bool | np.bool_) and bool(left) == bool(right)
        )
    if isinstance(left, str) != isinstance(right, str):
        return False
    return bool(left == right)


def is_null(value: Any) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float | np.floating | decimal.Decimal) and bool(value != value)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Return tables of up to four columns, with row labels of every kind."""
    height = draw(st.integers(0, 4))
    width = draw(st.integers(0, 3))
    frame = pd.DataFrame({at: draw(column(height)) for at in range(width)}, index=range(height))
    labels = draw(
        st.lists(names, min_size=width, max_size=width, unique=True)
        | st.lists(names, min_size=width, max_size=width, unique=True)
        | st.lists(st.sampled_from([0, 1, "0", None, "a"]), min_size=width, max_size=width)
    )
    frame.columns = pd.Index(labels, dtype=object)
    index = draw(st.sampled_from(["default", "filtered", "named", "text", "several"]))
    if index == "filtered":
        frame.index = pd.Index(range(0, 2 * height, 2))
    elif index == "named":
        frame.index = pd.Index(draw(column(height)), name=draw(names))
    elif index == "text":
        frame.index = pd.Index([str(at) for at in range(height)], dtype="str")
    elif index == "several" and height:
        levels = [draw(column(height)).tolist(), list(range(height))]
        frame.index = pd.MultiIndex.from_arrays(levels, names=["x", None])
    return frame
