"""Names of types as text, from which a worker builds the types again.

A type is written as JSON: a class as ``"package.module:Name"``, a type with parameters as a list of
the class and the parameters, and anything else as a list that begins with a word.
"""

import json
import sys
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_WORDS = (("any", Any), ("none", NoneType), ("none", None), ("ellipsis", Ellipsis))


def encode_type(declared: Any, library: str) -> str | None:
    """Return a type as text; None if other processes could not import all of its classes.

    Args:
        library: The library that converts values to it, ``msgspec`` or ``pydantic``.
    """
    try:
        return json.dumps([library, _encode(declared)])
    except (_UnnamedError, RecursionError):
        return None


class _UnnamedError(Exception):
    """A type has no name under which it could be imported."""


def _encode(declared: Any) -> Any:
    word = next((word for word, found in _WORDS if declared is found), None)
    if word is not None:
        return [word]
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Annotated:
        return _encode(arguments[0])
    if origin is Literal:
        return ["literal", *map(_require_plain, arguments)]
    if origin in (Union, UnionType):
        return ["union", *map(_encode, arguments)]
    if origin is not None:
        return ["of", _name_class(origin), *map(_encode, arguments)]
    if hasattr(declared, "__supertype__"):
        return _encode(declared.__supertype__)
    return _name_class(declared)


def _require_plain(value: object) -> object:
    if value is None or type(value) in (str, int, bool):
        return value
    raise _UnnamedError


def _name_class(declared: Any) -> str:
    if not isinstance(declared, type) or declared.__module__ == "__main__":
        raise _UnnamedError
    found: Any = sys.modules.get(declared.__module__)
    for part in declared.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not declared:
        raise _UnnamedError
    return f"{declared.__module__}:{declared.__qualname__}"
