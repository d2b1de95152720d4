"""Conversion of data from JSON requests to the types of the value that it replaces.

A client sees a table as records, a date as text, a set as a list. When it writes this back,
changed or not, the next job must get the types that it expects. So if the present value has a
type that JSON lacks, the data must have the form in which that type is shown, and is converted to
the type; null is allowed anywhere. If JSON has the type, the data is used as it is.
"""

import base64
import copy
import datetime
import decimal
import enum
import json
import math
import pathlib
import re
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any

import msgspec

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.hashing import check_hashes
from scenarist.storage.python.objects import describe_error, python_type
from scenarist.storage.python.rendition import key_to_text, to_plain_data
from scenarist.storage.python.structures import (
    ObjectState,
    fields_of,
    is_structure,
    restore,
    state_of,
)

_PLAIN = frozenset({NoneType, bool, int, float, str})
_LISTS = (list, tuple, set, frozenset, deque)


def retype(data: Any, present: Any, where: str = "the value") -> Any:
    """Convert data to the types of the value that it replaces.

    Args:
        present: The value that the data replaces.
        where: The path within the value, for messages.

    Raises:
        InvalidError: The data does not have the form of the present value; says where.
    """
    kind = type(present)
    if kind in _PLAIN:
        # NaN and infinities are shown as null.
        is_kept = data is None and kind is float and not math.isfinite(present)
        return present if is_kept else data
    if kind is list:
        return retype_items(data, present, where) if type(data) is list else data
    if kind is dict and type(data) is not dict:
        return present if is_same(data, to_plain_data(present)) else data
    if isinstance(present, dict) and type(data) is dict:
        return _retype_dict(data, present, where)
    if is_structure(kind) and type(data) in (dict, list):
        return _retype_structure(data, present, where)
    if kind in _LISTS and type(data) is list:
        return _retype_items_of(data, present, where)
    if type(data) is kind or is_same(data, to_plain_data(present)):
        return data if type(data) is kind else present
    return None if data is None else _retype_leaf(data, present, where)


def retype_items(data: list[Any], present: Sequence[Any], where: str) -> list[Any]:
    """Convert the items of a list, each to the type of the item that it replaces or of all items.

    Raises:
        InvalidError: An item does not have the form of the present items.
    """
    kinds = {type(item) for item in present} - {NoneType}
    if kinds <= _PLAIN - {float} or (kinds <= _PLAIN and None not in data):
        return data
    forms = [_json_form(item) for item in present]
    known = dict(zip(forms, present, strict=True))
    # NaT, for example, is shown as null too, and is no pattern for others.
    samples = [item for item, form in zip(present, forms, strict=True) if form != "null"]
    kinds, pattern = {type(item) for item in samples}, samples[-1] if samples else None
    items = []
    for position, item in enumerate(data):
        form, is_there = _json_form(item), position < len(present)
        if is_there and form == forms[position]:
            items.append(present[position])
        elif form in known:
            items.append(known[form])
        elif len(kinds) > 1 and not is_there:
            items.append(item)
        else:
            like = present[position] if is_there and forms[position] != "null" else pattern
            items.append(retype(item, like, f"{where}[{position}]"))
    return items


def _retype_items_of(data: list[Any], present: Any, where: str) -> Any:
    items = retype_items(data, list(present), where)
    if isinstance(present, deque):
        return deque(items, present.maxlen)
    if isinstance(present, set | frozenset):
        check_hashes(items)
    return type(present)(items)


def retype_appended(data: Any, present: Any) -> Any:
    """Convert data to append to a value: one or more items to the type that all its items have.

    Raises:
        InvalidError: The data does not have the form of the present value.
    """
    if isinstance(present, dict) and type(data) is dict:
        return _retype_dict(data, present, "the value")
    if isinstance(present, _LISTS):
        items = list(data) if isinstance(data, list | tuple) else [data]
        there = list(present)
        if len({type(item) for item in there} - {NoneType}) != 1:
            return items
        like = next(item for item in there if item is not None)
        return [retype(item, like, f"item {number}") for number, item in enumerate(items, 1)]
    return data


def is_same(data: Any, shown: Any) -> bool:
    """Whether data equals what the client was shown; integers may have become floats."""
    if type(data) is list and type(shown) is list:
        return len(data) == len(shown) and all(map(is_same, data, shown))
    if type(data) is dict and type(shown) is dict:
        return data.keys() == shown.keys() and all(is_same(data[key], shown[key]) for key in data)
    if type(shown) is float and not math.isfinite(shown):
        return data is None
    return isinstance(data, bool) == isinstance(shown, bool) and bool(data == shown)


def make_form_error(data: Any, present: Any, where: str, why: object = None) -> InvalidError:
    """Return the error for data that does not have the form of the present value."""
    shown = json.dumps(to_plain_data(present), default=str)[:100]
    detail = f" ({describe_error(why)})" if isinstance(why, BaseException) else ""
    return InvalidError(
        f"{where} is of type {python_type(present)}, shown as {shown}; {json.dumps(data):.100} does"
        f" not have this form{detail}. Give it in this form; a task can write another type"
    )


def _retype_dict(data: dict[str, Any], present: dict[Any, Any], where: str) -> Any:
    keys = {key_to_text(key): key for key in present}
    kinds = {type(item) for item in present.values()} - {NoneType}
    pattern = next((item for item in present.values() if item is not None), None)
    new: dict[str, Any] = {text: text for text in data if text not in keys}
    key_kinds = {type(key) for key in present}
    if len(key_kinds) == 1 and key_kinds != {str}:
        like = next(iter(present))
        new = {text: _new_key(text, like, where) for text in new}
        check_hashes(new.values())
    kept: dict[Any, Any] = {}
    for text, item in data.items():
        item_where = f"{where}[{text!r}]"
        if text in keys:
            kept[keys[text]] = retype(item, present[keys[text]], item_where)
        else:
            kept[new[text]] = retype(item, pattern, item_where) if len(kinds) == 1 else item
    if type(present) is dict:
        return kept
    made = copy.copy(present)
    made.clear()
    made.update(kept)
    return made


