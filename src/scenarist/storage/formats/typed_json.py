"""Python values as JSON documents that name the types which JSON lacks.

``{"__type__": "Date", "__value__": "2026-01-31"}`` represents a date, and so on; a dict of the
user that itself has the key ``__type__`` is written as a ``Dict``, so that the two are never
confused. Documents of Taipy's own encoder can be read too. See docs/decisions/0073.
"""

import base64
import datetime
import decimal
import enum
import json
import math
import pathlib
import reprlib
import sys
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.formats.typed_reading import FACTORIES, PATHS, TYPE, VALUE
from scenarist.storage.python.objects import python_type
from scenarist.storage.python.structures import is_structure, state_of

_MOST_DEPTH = 100
_MOST_STEPS = 8  # steps of a path shown in a message
_PLAIN = frozenset({NoneType, bool, int})
_ZONES = (NoneType, datetime.timezone, zoneinfo.ZoneInfo)


class UnkeptError(InvalidError):
    """A part of a value cannot be stored as JSON; the message has its path in the value."""

    def __init__(self, fault: str, path: tuple[object, ...] = ()) -> None:
        where = _shown(path)
        super().__init__(f"{'the value' + where if where else 'the value'} {fault}")
        self.fault = fault
        self.path = path


def _shown(path: tuple[object, ...]) -> str:
    """Return a path in the value as text; the middle of a long path is left out."""
    steps = [f"[{reprlib.repr(step)}]" for step in path]
    if len(steps) > _MOST_STEPS:
        steps[_MOST_STEPS - 1 : -1] = ["…"]
    return "".join(steps)


