"""How values look as JSON text."""

import datetime
import decimal
import enum
import json
import math
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarist.storage.python.rendition import to_plain_data
from scenarist.storage.registry import render

LIMIT = 65_536


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: int
    y: Any


class Pair(msgspec.Struct):
    left: int
    right: str


class Opaque:
    def __repr__(self) -> str:
        return "Opaque()"


class Hostile:
    """Raises at whatever it is asked."""

    def __repr__(self) -> NoReturn:
        raise SystemExit(1)

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError(name)


class Locked(type):
    def __getattribute__(cls, name: str) -> NoReturn:
        raise RuntimeError(name)


class Secretive(metaclass=Locked):
    __module__ = "test._private"

    def __repr__(self) -> NoReturn:
        raise RuntimeError("secret")


class HostileDict(dict[str, int]):
    def items(self) -> NoReturn:
        raise RuntimeError("no items")


class HostileText(str):
    __slots__ = ()

    def __str__(self) -> NoReturn:
        raise RuntimeError("no text")

    def __len__(self) -> NoReturn:
        raise RuntimeError("no length")


def refuse(text: str) -> NoReturn:
    raise AssertionError(f"{text} is not JSON")


def parse(text: str) -> Any:
    """Read JSON as a strict reader does."""
    msgspec.json.decode(text)
    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (2**70, "1180591620717411303424"),
        (1.5, "1.5"),
        (math.nan, "null"),
        (-math.inf, "null"),
        ("é", '"é"'),
        ([1, (2, math.nan)], "[1,[2,null]]"),
        ({1}, "[1]"),
        (range(3), "[0,1,2]"),
        (deque([1]), "[1]"),
        (b"\x00\xff", '"AP8="'),
        (bytearray(b"a"), '"YQ=="'),
        ({"a": {"b": math.inf}}, '{"a":{"b":null}}'),
        ({1: "a", 1.5: "b", None: "c", False: "d"}, '{"1":"a","1.5":"b","null":"c","false":"d"}'),
        ({(1, "x"): 1, Colour.RED: 2}, '{"[1,\\"x\\"]":1,"red":2}'),
        ({datetime.date(2026, 7, 1): 1}, '{"2026-07-01":1}'),
        (OrderedDict(a=1), '{"a":1}'),
        (datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC), '"2026-07-01T12:00:00Z"'),
        (datetime.datetime(2026, 7, 1, 12), '"2026-07-01T12:00:00"'),  # noqa: DTZ001
        (datetime.date(2026, 7, 1), '"2026-07-01"'),
        (datetime.time(12, 30), '"12:30:00"'),
        (datetime.timedelta(days=1, seconds=2), '"P1DT2S"'),
        (decimal.Decimal("1.10"), '"1.10"'),
        (decimal.Decimal("NaN"), "null"),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Colour.RED, '"red"'),
        (Level.HIGH, "3"),
        (Point(1, [Pair(2, "x")]), '{"x":1,"y":[{"left":2,"right":"x"}]}'),
        (np.int64(3), "3"),
        (np.float32(0.5), "0.5"),
        (np.float64("nan"), "null"),
        (np.longdouble(0.5), "0.5"),
        (np.bool_(True), "true"),
        (np.datetime64("2026-07-01T12:00:00", "ns"), '"2026-07-01T12:00:00"'),
        (np.datetime64("NaT"), "null"),
        (np.timedelta64(2, "s"), '"PT2S"'),
        (pd.Timedelta("1ns"), '"PT0.000000001S"'),
        (pd.Timedelta("-1D") - pd.Timedelta("5ns"), '"-P1DT0.000000005S"'),
        (np.timedelta64(1500, "ns"), '"PT0.0000015S"'),
        (np.array([1, "NaT"], "m8[ns]"), '["PT0.000000001S",null]'),
        (np.timedelta64(1, "ps"), '"1 picoseconds"'),
        (np.timedelta64(1, "M"), '"1 months"'),
        (np.datetime64(1, "ns"), '"1970-01-01T00:00:00.000000001"'),
        (np.array([[1]], "M8[ps]"), '[["1970-01-01T00:00:00.000000000001"]]'),
        (pd.Series([pd.Timedelta("1ns")]), '["PT0.000000001S"]'),
        (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (np.array(1.5), "1.5"),
        (np.array(["2026-07-01", "NaT"], "M8[ns]"), '["2026-07-01T00:00:00",null]'),
        (np.ma.masked_array([1, 2], mask=[False, True]), "[1,null]"),
        (pd.NaT, "null"),
        (pd.NA, "null"),
        (pd.Timestamp("2026-07-01T12:00:00+02:00"), '"2026-07-01T12:00:00+02:00"'),
        (pd.Timestamp("2026-07-01", tz="UTC"), '"2026-07-01T00:00:00Z"'),
        (pd.Timedelta(seconds=2), '"PT2S"'),
        (pd.Series([1, None], dtype="Int64"), "[1,null]"),
        (pd.Series(["a", None]), '["a",null]'),
        (pd.Index([1, 2]), "[1,2]"),
        (pd.DataFrame({"a": [1.5, math.nan], 2: ["x", None]}), None),
        (pd.DataFrame(), "[]"),
    ],
)
def test_small_value_is_shown_whole(value: object, expected: str | None) -> None:
    text, is_complete = render(value)

    assert text == (expected or '[{"a":1.5,"2":"x"},{"a":null,"2":null}]')
    assert is_complete


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Opaque(), '"Opaque()"'),
        ([1, Opaque()], '[1,"Opaque()"]'),
        ({"a": Opaque(), "b": 1}, '{"a":"Opaque()","b":1}'),
        (1 + 2j, '"(1+2j)"'),
        (Point, f"\"<class '{__name__}.Point'>\""),
        (Secretive(), '"<test.Secretive>"'),
        ([Hostile()], f'["<{__name__}.Hostile>"]'),
        (HostileDict(a=1), "\"{'a': 1}\""),
    ],
)
def test_value_without_a_whole_json_form_is_marked_incomplete(value: object, expected: str) -> None:
    assert render(value) == (expected, False)


