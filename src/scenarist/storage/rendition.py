"""A value as JSON text for everybody to see: whole while it is small, else a bounded preview."""

import base64
import datetime
import decimal
import enum
import sys
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from pathlib import PurePath
from types import NoneType
from typing import Any, TypeAlias

import msgspec

from scenarist.storage.base import INLINE_LIMIT
from scenarist.storage.frames import array_values, is_labelled_series, records, series_values
from scenarist.storage.objects import python_type
from scenarist.storage.structures import fields_of

MOST_ITEMS = 100
"""Items that a preview shows of one list, and rows of one table."""

_MOST_TEXT = 1000
_MOST_DEPTH = 64
_NUMBERS = frozenset({int, float, bool, NoneType})

_MICROSECOND = datetime.timedelta(microseconds=1)

_encode = msgspec.json.Encoder().encode


class _OutOfRoomError(Exception):
    """There is no room for what comes next, or it has no whole form."""


def render(value: object) -> tuple[str, bool]:
    """Return a value as strict JSON text of at most 64 KiB, and whether that is all of it.

    Never raises, whatever the value does, and its cost is bounded, whatever the value's size.
    """
    try:
        # The walk counts roughly; twice the room makes sure that it stops nothing that fits.
        text = _encode(_Walk(room=2 * INLINE_LIMIT, is_whole=True).plain(value))
        if len(text) <= INLINE_LIMIT:
            return text.decode(), True
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001, S110 - a value may raise anything; the preview is next
        pass
    return _preview(value), False


def plain_value(value: object) -> Any:
    """Return a value as plain JSON data, all of it; as text what has no such form."""
    return _Walk(room=sys.maxsize, is_whole=True, is_lenient=True).plain(value)


def _preview(value: object) -> str:
    try:
        return _encode(_Walk(room=INLINE_LIMIT, is_whole=False).plain(value)).decode()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - as above, and now nothing of the value is left to show
        return _encode(f"<{python_type(value)}>").decode()


