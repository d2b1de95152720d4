"""What a selection leaves of a table or of a list of objects."""

import datetime
import decimal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator, JoinOperator
from scenarist.storage.tables.selection import select

EQUAL, NOT_EQUAL = FilterOperator.EQUAL, FilterOperator.NOT_EQUAL
LESS, LESS_EQUAL = FilterOperator.LESS_THAN, FilterOperator.LESS_OR_EQUAL
GREATER, GREATER_EQUAL = FilterOperator.GREATER_THAN, FilterOperator.GREATER_OR_EQUAL

Rows = list[dict[str, Any]]
ROWS: Rows = [
    {"city": "Oslo", "days": 3, "warm": False},
    {"city": "Rome", "days": 5, "warm": True},
    {"city": "Oslo", "days": 3, "warm": False},
    {"city": None, "days": None, "warm": None},
]


@dataclass
class Reading:
    city: str
    days: int


class Pair(NamedTuple):
    city: str
    days: int


class Plain:
    def __init__(self, city: str, days: int) -> None:
        self.city = city
        self.days = days


def where(*conditions: tuple[str, FilterOperator, object], **rest: Any) -> Selection:
    return Selection(
        conditions=tuple(
            Condition(key=key, operator=operator, value=value)
            for key, operator, value in conditions
        ),
        **rest,
    )


def numbers_left(value: Any, selection: Selection) -> list[int]:
    """Return the positions of what is left, as both forms of a table agree on."""
    numbered = [{"number": number, **row} for number, row in enumerate(value)]
    of_list = [row["number"] for row in select(numbered, selection)]
    of_frame = select(pd.DataFrame(numbered), selection)["number"].tolist()
    assert of_list == of_frame
    return of_list


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("city", EQUAL, "Oslo"), [0, 2]),
        (("city", NOT_EQUAL, "Oslo"), [1, 3]),
        (("city", GREATER, "Oslo"), [1]),
        (("days", LESS, 5), [0, 2]),
        (("days", LESS_EQUAL, 5), [0, 1, 2]),
        (("days", LESS_EQUAL, 4.5), [0, 2]),
        (("days", GREATER, 3), [1]),
        (("days", GREATER_EQUAL, 3), [0, 1, 2]),
        (("days", NOT_EQUAL, 3), [1, 3]),
        (("warm", EQUAL, True), [1]),
        (("warm", NOT_EQUAL, True), [0, 2, 3]),
        (("city", EQUAL, None), [3]),
        (("days", EQUAL, None), [3]),
        (("warm", NOT_EQUAL, None), [0, 1, 2]),
    ],
)
def test_rows_that_meet_the_condition_are_left(
    condition: tuple[str, FilterOperator, object], expected: list[int]
) -> None:
    assert numbers_left(ROWS, where(condition)) == expected


def test_all_conditions_have_to_be_met() -> None:
    selection = where(("city", EQUAL, "Oslo"), ("days", LESS, 3))

    assert numbers_left(ROWS, selection) == []


def test_one_condition_is_enough_where_they_are_joined_by_or() -> None:
    selection = where(("days", EQUAL, 3), ("warm", EQUAL, True), join=JoinOperator.OR)

    assert numbers_left(ROWS, selection) == [0, 1, 2]


def test_columns_are_left_in_the_order_wanted() -> None:
    selection = where(("city", EQUAL, "Rome"), columns=("days", "city"))

    left = select(ROWS, selection)
    frame = select(pd.DataFrame(ROWS), selection)

    assert [list(row.items()) for row in left] == [[("days", 5), ("city", "Rome")]]
    assert list(frame.columns) == ["days", "city"]
    assert frame.to_dict("records") == left


def test_limit_counts_the_rows_that_are_left() -> None:
    assert numbers_left(ROWS, where(("days", EQUAL, 3), limit=1)) == [0]
    assert numbers_left(ROWS, where(("days", EQUAL, 3), limit=9)) == [0, 2]
    assert numbers_left(ROWS, Selection(limit=0)) == []


def test_limit_alone_cuts_any_list() -> None:
    assert select([1, "two", 3], Selection(limit=2)) == [1, "two"]


@pytest.mark.parametrize("value", [5, "text", np.zeros((2, 2)), {"a": [1, 2]}, [1, 2]])
def test_empty_selection_leaves_any_value_as_it_is(value: object) -> None:
    assert select(value, Selection()) is value


