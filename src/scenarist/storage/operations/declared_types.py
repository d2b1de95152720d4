"""Values in the types that the application declares for data nodes; in worker processes only."""

import importlib
import json
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal, Union

import msgspec

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.data_frames import is_frame, is_labelled_series
from scenarist.storage.tables.json_data import to_json_data

_LONGEST_REASON = 500

_FINE_UNITS = frozenset({"ns", "ps", "fs", "as"})
"""Units of times in numpy that are finer than those of Python."""


def to_declared_type(value: object, name: str, *, data_node: str) -> Any:
    """Return a value in a declared type; one that has it already is returned unchanged.

    Args:
        name: The type as text, made by `config.type_names`.
        data_node: The name of the data node in messages.

    Raises:
        InvalidError: The value does not fit the type, or the type cannot be imported.
    """
    try:
        convert = _make_converter(name)
    except Exception as error:
        raise InvalidError(
            f"the type of data node {data_node!r} cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    try:
        return convert(value)
    except Exception:  # noqa: BLE001, S110 - classes of the application may raise anything
        pass
    try:
        return convert(_to_plain(value))
    except Exception as error:
        reason = " ".join(str(error).split())[:_LONGEST_REASON]
        raise InvalidError(
            f"the value of data node {data_node!r} does not have its declared type: {reason}"
        ) from error


def _to_plain(value: object) -> Any:
    """Return a table as its rows, and numbers and arrays as what JSON would have.

    For a schema, 2.0 is an integer. Objects of other classes stay as they are.
    """
    if is_frame(value) or is_labelled_series(value):
        return to_json_data(value, None)
    return _replace_numbers(value)


def _replace_numbers(data: Any) -> Any:
    if type(data).__module__ == "numpy":
        plain = _to_python(data)
        return data if type(plain) is type(data) else _replace_numbers(plain)
    if type(data) is float and data.is_integer():
        return int(data)
    if isinstance(data, list | tuple):
        return [_replace_numbers(item) for item in data]
    if isinstance(data, dict):
        return {key: _replace_numbers(item) for key, item in data.items()}
    return data


def _to_python(data: Any) -> Any:
    """Return an array or a number as Python objects; unchanged if Python has none for it."""
    import numpy

    if not isinstance(data, numpy.ndarray | numpy.generic):
        return data
    dtype: Any = data.dtype
    if dtype.kind in "mM" and numpy.datetime_data(dtype)[0] in _FINE_UNITS:
        # Of these, numpy would make integers.
        exact = data.astype(f"{dtype.kind}8[us]")
        if not ((exact == data) | numpy.isnat(data)).all():
            return data
        data = exact
    return data.tolist()


@cache
def _make_converter(name: str) -> Callable[[object], Any]:
    library, encoded = json.loads(name)
    declared = _build(encoded)
    if library == "pydantic":
        validate = importlib.import_module("pydantic").TypeAdapter(declared).validate_python
        return lambda value: validate(value)
    return partial(msgspec.convert, type=declared)


def _build(encoded: Any) -> Any:
    if isinstance(encoded, str):
        return _import_class(encoded)
    word, *parts = encoded
    match word:
        case "any":
            return Any
        case "none":
            return None
        case "ellipsis":
            return Ellipsis
        case "literal":
            return Literal.__getitem__(tuple(parts))
        case "union":
            return Union.__getitem__(tuple(map(_build, parts)))
        case _:
            return _import_class(parts[0])[tuple(map(_build, parts[1:]))]


def _import_class(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