class _Walk:
    """Turns a value into plain JSON data while there is room.

    A whole walk counts roughly and stops with an error at the first thing that it cannot show.
    A preview counts every byte and goes on: it shortens, and keeps of a container the items that
    fit. Only on the way down the first items may a container be kept in part, so that the last
    row of a table is never half a row. A lenient walk shows as text what has no JSON form.
    """

    def __init__(self, *, room: int, is_whole: bool, is_lenient: bool = False) -> None:
        self.room = room
        self.is_whole = is_whole
        self.is_lenient = is_lenient or not is_whole
        self.most_items = None if is_whole else MOST_ITEMS
        # All of a value is shown whose levels a storage has kept.
        self.most_depth = 2 * _MOST_DEPTH if is_lenient else _MOST_DEPTH

    def plain(self, value: Any, depth: int = 0, is_first: bool = True) -> Any:
        if depth > self.most_depth:
            return self.opaque("…")
        try:
            visit = _VISITS.get(type(value)) or _find_visit(value)
            return visit(self, value, depth, is_first)
        except _OutOfRoomError:
            raise
        except Exception:  # noqa: BLE001 - the value's own code may raise anything
            return self.opaque(value)

    def spend(self, cost: int) -> None:
        if cost > self.room:
            raise _OutOfRoomError
        self.room -= cost

    def leaf(self, leaf: Any) -> Any:
        if not self.is_whole:
            self.spend(len(_encode(leaf)))
        else:
            self.spend(len(leaf) if type(leaf) is str else 1)
        return leaf

    def text(self, value: str, depth: int, _is_first: bool) -> str:
        text = str.__str__(value)
        if self.is_whole:
            if not text.isascii():
                # Half of a surrogate pair is no text for others.
                text = text.encode("utf-8", "replace").decode()
            self.leaf(text)
            return text
        most = self.room - 8 if depth == 0 else _MOST_TEXT
        if len(text) > most:
            text = text[:most] + "…"
        text = text.encode("utf-8", "replace").decode()
        if depth == 0 and len(_encode(text)) > self.room:
            # One character takes six bytes at most.
            text = text[: self.room // 6 - 1] + "…"
        self.leaf(text)
        return text

    def binary(self, value: bytes, depth: int, _is_first: bool) -> str:
        view = memoryview(value).cast("B")
        if self.is_whole and view.nbytes > self.room:
            raise _OutOfRoomError
        if not self.is_whole:
            most = self.room - 8 if depth == 0 else _MOST_TEXT
            view = view[: most * 3 // 4]
        text = base64.b64encode(view.tobytes()).decode()
        self.leaf(text)
        return text

    def items(self, items: Collection[Any], depth: int, is_first: bool) -> list[Any]:
        self._begin(len(items))
        if self.is_whole and type(items) is list and set(map(type, items)) <= _NUMBERS:
            self.spend(len(items))
            return items
        shown: list[Any] = []
        for item in islice(items, self.most_items):
            room = self.room
            try:
                self.spend(1)
                shown.append(self.plain(item, depth + 1, is_first and not shown))
            except _OutOfRoomError:
                self._give_up(room, is_first)
                break
        return shown

    def mapping(self, mapping: Mapping[Any, Any], depth: int, is_first: bool) -> Any:
        self._begin(len(mapping))
        shown: dict[str, Any] = {}
        before = self.room
        for label, item in mapping.items():
            room = self.room
            try:
                self.spend(2)
                key = self._key(label, depth + 1)
                if key in shown:
                    # Two keys have the same text, as 1 and "1" have.
                    self.room = before
                    return self.items(mapping.items(), depth, is_first)
                shown[key] = self.plain(item, depth + 1, is_first and not shown)
            except _OutOfRoomError:
                self._give_up(room, is_first)
                break
        return shown

    def unordered(self, items: Collection[Any], depth: int, is_first: bool) -> list[Any]:
        """Show a set in one order, which is not that of the process it is in."""
        shown = self.items(items, depth, is_first)
        return sorted(shown, key=_rank) if len(shown) == len(items) else shown

    def frame(self, frame: Any, depth: int, is_first: bool) -> list[Any]:
        height, width = frame.shape
        if not self.is_whole:
            frame = frame.iloc[:MOST_ITEMS, : INLINE_LIMIT // 4]
        elif height * max(width, 1) > self.room:
            raise _OutOfRoomError
        return self.items(records(frame), depth, is_first)

    def series(self, series: Any, depth: int, is_first: bool) -> list[Any]:
        if is_labelled_series(series):
            return self.frame(series.to_frame(), depth, is_first)
        if not self.is_whole:
            series = series.array[:MOST_ITEMS]
        elif len(series) > self.room:
            raise _OutOfRoomError
        return self.items(series_values(series), depth, is_first)

    def array(self, array: Any, depth: int, is_first: bool) -> Any:
        if self.is_whole and array.size > self.room:
            raise _OutOfRoomError
        if array.ndim == 0:
            return self.plain(array_values(array), depth + 1, is_first)
        if array.ndim == 1:
            return self.items(array_values(array[: self.most_items]), depth, is_first)
        return self.items(array, depth, is_first)

    def opaque(self, value: object) -> str:
        """Show a value that has no JSON form by the text that it gives of itself."""
        if not self.is_lenient:
            raise _OutOfRoomError
        try:
            text = value if type(value) is str else repr(value)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - a repr may raise anything
            text = f"<{python_type(value)}>"
        return self.text(text, 1, False)

    def _key(self, label: object, depth: int) -> str:
        room = self.room
        key = self.plain(label, depth, False)
        if type(key) is str:
            return key
        self.room = room
        text = _encode(key).decode()
        self.leaf(text)
        return text

    def _begin(self, count: int) -> None:
        self.spend(2)
        if self.is_whole and count > self.room:
            raise _OutOfRoomError

    def _give_up(self, room: int, is_first: bool) -> None:
        """Go back to where the last item that fits ended; raise where it is all or nothing."""
        if self.is_whole or not is_first:
            raise _OutOfRoomError
        self.room = room


_Visit: TypeAlias = Callable[[_Walk, Any, int, bool], Any]


def _find_visit(value: object) -> _Visit:
    for base in type(value).__mro__:
        if base in _VISITS:
            return _VISITS[base]
    if fields_of(value) is not None:
        return lambda walk, value, *rest: walk.mapping(fields_of(value) or {}, *rest)
    return _find_foreign_visit(value)


def _find_foreign_visit(value: object) -> _Visit:
    """Return how to show a value of pandas or numpy, where the program has imported them."""
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(value, pandas.DataFrame):
            return _Walk.frame
        if isinstance(value, pandas.Series | pandas.Index):
            return _Walk.series
        if value is pandas.NA:
            return _leaf_of(lambda _: None)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return _Walk.array
        if isinstance(value, numpy.generic):
            return lambda walk, value, depth, is_first: walk.plain(
                array_values(value), depth + 1, is_first
            )
    return lambda walk, value, *_: walk.opaque(value)


def _rank(data: Any) -> tuple[int, Any]:
    if isinstance(data, int | float):
        return 0, data
    return (1, data) if isinstance(data, str) else (2, _encode(data))


def _leaf_of(convert: Callable[[Any], Any]) -> _Visit:
    return lambda walk, value, *_: walk.leaf(convert(value))


def _iso(moment: Any) -> str | None:
    text: str = moment.isoformat()
    if text == "NaT":
        return None
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def _duration(duration: datetime.timedelta) -> Any:
    # A whole timedelta, without what pandas' own class adds to it.
    exact = datetime.timedelta(duration.days, duration.seconds, duration.microseconds)
    rest = getattr(duration, "nanoseconds", 0)
    if not rest:
        return msgspec.to_builtins(exact)
    total = exact // _MICROSECOND * 1000 + rest
    seconds, nanoseconds = divmod(abs(total), 10**9)
    days, seconds = divmod(seconds, 86400)
    sign, date = "-" if total < 0 else "", f"{days}D" if days else ""
    fraction = f"{nanoseconds:09}".rstrip("0")
    return f"{sign}P{date}T{seconds}.{fraction}S"


def _itself(walk: _Walk, value: Any, _depth: int, _is_first: bool) -> Any:
    return walk.leaf(value)


_VISITS: dict[type, _Visit] = {
    NoneType: _itself,
    bool: _itself,
    int: lambda walk, value, *_: walk.leaf(int.__int__(value)),
    float: lambda walk, value, *_: walk.leaf(float.__float__(value)),
    str: _Walk.text,
    bytes: _Walk.binary,
    bytearray: _Walk.binary,
    memoryview: _Walk.binary,
    list: _Walk.items,
    tuple: _Walk.items,
    set: _Walk.unordered,
    frozenset: _Walk.unordered,
    deque: _Walk.items,
    range: _Walk.items,
    dict: _Walk.mapping,
    datetime.datetime: _leaf_of(_iso),
    datetime.date: _leaf_of(_iso),
    datetime.time: _leaf_of(_iso),
    datetime.timedelta: _leaf_of(_duration),
    decimal.Decimal: _leaf_of(lambda number: str(number) if number.is_finite() else None),
    uuid.UUID: _leaf_of(str),
    PurePath: lambda walk, path, depth, is_first: walk.text(str(path), depth, is_first),
    enum.Enum: lambda walk, member, depth, is_first: walk.plain(member.value, depth + 1, is_first),
}