@pytest.mark.parametrize("make", [Reading, Pair, Plain])
def test_objects_of_any_class_are_filtered_by_their_fields(make: Callable[..., object]) -> None:
    items = [make("Oslo", 3), make("Rome", 5)]

    assert select(items, where(("days", GREATER, 3))) == [items[1]]
    assert select(items, Selection(columns=("days",))) == [{"days": 3}, {"days": 5}]


def test_key_that_an_object_lacks_is_missing() -> None:
    rows: Rows = [{"a": 1}, {"b": 2}]

    assert select(rows, where(("a", EQUAL, None))) == [{"b": 2}]
    assert select(rows, Selection(columns=("a",))) == [{"a": 1}, {"a": None}]


@pytest.mark.parametrize(
    "selection", [where(("town", EQUAL, "Oslo")), Selection(columns=("city", "town"))]
)
@pytest.mark.parametrize("value", [ROWS, pd.DataFrame(ROWS)], ids=["list", "frame"])
def test_unknown_column_is_named_with_those_there_are(value: object, selection: Selection) -> None:
    message = "there is no column 'town'; the columns are 'city', 'days', 'warm'"

    with pytest.raises(InvalidError, match=message):
        select(value, selection)


@pytest.mark.parametrize("value", [[], pd.DataFrame()], ids=["list", "frame"])
def test_nothing_is_left_of_nothing(value: object) -> None:
    assert len(select(value, where(("city", EQUAL, "Oslo"), columns=("city",)))) == 0


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (("days", EQUAL, "3"), "column 'days' holds numbers, which cannot be compared with '3'"),
        (("days", LESS, True), "column 'days' holds numbers, which cannot be compared with True"),
        (("city", LESS, 5), "column 'city' holds text, which cannot be compared with 5"),
        (("warm", EQUAL, 1), "column 'warm' holds booleans, which cannot"),
        (("city", EQUAL, ["Oslo"]), r"which cannot be compared with \['Oslo'\]"),
        (("days", LESS, None), "column 'days' cannot be compared with null using LESS_THAN"),
    ],
)
@pytest.mark.parametrize("value", [ROWS, pd.DataFrame(ROWS)], ids=["list", "frame"])
def test_value_that_does_not_go_with_the_column_is_refused(
    value: object, condition: tuple[str, FilterOperator, object], message: str
) -> None:
    with pytest.raises(InvalidError, match=message):
        select(value, where(condition))


@pytest.mark.parametrize("value", [5, None, "text", np.zeros((2, 2)), {"a": [1, 2]}])
def test_only_tables_and_lists_can_be_filtered(value: object) -> None:
    with pytest.raises(InvalidError, match="only tables and lists of objects can be filtered"):
        select(value, where(("a", EQUAL, 1)))


@pytest.mark.parametrize("value", [[1, 2], [[1], [2]], ["a"], [{"a": 1}, 5], [None]])
def test_only_lists_of_objects_can_be_filtered(value: object) -> None:
    with pytest.raises(InvalidError, match="of the list is a"):
        select(value, where(("a", EQUAL, 1)))


NOON = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)
DAYS = {
    "naive": pd.Series([pd.Timestamp("2026-07-01"), pd.Timestamp("2026-07-02"), pd.NaT]),
    "aware": pd.Series(
        [pd.Timestamp("2026-07-01T02:00+02:00"), pd.Timestamp("2026-07-02T02:00+02:00"), pd.NaT]
    ),
    "nanoseconds": pd.Series(["2026-07-01", "2026-07-02", None], dtype="datetime64[ns]"),
    "dates": pd.Series([datetime.date(2026, 7, 1), datetime.date(2026, 7, 2), None]),
}


@pytest.mark.parametrize("days", DAYS.values(), ids=DAYS.keys())
@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        (EQUAL, "2026-07-01", [0]),
        (EQUAL, "2026-07-01T00:00:00Z", [0]),
        (EQUAL, "2026-07-01T02:00:00+02:00", [0]),
        (NOT_EQUAL, "2026-07-01", [1, 2]),
        (GREATER, "2026-07-01T12:00", [1]),
        (GREATER, NOON, [1]),
        (LESS, datetime.date(2026, 7, 2), [0]),
        (LESS, "0001-01-01", []),
    ],
)
def test_dates_are_compared_with_text_in_iso_form(
    days: Any, operator: FilterOperator, value: object, expected: list[int]
) -> None:
    frame = pd.DataFrame({"number": range(3), "day": days})

    assert select(frame, where(("day", operator, value)))["number"].tolist() == expected