def _new_key(text: str, like: Any, where: str) -> Any:
    """Return the key that a text stands for, in a dict whose keys have the type of another key."""
    kind = type(like)
    if kind not in _PLAIN:
        return retype(text, like, f"the key {text!r} of {where}")
    try:
        key = json.loads(text)
    except ValueError:
        return text
    return key if type(key) is kind else text


def _retype_structure(data: Any, present: Any, where: str) -> Any:
    kind = type(present)
    if isinstance(present, tuple):
        fields = dict(zip(kind._fields, present, strict=True))
        if type(data) is list and len(data) == len(fields):
            data = dict(zip(fields, data, strict=True))
    else:
        fields = fields_of(present) or {}
    if type(data) is not dict or data.keys() != fields.keys():
        raise make_form_error(data, present, where)
    made = {key: retype(data[key], fields[key], f"{where}.{key}") for key in fields}
    try:
        if getattr(kind, "__pydantic_root_model__", False):
            return kind.model_validate(made["root"])
        if hasattr(kind, "model_validate"):
            return kind.model_validate(made, by_name=True)
        return restore(kind, ObjectState(made, state_of(present).extras))
    except MemoryError:
        raise
    # The class is the user's; it may raise anything.
    except Exception as error:
        raise make_form_error(data, present, where, error) from error


def _retype_leaf(data: Any, present: Any, where: str) -> Any:
    convert = _find_converter(type(present))
    if convert is None:
        raise make_form_error(data, present, where)
    try:
        return convert(data, present)
    except (InvalidError, MemoryError):
        raise
    # The class may raise anything for data that does not have its form.
    except Exception as error:
        raise make_form_error(data, present, where, error) from error


def _find_converter(kind: type[Any]) -> Callable[[Any, Any], Any] | None:
    from scenarist.storage.tables import retyped_tables

    if issubclass(kind, enum.Enum):
        return _to_member
    if issubclass(kind, pathlib.PurePath):
        return lambda data, _: kind(data)
    return _CONVERTERS.get(kind) or retyped_tables.find_converter(kind)


_NANOSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")
_DAY = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")
_DURATION = re.compile(r"[+-]?P")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def require_iso_timestamp(data: Any) -> datetime.datetime:
    """Check that data is a date or timestamp in ISO 8601; return it without nanoseconds.

    The parsers of pandas and numpy also accept ``02.03.2026``, ``5`` and ``today``.

    Raises:
        TypeError: It is not a text.
        ValueError: It is another text.
    """
    if not isinstance(data, str):
        raise TypeError("it is not a text")
    if not _DAY.match(data):
        raise ValueError("it is not a date in ISO 8601, such as 2026-01-31")
    return datetime.datetime.fromisoformat(data)


def require_iso_duration(data: Any) -> None:
    """Check that data is a duration in ISO 8601, such as ``P1DT2H``.

    Raises:
        TypeError: It is not a text.
        ValueError: It is another text.
    """
    if not isinstance(data, str):
        raise TypeError("it is not a text")
    if not _DURATION.match(data):
        raise ValueError("it is not a duration in ISO 8601, such as P1DT2H")


def _refuse_nanoseconds(convert: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    """Return a converter that refuses nanoseconds, which Python's parser would drop."""

    def read(data: Any, _present: Any) -> Any:
        _require_microseconds(data)
        return convert(data)

    return read


def _require_microseconds(data: Any) -> None:
    if isinstance(data, str) and _NANOSECONDS.search(data):
        raise ValueError("this type has no finer resolution than microseconds")


def _to_datetime(data: str, present: datetime.datetime) -> datetime.datetime:
    _require_microseconds(data)
    moment = datetime.datetime.fromisoformat(data)
    if (moment.tzinfo is None) != (present.tzinfo is None):
        raise ValueError("only one of the two has a time zone")
    return moment if moment.tzinfo is None else moment.astimezone(present.tzinfo)


def _to_member(data: Any, present: enum.Enum) -> enum.Enum:
    kind = type(present)
    for member in kind:
        if is_same(data, to_plain_data(member.value)):
            return member
    return kind(data)


def _to_decimal(data: Any, _present: decimal.Decimal) -> decimal.Decimal:
    if isinstance(data, bool):
        raise TypeError("a boolean is not a number")
    if isinstance(data, str) and not _DECIMAL.fullmatch(data):
        raise ValueError("it is not a number")
    return decimal.Decimal(str(data))


def _to_time(data: str) -> datetime.time:
    if ":" not in data:
        raise ValueError("it is not a time such as 12:30:00")
    return datetime.time.fromisoformat(data)


def _json_form(item: Any) -> str:
    return json.dumps(to_plain_data(item), default=str, sort_keys=True)


def _to_bytes(data: str) -> bytes:
    return base64.b64decode(data, validate=True)


_CONVERTERS: Mapping[type[Any], Callable[[Any, Any], Any]] = {
    datetime.datetime: _to_datetime,
    datetime.date: lambda data, _: datetime.date.fromisoformat(data),
    datetime.time: _refuse_nanoseconds(_to_time),
    datetime.timedelta: _refuse_nanoseconds(lambda data: msgspec.convert(data, datetime.timedelta)),
    decimal.Decimal: _to_decimal,
    uuid.UUID: lambda data, _: uuid.UUID(data),
    bytes: lambda data, _: _to_bytes(data),
    bytearray: lambda data, _: bytearray(_to_bytes(data)),
}
