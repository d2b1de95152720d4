"""Reads JSON documents that name types which JSON lacks as Python values; see `typed_json`."""

import base64
import datetime
import decimal
import enum
import importlib
import json
import pathlib
import re
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeAlias

from scenarist.domain.errors import InvalidError, TooLargeError
from scenarist.storage.python.hashing import check_hashes
from scenarist.storage.python.objects import describe_error
from scenarist.storage.python.structures import ObjectState, is_structure, restore

TYPE_MARKER = '"__type__"'
"""Text found in each document that names a type, and in hardly any other."""

CLASS_PATTERN = re.compile(r'"__type__"\s*:\s*"(Enum|dataclass|namedtuple|object)-')
"""Text found in each document of this format that names a class."""

TYPE, VALUE = "__type__", "__value__"
"""Keys of an object that names a type."""

FACTORIES = {one.__name__: one for one in (dict, float, int, list, set, str, tuple, bool)}
"""Factories of a `defaultdict` that a document may name."""

PATHS = {
    kind.__name__: kind
    for kind in (
        *(pathlib.PosixPath, pathlib.WindowsPath),
        *(pathlib.PurePosixPath, pathlib.PureWindowsPath),
    )
}

ClassFinder: TypeAlias = Callable[[str], type[Any] | None]
"""Finds a class by its name in a document, ``module-Class``; None reads its objects as fields."""


def loads(text: str, find_class: ClassFinder, **options: Any) -> Any:
    """Return the value of a JSON document, made by `typed_json` or by another program.

    Args:
        options: Options of ``json.loads``.

    Raises:
        InvalidError: A part of it is not valid for the type that it names.
    """
    if TYPE_MARKER not in text:
        return json.loads(text, **options)
    return json.loads(text, object_hook=lambda item: _decode_item(item, find_class), **options)


def import_class(name: str) -> type[Any]:
    """Import the class that a document names; in worker processes only.

    Raises:
        InvalidError: The class does not exist, or a document cannot hold its objects.
    """
    module, _, path = name.partition("-")
    try:
        found = attrgetter(path)(importlib.import_module(module))
    except MemoryError:
        raise
    # Importing runs the module, which may raise anything.
    except Exception as error:
        raise InvalidError(
            f"class {module}.{path} cannot be imported: {describe_error(error)}"
        ) from error
    if not isinstance(found, type) or not (issubclass(found, enum.Enum) or is_structure(found)):
        raise InvalidError(f"{module}.{path} is not a class whose objects a JSON document can hold")
    return found


def find_no_class(_name: str) -> None:
    """Find no class, so that objects are read as their fields, and enum members as their value."""


def refuse_class(name: str) -> type[Any]:
    """Refuse a class that a document names.

    Raises:
        InvalidError: Always.
    """
    raise InvalidError(
        f"it names the class {name.replace('-', '.')}, which only a task may write; upload plain"
        " JSON, and declare the class as exposed_type"
    )


def _decode_item(item: dict[str, Any], find_class: ClassFinder) -> Any:
    name = item.get(TYPE)
    if type(name) is not str or VALUE not in item:
        return item
    prefix, _, rest = name.partition("-")
    try:
        if rest and prefix in _CLASS_DECODERS:
            return _CLASS_DECODERS[prefix](rest, item, find_class)
        read = _DECODERS.get(prefix) or _find_library_decoder(prefix)
        return item if read is None else read(item[VALUE], item)
    except (InvalidError, TooLargeError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - the document is untrusted
        raise InvalidError(
            f"{item!r:.200} is not of type {name!r}: {describe_error(error)}"
        ) from None


def _find_library_decoder(prefix: str) -> Callable[[Any, dict[str, Any]], Any] | None:
    from scenarist.storage.formats import typed_arrays

    return typed_arrays.DECODERS.get(prefix)


def _decode_enum(rest: str, item: dict[str, Any], find_class: ClassFinder) -> Any:
    module, path, member = rest.split("-", 2)
    kind: Any = find_class(f"{module}-{path}")
    if kind is None:
        return item[VALUE]
    if not issubclass(kind, enum.Enum):
        raise InvalidError(f"{module}.{path} is not an enumeration")
    return kind.__members__[member] if member in kind.__members__ else kind(item[VALUE])


def _decode_structure(rest: str, item: dict[str, Any], find_class: ClassFinder) -> Any:
    kind = find_class(rest)
    fields, extras = item[VALUE], item.get("__extras__", {})
    if kind is not None:
        return restore(kind, ObjectState(fields, extras))
    # Values that pydantic accepts in addition to the declared fields.
    return {**fields, **extras["extra"]} if extras.get("extra") and "set" in extras else fields


def _decode_tuple(rest: str, item: dict[str, Any], find_class: ClassFinder) -> Any:
    kind = find_class(rest)
    fields = item[VALUE]
    if kind is None:
        # A stand-in that is rendered as the original would be.
        return namedtuple("Row", fields, rename=True)(*fields.values())
    return restore(kind, ObjectState(fields, item.get("__extras__", {})))


def _decode_datetime(data: str, item: dict[str, Any]) -> datetime.datetime:
    value = datetime.datetime.fromisoformat(data).replace(fold=item.get("__fold__", 0))
    zone = item.get("__zone__")
    return value if zone is None else value.replace(tzinfo=zoneinfo.ZoneInfo(zone))


def _decode_time(data: str, item: dict[str, Any]) -> datetime.time:
    value = datetime.time.fromisoformat(data).replace(fold=item.get("__fold__", 0))
    zone = item.get("__zone__")
    return value if zone is None else value.replace(tzinfo=zoneinfo.ZoneInfo(zone))


def _decode_bytes(data: str) -> bytes:
    return base64.b64decode(data, validate=True)


def _checked_items(data: list[Any]) -> list[Any]:
    check_hashes(data)
    return data


def _checked_pairs(data: list[Any]) -> list[Any]:
    check_hashes([key for key, _ in data])
    return data


_DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "Text": lambda data, _: _decode_bytes(data).decode("utf-8", "surrogatepass"),
    "Float": lambda data, _: float(data),
    "Dict": lambda data, _: dict(_checked_pairs(data)),
    "Tuple": lambda data, _: tuple(data),
    "Set": lambda data, _: set(_checked_items(data)),
    "Frozenset": lambda data, _: frozenset(_checked_items(data)),
    "Deque": lambda data, item: deque(data, item.get("__maxlen__")),
    "OrderedDict": lambda data, _: OrderedDict(_checked_pairs(data)),
    "Counter": lambda data, _: Counter(dict(_checked_pairs(data))),
    "Defaultdict": lambda data, item: defaultdict(
        item["__factory__"] and FACTORIES[item["__factory__"]], _checked_pairs(data)
    ),
    "Datetime": _decode_datetime,
    "Date": lambda data, _: datetime.date.fromisoformat(data),
    "Time": _decode_time,
    "Timedelta": lambda data, _: datetime.timedelta(*data),
    "Decimal": lambda data, _: decimal.Decimal(data),
    "UUID": lambda data, _: uuid.UUID(data),
    "Bytes": lambda data, _: _decode_bytes(data),
    "Bytearray": lambda data, _: bytearray(_decode_bytes(data)),
    "Path": lambda data, item: PATHS[item[TYPE].partition("-")[2]](data),
}
_CLASS_DECODERS: dict[str, Callable[[str, dict[str, Any], ClassFinder], Any]] = {
    "Enum": _decode_enum,
    "dataclass": _decode_structure,
    "object": _decode_structure,
    "namedtuple": _decode_tuple,
}
