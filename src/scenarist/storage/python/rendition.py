"""Rendition of a value: JSON text of all of a small value, or a bounded preview of a large one."""

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
from scenarist.storage.python.data_frames import (
    array_values,
    is_labelled_series,
    series_values,
    to_records,
)
from scenarist.storage.python.objects import python_type
from scenarist.storage.python.structures import fields_of

MAX_ITEMS = 100
"""Most items of a list, and rows of a table, that a preview shows."""

_MAX_TEXT = 1000
_MAX_DEPTH = 64
_NUMBERS = frozenset({int, float, bool, NoneType})

_MICROSECOND = datetime.timedelta(microseconds=1)

_encode = msgspec.json.Encoder().encode


class _DoesNotFitError(Exception):
    """The next part does not fit, or has no complete JSON form."""


def render(value: object) -> tuple[str, bool]:
    """Return a value as strict JSON text of at most 64 KiB, and whether the text is complete.

    Never raises, whatever the code of the value does, and has bounded cost for a value of any size.
    """
    try:
        # The walk counts roughly; with twice the room it never stops at a value that fits.
        text = _encode(_JsonWalk(room=2 * INLINE_LIMIT, is_whole=True).plain(value))
        if len(text) <= INLINE_LIMIT:
            return text.decode(), True
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001, S110 - a value may raise anything; try the preview
        pass
    return _render_preview(value), False


def to_plain_data(value: object) -> Any:
    """Convert a whole value to plain JSON data; parts without a JSON form become text."""
    return _JsonWalk(room=sys.maxsize, is_whole=True, is_lenient=True).plain(value)


def key_to_text(key: object) -> str:
    """Return the name that a key of a dict has in JSON."""
    shown: dict[str, None] = to_plain_data({key: None})
    return next(iter(shown))


def _render_preview(value: object) -> str:
    try:
        return _encode(_JsonWalk(room=INLINE_LIMIT, is_whole=False).plain(value)).decode()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - as above; show only the type
        return _encode(f"<{python_type(value)}>").decode()