def test_integer_too_long_for_text_is_named_by_its_type() -> None:
    assert render([10**10_000]) == ('["<int>"]', False)


def test_text_class_with_hostile_methods_is_shown_as_its_text() -> None:
    assert render(HostileText("abc")) == ('"abc"', True)


def test_list_that_contains_itself_is_cut() -> None:
    value: list[Any] = [1]
    value.append(value)

    assert render(value) == ('[1,"…"]', False)


def test_objects_that_refer_to_each_other_are_shown_once_on_the_way_to_each() -> None:
    parent = Point(0, [])
    parent.y.extend(Point(x, parent) for x in range(1, 30))

    assert to_plain_data(parent) == {"x": 0, "y": [{"x": x, "y": "…"} for x in range(1, 30)]}


def test_value_that_two_others_share_is_shown_in_both() -> None:
    shared = [1]

    assert render({"a": shared, "b": [shared]}) == ('{"a":[1],"b":[[1]]}', True)


def test_conversion_without_enough_memory_ends() -> None:
    class Greedy(list[Any]):
        def __len__(self) -> int:
            raise MemoryError

    with pytest.raises(MemoryError):
        to_plain_data([Greedy()])


def test_deep_nesting_is_cut() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]

    text, is_complete = render(value)

    assert text == "[" * 65 + '"…"' + "]" * 65
    assert not is_complete


def test_value_of_just_the_limit_is_shown_whole() -> None:
    text, is_complete = render("x" * (LIMIT - 2))

    assert len(text) == LIMIT
    assert is_complete


def test_value_of_one_byte_more_is_cut() -> None:
    text, is_complete = render("x" * (LIMIT - 1))

    assert text[-2:] == '…"'
    assert len(text.encode()) <= LIMIT
    assert not is_complete


def test_list_of_just_the_limit_is_shown_whole() -> None:
    value: list[Any] = [[] for _ in range(21_845)]

    text, is_complete = render(value)

    assert len(text) == LIMIT
    assert is_complete


