"""Values of every kind that tasks return, by the name that the documentation has for it."""

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import typing
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import numpy as np
import pandas as pd
import pydantic

from scenarist.storage.python.structures import fields_of

NOON = datetime.datetime(2026, 1, 31, 12, 0, 0, 5)  # noqa: DTZ001 - one without a zone
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Rank(enum.IntEnum):
    HIGH = 3


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: int
    day: datetime.date
    doubled: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.doubled = 2 * self.x


@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    name: str


class Pair(typing.NamedTuple):
    left: int
    right: str


class Order(msgspec.Struct):
    number: int
    price: decimal.Decimal


class Item(pydantic.BaseModel):
    name: str
    days: list[datetime.date] = pydantic.Field(default_factory=list, alias="dates")


@attrs.define
class Box:
    size: int


class Model:
    """A class of the application without declared fields."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.weight == other.weight

    def __hash__(self) -> int:
        return hash(self.weight)

    def __repr__(self) -> str:
        return f"Model({self.weight})"


def _table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


DAYS = pd.to_datetime(["2026-01-31", "2026-02-01"])

VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "bool": lambda: True,
    "int": lambda: 5,
    "int beyond 64 bits": lambda: 2**70 + 1,
    "float": lambda: 1.5,
    "NaN, infinity": lambda: [math.nan, math.inf, -0.0],
    "str": lambda: "Zürich 😀",
    "lone surrogate": lambda: "a\ud800",
    "list": lambda: [1, "a", None, [2.5]],
    "list of dict": lambda: [{"city": "a", "n": 1}, {"city": "b", "n": None}],
    "list of dict with datetimes": lambda: [{"at": NOON.replace(microsecond=0)}],
    "list of dict with microseconds": lambda: [{"at": NOON}],
    "list of dict with dates": lambda: [{"day": NOON.date()}],
    "list of dict with Decimals, bytes": lambda: [{"n": decimal.Decimal("1.10"), "b": b"x"}],
    "dict": lambda: {"a": 1, "b": {"c": [True]}},
    "dict with keys that are not text": lambda: {1: "a", "1": "b", (2, 3): None},
    "dict with the key `__type__`": lambda: {"__type__": "Date", "__value__": "2026-01-31"},
    "OrderedDict, defaultdict, Counter": lambda: [
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.Counter("aab"),
    ],
    "tuple": lambda: (1, ("a", None)),
    "namedtuple": lambda: Pair(1, "a"),
    "set, frozenset": lambda: [{3, 1, 2}, frozenset({"a"})],
    "deque": lambda: collections.deque([1, 2], maxlen=3),
    "range": lambda: range(3),
    "datetime": lambda: NOON,
    "datetime with a zone": lambda: NOON.replace(tzinfo=BERLIN),
    "date, time": lambda: [NOON.date(), NOON.time()],
    "timedelta": lambda: datetime.timedelta(days=-1, microseconds=1),
    "Decimal": lambda: decimal.Decimal("1.10"),
    "complex": lambda: 1 + 2j,
    "UUID": lambda: uuid.UUID(int=7),
    "bytes": lambda: b"\x00\xff",
    "Path": lambda: pathlib.Path("/data/a.csv"),
    "Enum": lambda: [Mode.FAST, Rank.HIGH, Access.READ | Access.WRITE],
    "dataclass": lambda: [Point(1, NOON.date()), Fixed("a")],
    "msgspec.Struct": lambda: Order(1, decimal.Decimal("2.50")),
    "pydantic.BaseModel": lambda: Item(name="a", dates=[NOON.date()]),
    "attrs": lambda: Box(3),
    "other objects": lambda: Model(1.5),
    "numpy scalar": lambda: [np.int64(2), np.float64(2.5), np.bool_(True)],
    "numpy array": lambda: np.array([[1, 2], [3, 4]]),
    "pandas Timestamp, Timedelta": lambda: [pd.Timestamp(NOON), pd.Timedelta(days=1)],
    "pandas NA, NaT": lambda: [pd.NA, pd.NaT],
    "Series": lambda: pd.Series([1, 2], name="v"),
    "table of numbers and text": lambda: _table(v=[1, 2], w=[1.5, 2.5], name=["a", "b"]),
    "table with integers and nulls": lambda: _table(v=pd.array([1, None], dtype="Int64")),
    "table with big integers": lambda: _table(v=[2**63 - 1, -1]),
    "table of float32, int8": lambda: _table(
        f=np.array([0.1, 2.5], "float32"), i=np.array([1, 2], "int8")
    ),
    "table with a column of nulls": lambda: _table(a=[1, 2], b=[None, None]),
    "table with booleans and nulls": lambda: _table(v=pd.array([True, None], dtype="boolean")),
    "table with text like NA and 007": lambda: _table(code=["NA", "007"]),
    "table with empty text and nulls": lambda: _table(a=["x", "y", "z"], note=["", None, "b"]),
    "table with datetimes": lambda: _table(at=DAYS),
    "table with datetimes with a zone": lambda: _table(at=DAYS.tz_localize(BERLIN)),
    "table with dates": lambda: _table(day=[NOON.date(), NOON.date()]),
    "table with durations": lambda: _table(took=pd.to_timedelta([1, 2], unit="s")),
    "table with Decimals": lambda: _table(price=[decimal.Decimal("1.10"), decimal.Decimal("2.0")]),
    "table with categories": lambda: _table(size=pd.Categorical(["S", "L"], categories=["S", "L"])),
    "table with categories that are numbers": lambda: _table(size=pd.Categorical([1, 2])),
    "table with a named index": lambda: (
        _table(city=["a", "b", "a"], v=[1, 2, 3]).groupby("city").sum()
    ),
    "table with two levels of columns": lambda: pd.DataFrame({("n", "a"): [1], ("n", "b"): [2]}),
    "table with duplicate column names": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "table without rows": lambda: _table(v=pd.Series([], dtype="int64")),
}


def is_same(left: Any, right: Any) -> bool:
    """Whether two values are equal and of the same types, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, pd.DataFrame | pd.Series | np.ndarray):
        return _is_same_table(left, right)
    fields = fields_of(left)
    if fields is not None:
        return is_same(fields, fields_of(right))
    if isinstance(left, dict):
        left, right = list(left.items()), list(right.items())
    if isinstance(left, list | tuple | collections.deque):
        return len(left) == len(right) and all(map(is_same, left, right))
    if isinstance(left, float):
        return bool(left.hex() == right.hex())
    if isinstance(left, datetime.datetime | datetime.time):
        return repr(left) == repr(right)
    return left is right or bool(left == right)


def _is_same_table(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray):
        return is_same([str(left.dtype), left.tolist()], [str(right.dtype), right.tolist()])
    check: Any = pd.testing.assert_frame_equal
    if isinstance(left, pd.Series):
        check = pd.testing.assert_series_equal
    try:
        check(left, right, check_exact=True, check_freq=False)
    except AssertionError:
        return False
    return True
