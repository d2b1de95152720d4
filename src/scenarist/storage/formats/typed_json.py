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

_MAX_DEPTH = 100
_MAX_STEPS = 8  # steps of a path shown in a message
_PLAIN = frozenset({NoneType, bool, int})
_ZONES = (NoneType, datetime.timezone, zoneinfo.ZoneInfo)


class UnencodableError(InvalidError):
    """A part of a value cannot be stored as JSON; the message has its path in the value."""

    def __init__(self, fault: str, path: tuple[object, ...] = ()) -> None:
        where = _path_text(path)
        super().__init__(f"{'the value' + where if where else 'the value'} {fault}")
        self.fault = fault
        self.path = path


def _path_text(path: tuple[object, ...]) -> str:
    """Return a path in the value as text; the middle of a long path is left out."""
    steps = [f"[{reprlib.repr(step)}]" for step in path]
    if len(steps) > _MAX_STEPS:
        steps[_MAX_STEPS - 1 : -1] = ["…"]
    return "".join(steps)


def encode_typed(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON data that names the types which JSON lacks.

    Reading the data returns an equal value of the same types, except that numpy scalars are read
    as plain numbers and strings.

    Args:
        depth: The nesting depth of the value.

    Raises:
        UnencodableError: A part of the value cannot be stored as JSON.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is str:
        return value if _is_text(value) else tag_type("Text", _base64(_surrogate_bytes(value)))
    if kind is float:
        return value if math.isfinite(value) else tag_type("Float", repr(value))
    if depth > _MAX_DEPTH:
        raise UnencodableError(f"is nested more than {_MAX_DEPTH} levels deep, or contains itself")
    write = _ENCODERS.get(kind) or _find_encoder(kind)
    return write(value, depth)


def tag_type(name: str, data: object, **more: object) -> dict[str, Any]:
    """Return JSON data together with the name of its type."""
    return {TYPE: name, VALUE: data, **{f"__{key}__": item for key, item in more.items()}}


def encode_items(items: Iterable[Any], depth: int) -> list[Any]:
    """Return items as JSON data that names their types."""
    kept = []
    for position, item in enumerate(items):
        try:
            kept.append(encode_typed(item, depth + 1))
        except UnencodableError as error:
            raise UnencodableError(error.fault, (position, *error.path)) from None
    return kept


def encode_list(value: list[Any], depth: int) -> list[Any]:
    """Return a list as JSON data that names types; the list itself if no item needs a type."""
    kinds = set(map(type, value))
    if kinds <= _PLAIN or (kinds == {float} and all(map(math.isfinite, value))):
        return value
    return encode_items(value, depth)


def _encode_dict(value: dict[Any, Any], depth: int) -> Any:
    if TYPE in value or not all(type(key) is str and _is_text(key) for key in value):
        return tag_type("Dict", _encode_pairs(value, depth))
    kept = {}
    for key, item in value.items():
        try:
            kept[key] = encode_typed(item, depth + 1)
        except UnencodableError as error:
            raise UnencodableError(error.fault, (key, *error.path)) from None
    return kept


def _encode_pairs(value: Mapping[Any, Any], depth: int) -> list[Any]:
    return [
        [encode_typed(key, depth + 1), *encode_items([item], depth + 1)]
        for key, item in value.items()
    ]


def _encode_defaultdict(value: defaultdict[Any, Any], depth: int) -> Any:
    factory: Any = value.default_factory
    name = getattr(factory, "__name__", None)
    if factory is not None and FACTORIES.get(str(name)) is not factory:
        raise UnencodableError(f"is a defaultdict of {name or factory!r}, which JSON cannot hold")
    return tag_type("Defaultdict", _encode_pairs(value, depth), factory=name)


def _encode_set(value: Iterable[Any], depth: int) -> list[Any]:
    # Sorted, so that equal sets make equal documents.
    return sorted(encode_items(value, depth), key=_sort_key)


def _sort_key(data: Any) -> tuple[int, Any]:
    if isinstance(data, int | float):
        return 0, data
    return (1, data) if isinstance(data, str) else (2, json.dumps(data))


def _encode_datetime(value: Any, _depth: int = 0) -> Any:
    zone = value.tzinfo
    if not isinstance(zone, _ZONES) or (isinstance(zone, zoneinfo.ZoneInfo) and zone.key is None):
        raise UnencodableError(
            f"has a time zone of type {python_type(zone)}, which JSON cannot hold; use a"
            " zoneinfo.ZoneInfo, or a datetime.timezone offset"
        )
    if (offset := value.utcoffset()) is not None and offset.microseconds:
        raise UnencodableError(
            "has a time zone whose offset is not in whole seconds, which JSON cannot hold"
        )
    more: dict[str, object] = {"fold": 1} if value.fold else {}
    if isinstance(zone, zoneinfo.ZoneInfo):
        more["zone"] = zone.key
        value = value.replace(tzinfo=None)
    name = "Time" if type(value) is datetime.time else "Datetime"
    return tag_type(name, value.isoformat(), **more)


def _encode_enum(member: Any, depth: int) -> Any:
    name = _importable_name(type(member))
    value = encode_typed(member.value, depth + 1) if type(member.value) is not object else None
    return tag_type(f"Enum-{name}-{member.name}", value)


def _encode_structure(value: Any, depth: int) -> Any:
    name = _importable_name(type(value))
    try:
        state = state_of(value)
    except UnencodableError:
        raise
    except InvalidError as error:
        raise UnencodableError(f"cannot be stored as JSON: {error.message}") from None
    prefix = "dataclass" if hasattr(type(value), "__dataclass_fields__") else "object"
    if isinstance(value, tuple):
        prefix = "namedtuple"
    more = {} if not state.extras else {"extras": _encode_dict(dict(state.extras), depth)}
    return tag_type(f"{prefix}-{name}", _encode_dict(dict(state.fields), depth), **more)


def _importable_name(kind: type[Any]) -> str:
    module, name = kind.__module__, kind.__qualname__
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not kind or module == "__main__" or "-" in module:
        raise UnencodableError(
            f"is of a class that cannot be imported by its name, {module}.{name}; define it at the"
            " top level of a module"
        )
    return f"{module}-{name}"


def _find_encoder(kind: type[Any]) -> Callable[[Any, int], Any]:
    # Imported here: these modules serve only tables and arrays, and import pandas and numpy.
    from scenarist.storage.formats import typed_arrays

    if issubclass(kind, enum.Enum):
        return _encode_enum
    write = typed_arrays.find_encoder(kind)
    if write is not None:
        return write
    if is_structure(kind):
        return _encode_structure
    if issubclass(kind, pathlib.PurePath) and kind in PATHS.values():
        return lambda value, _: tag_type(f"Path-{kind.__name__}", str(value))
    for base in (*_ENCODERS, str, int, float):
        if issubclass(kind, base):
            raise UnencodableError(
                f"is a {class_name_of(kind)}, a subclass of {base.__name__}, which JSON cannot"
                f" hold; return a plain {base.__name__}, or use pickle"
            )
    raise UnencodableError(
        f"is a {class_name_of(kind)}, which JSON cannot hold; name an encoder and a decoder in"
        " the config of the data node, or use pickle"
    )


def class_name_of(kind: type[Any]) -> str:
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


def _surrogate_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _base64(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode()


_ENCODERS: dict[type[Any], Callable[[Any, int], Any]] = {
    list: encode_list,
    dict: _encode_dict,
    tuple: lambda value, depth: tag_type("Tuple", encode_items(value, depth)),
    set: lambda value, depth: tag_type("Set", _encode_set(value, depth)),
    frozenset: lambda value, depth: tag_type("Frozenset", _encode_set(value, depth)),
    deque: lambda value, depth: tag_type("Deque", encode_items(value, depth), maxlen=value.maxlen),
    OrderedDict: lambda value, depth: tag_type("OrderedDict", _encode_pairs(value, depth)),
    Counter: lambda value, depth: tag_type("Counter", _encode_pairs(value, depth)),
    defaultdict: _encode_defaultdict,
    datetime.datetime: _encode_datetime,
    datetime.date: lambda value, _: tag_type("Date", value.isoformat()),
    datetime.time: _encode_datetime,
    datetime.timedelta: lambda value, _: tag_type(
        "Timedelta", [value.days, value.seconds, value.microseconds]
    ),
    decimal.Decimal: lambda value, _: tag_type("Decimal", str(value)),
    uuid.UUID: lambda value, _: tag_type("UUID", str(value)),
    bytes: lambda value, _: tag_type("Bytes", _base64(value)),
    bytearray: lambda value, _: tag_type("Bytearray", _base64(value)),
}