@pytest.mark.parametrize(
    "make",
    [
        lambda: list(range(10_000_000)),
        lambda: range(10**15),
        lambda: pd.DataFrame({"a": np.arange(10_000_000)}),
        lambda: pd.Series(np.arange(10_000_000)),
        lambda: np.arange(10_000_000),
        lambda: np.zeros((1_000_000, 10)),
    ],
    ids=["list", "range", "frame", "series", "array", "matrix"],
)
def test_huge_value_is_shown_by_its_first_hundred_items(make: Callable[[], Any]) -> None:
    text, is_complete = render(make())

    assert len(parse(text)) == 100
    assert not is_complete


@pytest.mark.parametrize(
    ("character", "least"), [("x", 65_000), ("é", 20_000), ("\x00", 65_000), ("😀", 43_000)]
)
def test_huge_text_is_cut(character: str, least: int) -> None:
    text, is_complete = render(character * 10_000_000)

    assert least < len(text.encode()) <= LIMIT
    assert isinstance(parse(text), str)
    assert not is_complete


def test_huge_binary_value_is_cut() -> None:
    text, is_complete = render(bytes(100_000_000))

    assert text == '"' + "A" * 65_528 + '"'
    assert not is_complete


def test_preview_of_a_table_has_whole_rows_only() -> None:
    row = {f"column {number}": "x" * 90 for number in range(20)}

    text, is_complete = render(pd.DataFrame([row] * 1_000))

    rows = parse(text)
    assert len(rows) == 31
    assert all(shown == row for shown in rows)
    assert not is_complete


def test_row_that_is_too_wide_is_shown_in_part() -> None:
    frame = pd.DataFrame(np.zeros((2, 20_000)))

    rows = parse(render(frame)[0])

    assert len(rows) == 1
    assert list(rows[0])[:3] == ["0", "1", "2"]


def test_preview_of_a_mapping_shortens_what_is_long_and_keeps_what_is_short() -> None:
    value = {"long": list(range(100_000)), "text": "x" * 100_000, "short": 1}

    shown = parse(render(value)[0])

    assert shown == {"long": list(range(100)), "text": "x" * 1_000 + "…", "short": 1}


def test_preview_of_a_huge_mapping_has_its_first_entries() -> None:
    text, is_complete = render({number: number for number in range(1_000_000)})

    shown = parse(text)
    assert list(shown.items())[:2] == [("0", 0), ("1", 1)]
    assert len(text) > 65_000
    assert not is_complete


def test_value_shared_a_million_times_over_is_bounded() -> None:
    value: Any = "laugh"
    for _ in range(50):
        value = [value] * 10

    text, is_complete = render(value)

    assert len(text.encode()) <= LIMIT
    assert not is_complete


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)

hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.complex_numbers()
    | st.sampled_from([Colour.RED, Level.HIGH, Opaque, math.pi])
)
python_values = st.recursive(
    hashable | st.decimals(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(hashable, inner)
        | st.sets(hashable)
        | st.frozensets(hashable)
        | st.tuples(inner, inner)
        | st.builds(Point, inner, inner)
        | st.lists(inner, min_size=1).map(lambda items: items * 300)
    ),
    max_leaves=30,
)


def without_nan(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [without_nan(item) for item in value]
        case dict():
            return {key: without_nan(item) for key, item in value.items()}
        case _:
            return value


@given(value=json_values)
def test_json_value_is_shown_as_it_is(value: Any) -> None:
    text, is_complete = render(value)

    assert is_complete
    assert parse(text) == without_nan(value)


@settings(deadline=None)
@given(value=python_values)
def test_any_value_is_strict_json_of_at_most_the_limit(value: Any) -> None:
    text, _ = render(value)

    parse(text)
    assert len(text.encode()) <= LIMIT


@settings(deadline=None, max_examples=30)
@given(value=json_values, times=st.integers(min_value=1, max_value=20_000))
def test_repeated_value_is_complete_exactly_when_it_fits(value: Any, times: int) -> None:
    repeated = [value] * times

    text, is_complete = render(repeated)

    whole = msgspec.json.encode(repeated)
    assert is_complete == (len(whole) <= LIMIT)
    assert len(text.encode()) <= LIMIT
    parse(text)