@pytest.mark.parametrize("days", DAYS.values(), ids=DAYS.keys())
def test_text_that_is_no_date_is_refused(days: Any) -> None:
    with pytest.raises(InvalidError, match=r"holds dates.*'soon'; write a date in ISO form"):
        select(pd.DataFrame({"day": days}), where(("day", EQUAL, "soon")))


COLUMNS: dict[str, Any] = {
    "int8": pd.Series([1, 2, 3], dtype="int8"),
    "uint64": pd.Series([1, 2, 3], dtype="uint64"),
    "Int64": pd.Series([1, 2, None], dtype="Int64"),
    "float32": pd.Series([1, 2, None], dtype="float32"),
    "Float64": pd.Series([1, 2, None], dtype="Float64"),
    "category": pd.Series([1, 2, None], dtype="category"),
    "decimal": pd.Series([decimal.Decimal(1), decimal.Decimal("2.0"), decimal.Decimal("NaN")]),
    "object": pd.Series([np.int64(1), 2.0, pd.NA], dtype=object),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS.keys())
@pytest.mark.parametrize("value", [2, 2.0])
def test_numbers_of_every_type_are_numbers(column: Any, value: float) -> None:
    frame = pd.DataFrame({"number": range(3), "x": column})

    assert select(frame, where(("x", EQUAL, value)))["number"].tolist() == [1]
    assert select(frame, where(("x", LESS, value)))["number"].tolist() == [0]
    assert select(frame, where(("x", NOT_EQUAL, value)))["number"].tolist() == [0, 2]


@pytest.mark.parametrize("dtype", ["str", "string", "object", "category"])
def test_text_of_every_type_is_text(dtype: str) -> None:
    frame = pd.DataFrame({"number": range(3), "x": pd.Series(["a", "b", None], dtype=dtype)})

    assert select(frame, where(("x", GREATER, "a")))["number"].tolist() == [1]
    assert select(frame, where(("x", NOT_EQUAL, "a")))["number"].tolist() == [1, 2]
    assert select(frame, where(("x", EQUAL, "\ud800")))["number"].tolist() == []


def test_cell_of_another_kind_is_only_not_equal() -> None:
    rows: Rows = [{"x": 1}, {"x": "1"}, {"x": [1]}]

    assert numbers_left(rows, where(("x", EQUAL, 1))) == [0]
    assert numbers_left(rows, where(("x", NOT_EQUAL, 1))) == [1, 2]
    assert numbers_left(rows, where(("x", LESS_EQUAL, "1"))) == [1]


def test_columns_without_names_go_by_their_numbers() -> None:
    frame = pd.DataFrame([[1, 2], [3, 4]])

    left = select(frame, where(("0", GREATER, 1), columns=("1",)))

    assert left.to_numpy().tolist() == [[4]]


def test_first_of_two_columns_with_one_name_counts() -> None:
    frame = pd.DataFrame([[1, 2], [2, 1]], columns=["a", "a"])

    assert select(frame, where(("a", EQUAL, 1))).to_numpy().tolist() == [[1, 2]]


COMPARE: dict[FilterOperator, Callable[[Any, Any], bool]] = {
    EQUAL: lambda a, b: a == b,
    NOT_EQUAL: lambda a, b: a != b,
    LESS: lambda a, b: a < b,
    LESS_EQUAL: lambda a, b: a <= b,
    GREATER: lambda a, b: a > b,
    GREATER_EQUAL: lambda a, b: a >= b,
}


def meets(row: dict[str, Any], condition: Condition) -> bool:
    cell = row[condition.key]
    if cell is None:
        return condition.operator == NOT_EQUAL
    return COMPARE[condition.operator](cell, condition.value)


def model(rows: Rows, selection: Selection) -> list[int]:
    """What a selection means, row by row."""
    join = any if selection.join == JoinOperator.OR else all
    left = [
        number
        for number, row in enumerate(rows)
        if not selection.conditions or join(meets(row, one) for one in selection.conditions)
    ]
    return left[: selection.limit]


numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.just(2**53 + 1)
floats = st.floats(allow_nan=False) | st.sampled_from([0.5, 2.0**53, -(2.0**63)])
texts = st.text(alphabet="ab", max_size=2) | st.text(st.characters(exclude_categories=["Cs"]))
moments = st.datetimes(
    datetime.datetime(1900, 1, 1),  # noqa: DTZ001 - moments without a zone are what is tried
    datetime.datetime(2100, 1, 1),  # noqa: DTZ001
)
CELLS = {"i": numbers, "f": floats, "t": texts, "b": st.booleans(), "d": moments}
VALUES = {**CELLS, "i": numbers | floats | st.integers(), "f": numbers | floats}
rows_of_all = st.lists(
    st.fixed_dictionaries({key: st.none() | cells for key, cells in CELLS.items()}), max_size=12
)
conditions_of_all = st.sampled_from(sorted(VALUES)).flatmap(
    lambda key: st.builds(
        Condition, key=st.just(key), operator=st.sampled_from(FilterOperator), value=VALUES[key]
    )
)
selections = st.builds(
    Selection,
    conditions=st.lists(conditions_of_all, max_size=3).map(tuple),
    join=st.sampled_from(JoinOperator),
    limit=st.none() | st.integers(0, 4),
)
DTYPES = {
    "number": "int64",
    "i": "Int64",
    "f": "Float64",
    "t": "str",
    "b": "boolean",
    "d": "datetime64[us]",
}


@settings(deadline=None)
@given(rows=rows_of_all, copies=st.integers(1, 3), selection=selections)
@example(
    rows=[{"i": 2**53 + 1, "f": 2.0**53, "t": None, "b": None, "d": None}],
    copies=2,
    selection=where(("i", EQUAL, 2.0**53), ("f", EQUAL, 2**53 + 1), join=JoinOperator.OR),
)
def test_rows_keep_their_order_and_number_whatever_is_selected(
    rows: Rows, copies: int, selection: Selection
) -> None:
    rows = [{"number": number, **row} for number, row in enumerate(rows * copies)]
    expected = model(rows, selection)

    # Column by column: on the way over a whole row, a large number would become a float.
    frame = pd.DataFrame(
        {key: pd.Series([row[key] for row in rows], dtype=dtype) for key, dtype in DTYPES.items()}
    )
    # Without rows there is no list of objects whose columns could be known.
    assert [row["number"] for row in select(rows, selection)] == expected
    assert select(frame, selection)["number"].tolist() == expected


plain_rows = st.lists(
    st.fixed_dictionaries({"i": st.integers(-(2**63), 2**63 - 1), "f": floats}), max_size=12
)


@settings(deadline=None)
@given(rows=plain_rows, operator=st.sampled_from(FilterOperator), value=numbers | floats)
def test_columns_without_missing_cells_follow_the_same_law(
    rows: Rows, operator: FilterOperator, value: float
) -> None:
    for key, dtype in (("i", "int64"), ("f", "float64")):
        selection = where((key, operator, value))
        frame = pd.DataFrame({key: pd.Series([row[key] for row in rows], dtype=dtype)})

        assert select(frame, selection).index.tolist() == model(rows, selection)


@pytest.mark.parametrize(
    ("operator", "left"),
    [
        (FilterOperator.EQUAL, [1]),
        (FilterOperator.NOT_EQUAL, [2, 3]),
        (FilterOperator.GREATER_OR_EQUAL, [1, 2]),
        (FilterOperator.LESS_OR_EQUAL, [1, 3]),
        (FilterOperator.LESS_THAN, [3]),
    ],
)
def test_decimals_are_compared_with_the_number_as_it_is_written(
    operator: FilterOperator, left: list[int]
) -> None:
    rows = [
        {"n": 1, "price": decimal.Decimal("1.10")},
        {"n": 2, "price": decimal.Decimal("2")},
        {"n": 3, "price": 1.0},
    ]

    selection = Selection(conditions=(Condition(key="price", operator=operator, value=1.1),))
    assert [row["n"] for row in select(rows, selection)] == left
    assert select(pd.DataFrame(rows), selection)["n"].tolist() == left