class _JsonWalk:
    """Converts a value to plain JSON data within a limit on its size.

    A whole walk counts roughly, and raises at the first part that it cannot show. A preview counts
    every byte and continues: it truncates text, and keeps the items of a container that fit. A
    container may be truncated only if it is the first item at each level, so that the last row of
    a table is never half a row. A lenient walk shows parts without a JSON form as text. A value
    within itself is shown as ``…``.
    """

    def __init__(self, *, room: int, is_whole: bool, is_lenient: bool = False) -> None:
        self.room = room
        self.is_whole = is_whole
        self.is_lenient = is_lenient or not is_whole
        self.max_items = None if is_whole else MAX_ITEMS
        # Deep enough to show every value that a storage accepts.
        self.max_depth = 2 * _MAX_DEPTH if is_lenient else _MAX_DEPTH
        self.open: set[int] = set()  # the ids of the containers around the current part

    def plain(self, value: Any, depth: int = 0, is_first: bool = True) -> Any:
        if depth > self.max_depth:
            return self.opaque("…")
        try:
            visit = _VISITORS.get(type(value)) or _find_visitor(value)
            return visit(self, value, depth, is_first)
        except (_DoesNotFitError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - the value's own code may raise anything
            return self.opaque(value)

    def spend(self, cost: int) -> None:
        if cost > self.room:
            raise _DoesNotFitError
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
                # Other programs do not accept half of a surrogate pair.
                text = text.encode("utf-8", "replace").decode()
            self.leaf(text)
            return text
        most = self.room - 8 if depth == 0 else _MAX_TEXT
        if len(text) > most:
            text = text[:most] + "…"
        text = text.encode("utf-8", "replace").decode()
        if depth == 0 and len(_encode(text)) > self.room:
            # One character takes at most six bytes.
            text = text[: self.room // 6 - 1] + "…"
        self.leaf(text)
        return text

    def binary(self, value: bytes, depth: int, _is_first: bool) -> str:
        view = memoryview(value).cast("B")
        if self.is_whole and view.nbytes > self.room:
            raise _DoesNotFitError
        if not self.is_whole:
            most = self.room - 8 if depth == 0 else _MAX_TEXT
            view = view[: most * 3 // 4]
        text = base64.b64encode(view.tobytes()).decode()
        self.leaf(text)
        return text

    def items(self, items: Collection[Any], depth: int, is_first: bool) -> list[Any]:
        self._open_container(len(items))
        if self.is_whole and type(items) is list and set(map(type, items)) <= _NUMBERS:
            self.spend(len(items))
            return items
        shown: list[Any] = []
        for item in islice(items, self.max_items):
            room = self.room
            try:
                self.spend(1)
                shown.append(self.plain(item, depth + 1, is_first and not shown))
            except _DoesNotFitError:
                self._truncate_container(room, is_first)
                break
        return shown

    def mapping(self, mapping: Mapping[Any, Any], depth: int, is_first: bool) -> Any:
        self._open_container(len(mapping))
        shown: dict[str, Any] = {}
        before = self.room
        for label, item in mapping.items():
            room = self.room
            try:
                self.spend(2)
                key = self._key(label, depth + 1)
                if key in shown:
                    # Two keys have the same text, such as 1 and "1".
                    self.room = before
                    return self.items(mapping.items(), depth, is_first)
                shown[key] = self.plain(item, depth + 1, is_first and not shown)
            except _DoesNotFitError:
                self._truncate_container(room, is_first)
                break
        return shown

    def unordered(self, items: Collection[Any], depth: int, is_first: bool) -> list[Any]:
        """Show a set sorted, so that its order does not depend on the process."""
        shown = self.items(items, depth, is_first)
        return sorted(shown, key=_sort_key) if len(shown) == len(items) else shown

    def frame(self, frame: Any, depth: int, is_first: bool) -> list[Any]:
        height, width = frame.shape
        if not self.is_whole:
            frame = frame.iloc[:MAX_ITEMS, : INLINE_LIMIT // 4]
        elif height * max(width, 1) > self.room:
            raise _DoesNotFitError
        return self.items(to_records(frame), depth, is_first)

    def series(self, series: Any, depth: int, is_first: bool) -> list[Any]:
        if is_labelled_series(series):
            return self.frame(series.to_frame(), depth, is_first)
        if not self.is_whole:
            series = series.array[:MAX_ITEMS]
        elif len(series) > self.room:
            raise _DoesNotFitError
        return self.items(series_values(series), depth, is_first)

    def array(self, array: Any, depth: int, is_first: bool) -> Any:
        if self.is_whole and array.size > self.room:
            raise _DoesNotFitError
        if array.ndim == 0:
            return self.plain(array_values(array), depth + 1, is_first)
        if array.ndim == 1:
            return self.items(array_values(array[: self.max_items]), depth, is_first)
        return self.items(array, depth, is_first)

    def opaque(self, value: object) -> str:
        """Show a value without a JSON form as its ``repr``."""
        if not self.is_lenient:
            raise _DoesNotFitError
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

    def _open_container(self, count: int) -> None:
        self.spend(2)
        if self.is_whole and count > self.room:
            raise _DoesNotFitError

    def _truncate_container(self, room: int, is_first: bool) -> None:
        """Restore the room after the last item that fits; raise if the container must be whole."""
        if self.is_whole or not is_first:
            raise _DoesNotFitError
        self.room = room


_Visitor: TypeAlias = Callable[[_JsonWalk, Any, int, bool], Any]


def _find_visitor(value: object) -> _Visitor:
    for base in type(value).__mro__:
        if base in _VISITORS:
            return _VISITORS[base]
    if fields_of(value) is not None:
        return _visit_fields
    return _find_library_visitor(value)


def _find_library_visitor(value: object) -> _Visitor:
    """Return how to show a pandas or numpy value, if the process has imported these libraries."""
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(value, pandas.DataFrame):
            return _JsonWalk.frame
        if isinstance(value, pandas.Series | pandas.Index):
            return _JsonWalk.series
        if value is pandas.NA:
            return _make_leaf_visitor(lambda _: None)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return _JsonWalk.array
        if isinstance(value, numpy.generic):
            return lambda walk, value, depth, is_first: walk.plain(
                array_values(value), depth + 1, is_first
            )
    return lambda walk, value, *_: walk.opaque(value)


def _sort_key(data: Any) -> tuple[int, Any]:
    if isinstance(data, int | float):
        return 0, data
    return (1, data) if isinstance(data, str) else (2, _encode(data))


def _make_leaf_visitor(convert: Callable[[Any], Any]) -> _Visitor:
    return lambda walk, value, *_: walk.leaf(convert(value))


def _to_iso(moment: Any) -> str | None:
    text: str = moment.isoformat()
    if text == "NaT":
        return None
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def _to_iso_duration(duration: datetime.timedelta) -> Any:
    # A plain timedelta, without the nanoseconds of pandas' subclass.
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


def _make_container_visitor(visit: _Visitor) -> _Visitor:
    """Return a visitor that shows a container once on the way to a part of it.

    Objects that refer to each other, such as the nodes of a tree and their parents, would otherwise
    be repeated at each level.
    """

    def visit_once(walk: _JsonWalk, value: Any, depth: int, is_first: bool) -> Any:
        mark = id(value)
        if mark in walk.open:
            return walk.opaque("…")
        walk.open.add(mark)
        try:
            return visit(walk, value, depth, is_first)
        finally:
            walk.open.discard(mark)

    return visit_once


_visit_fields = _make_container_visitor(
    lambda walk, value, *rest: walk.mapping(fields_of(value) or {}, *rest)
)
_visit_items = _make_container_visitor(_JsonWalk.items)
_visit_set = _make_container_visitor(_JsonWalk.unordered)


def _visit_plain(walk: _JsonWalk, value: Any, _depth: int, _is_first: bool) -> Any:
    return walk.leaf(value)


_VISITORS: dict[type, _Visitor] = {
    NoneType: _visit_plain,
    bool: _visit_plain,
    int: lambda walk, value, *_: walk.leaf(int.__int__(value)),
    float: lambda walk, value, *_: walk.leaf(float.__float__(value)),
    str: _JsonWalk.text,
    bytes: _JsonWalk.binary,
    bytearray: _JsonWalk.binary,
    memoryview: _JsonWalk.binary,
    list: _visit_items,
    tuple: _visit_items,
    set: _visit_set,
    frozenset: _visit_set,
    deque: _visit_items,
    range: _JsonWalk.items,
    dict: _make_container_visitor(_JsonWalk.mapping),
    datetime.datetime: _make_leaf_visitor(_to_iso),
    datetime.date: _make_leaf_visitor(_to_iso),
    datetime.time: _make_leaf_visitor(_to_iso),
    datetime.timedelta: _make_leaf_visitor(_to_iso_duration),
    decimal.Decimal: _make_leaf_visitor(lambda number: str(number) if number.is_finite() else None),
    uuid.UUID: _make_leaf_visitor(str),
    PurePath: lambda walk, path, depth, is_first: walk.text(str(path), depth, is_first),
    enum.Enum: lambda walk, member, depth, is_first: walk.plain(member.value, depth + 1, is_first),
}