def typed(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON data that names the types which JSON lacks.

    Reading the data returns an equal value of the same types, except that numpy scalars are read
    as plain numbers and strings.

    Args:
        depth: The nesting depth of the value.

    Raises:
        UnkeptError: A part of the value cannot be stored as JSON.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is str:
        return value if _is_text(value) else marked("Text", _base64(_surrogates(value)))
    if kind is float:
        return value if math.isfinite(value) else marked("Float", repr(value))
    if depth > _MOST_DEPTH:
        raise UnkeptError(f"is nested more than {_MOST_DEPTH} levels deep, or contains itself")
    write = _WRITERS.get(kind) or _find_writer(kind)
    return write(value, depth)


def marked(name: str, data: object, **more: object) -> dict[str, Any]:
    """Return JSON data together with the name of its type."""
    return {TYPE: name, VALUE: data, **{f"__{key}__": item for key, item in more.items()}}


def items_of(items: Iterable[Any], depth: int) -> list[Any]:
    """Return items as JSON data that names their types."""
    kept = []
    for position, item in enumerate(items):
        try:
            kept.append(typed(item, depth + 1))
        except UnkeptError as error:
            raise UnkeptError(error.fault, (position, *error.path)) from None
    return kept


def of_list(value: list[Any], depth: int) -> list[Any]:
    """Return a list as JSON data that names types; the list itself if no item needs a type."""
    kinds = set(map(type, value))
    if kinds <= _PLAIN or (kinds == {float} and all(map(math.isfinite, value))):
        return value
    return items_of(value, depth)


def _of_dict(value: dict[Any, Any], depth: int) -> Any:
    if TYPE in value or not all(type(key) is str and _is_text(key) for key in value):
        return marked("Dict", _pairs(value, depth))
    kept = {}
    for key, item in value.items():
        try:
            kept[key] = typed(item, depth + 1)
        except UnkeptError as error:
            raise UnkeptError(error.fault, (key, *error.path)) from None
    return kept


def _pairs(value: Mapping[Any, Any], depth: int) -> list[Any]:
    return [[typed(key, depth + 1), *items_of([item], depth + 1)] for key, item in value.items()]


def _of_defaultdict(value: defaultdict[Any, Any], depth: int) -> Any:
    factory: Any = value.default_factory
    name = getattr(factory, "__name__", None)
    if factory is not None and FACTORIES.get(str(name)) is not factory:
        raise UnkeptError(f"is a defaultdict of {name or factory!r}, which JSON cannot hold")
    return marked("Defaultdict", _pairs(value, depth), factory=name)


def _of_set(value: Iterable[Any], depth: int) -> list[Any]:
    # Sorted, so that equal sets make equal documents.
    return sorted(items_of(value, depth), key=_rank)


def _rank(data: Any) -> tuple[int, Any]:
    if isinstance(data, int | float):
        return 0, data
    return (1, data) if isinstance(data, str) else (2, json.dumps(data))


def _of_datetime(value: Any, _depth: int = 0) -> Any:
    zone = value.tzinfo
    if not isinstance(zone, _ZONES) or (isinstance(zone, zoneinfo.ZoneInfo) and zone.key is None):
        raise UnkeptError(
            f"has a time zone of type {python_type(zone)}, which JSON cannot hold; use a"
            " zoneinfo.ZoneInfo, or a datetime.timezone offset"
        )
    more: dict[str, object] = {"fold": 1} if value.fold else {}
    if isinstance(zone, zoneinfo.ZoneInfo):
        more["zone"] = zone.key
        value = value.replace(tzinfo=None)
    name = "Time" if type(value) is datetime.time else "Datetime"
    return marked(name, value.isoformat(), **more)


def _of_enum(member: Any, depth: int) -> Any:
    name = _named(type(member))
    value = typed(member.value, depth + 1) if type(member.value) is not object else None
    return marked(f"Enum-{name}-{member.name}", value)


def _of_structure(value: Any, depth: int) -> Any:
    name = _named(type(value))
    try:
        state = state_of(value)
    except UnkeptError:
        raise
    except InvalidError as error:
        raise UnkeptError(f"cannot be stored as JSON: {error.message}") from None
    prefix = "dataclass" if hasattr(type(value), "__dataclass_fields__") else "object"
    if isinstance(value, tuple):
        prefix = "namedtuple"
    more = {} if not state.extras else {"extras": _of_dict(dict(state.extras), depth)}
    return marked(f"{prefix}-{name}", _of_dict(dict(state.fields), depth), **more)


def _named(kind: type[Any]) -> str:
    module, name = kind.__module__, kind.__qualname__
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not kind or module == "__main__" or "-" in module:
        raise UnkeptError(
            f"is of a class that cannot be imported by its name, {module}.{name}; define it at the"
            " top level of a module"
        )
    return f"{module}-{name}"


def _find_writer(kind: type[Any]) -> Callable[[Any, int], Any]:
    # Imported here: these modules serve only tables and arrays, and import pandas and numpy.
    from scenarist.storage.formats import typed_arrays

    if issubclass(kind, enum.Enum):
        return _of_enum
    write = typed_arrays.find_writer(kind)
    if write is not None:
        return write
    if is_structure(kind):
        return _of_structure
    if issubclass(kind, pathlib.PurePath) and kind in PATHS.values():
        return lambda value, _: marked(f"Path-{kind.__name__}", str(value))
    for base in (*_WRITERS, str, int, float):
        if issubclass(kind, base):
            raise UnkeptError(
                f"is a {python_type_of(kind)}, a subclass of {base.__name__}, which JSON cannot"
                f" hold; return a plain {base.__name__}, or use pickle"
            )
    raise UnkeptError(
        f"is a {python_type_of(kind)}, which JSON cannot hold; name an encoder and a decoder in"
        " the config of the data node, or use pickle"
    )


def python_type_of(kind: type[Any]) -> str:
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _surrogates(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _base64(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode()


_WRITERS: dict[type[Any], Callable[[Any, int], Any]] = {
    list: of_list,
    dict: _of_dict,
    tuple: lambda value, depth: marked("Tuple", items_of(value, depth)),
    set: lambda value, depth: marked("Set", _of_set(value, depth)),
    frozenset: lambda value, depth: marked("Frozenset", _of_set(value, depth)),
    deque: lambda value, depth: marked("Deque", items_of(value, depth), maxlen=value.maxlen),
    OrderedDict: lambda value, depth: marked("OrderedDict", _pairs(value, depth)),
    Counter: lambda value, depth: marked("Counter", _pairs(value, depth)),
    defaultdict: _of_defaultdict,
    datetime.datetime: _of_datetime,
    datetime.date: lambda value, _: marked("Date", value.isoformat()),
    datetime.time: _of_datetime,
    datetime.timedelta: lambda value, _: marked(
        "Timedelta", [value.days, value.seconds, value.microseconds]
    ),
    decimal.Decimal: lambda value, _: marked("Decimal", str(value)),
    uuid.UUID: lambda value, _: marked("UUID", str(value)),
    bytes: lambda value, _: marked("Bytes", _base64(value)),
    bytearray: lambda value, _: marked("Bytearray", _base64(value)),
}
