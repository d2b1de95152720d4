"""Python objects: names of types, rows, classes and functions by name, texts of errors."""

import datetime
import decimal
import importlib
import sys
import uuid
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.structures import fields_of

PLAIN_VALUES = (
    *(str, bytes, bool, int, float, decimal.Decimal, uuid.UUID, type(None)),
    *(datetime.date, datetime.time, datetime.timedelta),
)
"""Types of values that are one cell of a table, never a row."""

_MAX_CHARACTERS = 500


def python_type(value: object) -> str:
    """Return the public name of the value's type, such as ``pandas.DataFrame``."""
    kind = type(value)
    # Bypass a metaclass of the user, which may raise.
    module = str(type.__getattribute__(kind, "__module__"))
    name = str(type.__getattribute__(kind, "__qualname__"))
    if module == "builtins":
        return name
    parts = module.split(".")
    # Libraries export at the top what they define in private or nested modules.
    if getattr(sys.modules.get(parts[0]), "__dict__", {}).get(name) is kind:
        parts = parts[:1]
    public = [part for part in parts if not part.startswith("_")]
    text = ".".join([*public, name])[:_MAX_CHARACTERS]
    return text.encode("utf-8", "replace").decode()


def row_of(item: object) -> object:
    """Return an item of a list as a row: a dict by column or a list by position, else the item."""
    if isinstance(item, dict | list):
        return item
    if isinstance(item, tuple):
        return item._asdict() if hasattr(item, "_asdict") else list(item)
    fields = fields_of(item)
    if fields is not None:
        return fields
    if isinstance(item, PLAIN_VALUES):
        return item  # a library's subclass of it may keep a cache in its __dict__
    return getattr(item, "__dict__", None) or item


def load_class(reference: object, *, setting: str) -> type[Any]:
    """Import the class that a property names as ``module:Class``; in worker processes only.

    Raises:
        InvalidError: The property does not have this form, or the class cannot be imported.
    """
    found = _import_object(reference, setting, form="a class as 'module:Class'")
    if not isinstance(found, type):
        raise InvalidError(f"{setting} {reference!r} is not a class; name one as 'module:Class'")
    return found


def load_function(reference: object, *, setting: str) -> Callable[..., Any]:
    """Import the function that a property names as ``module:name``; in worker processes only.

    Raises:
        InvalidError: The property does not have this form, or the function cannot be imported.
    """
    found = _import_object(reference, setting, form="a function as 'module:name'")
    if not callable(found):
        raise InvalidError(f"{setting} {reference!r} cannot be called; name a function")
    return found  # type: ignore[no-any-return]


def _import_object(reference: object, setting: str, *, form: str) -> Any:
    if not isinstance(reference, str) or ":" not in reference:
        raise InvalidError(f"{setting} is {reference!r}; name {form}")
    module, _, name = reference.partition(":")
    try:
        return attrgetter(name)(importlib.import_module(module))
    except MemoryError:
        raise
    # Importing runs the module, which may raise anything.
    except Exception as error:
        raise InvalidError(
            f"{setting} {reference!r} cannot be loaded: {describe_error(error)}"
        ) from error


def describe_type(value: object) -> str:
    """Return the type of a value as a phrase for messages, such as ``a list``."""
    return "null" if value is None else f"a {type(value).__name__}"


def describe_error(error: BaseException, *, hiding: Iterable[object] = ()) -> str:
    """Return the type and message of an error, truncated to 500 characters and without secrets.

    Args:
        hiding: The secrets to remove from the text.
    """
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - the error may be of a class of the user's
        text = type(error).__name__
    return redact(text, hiding=hiding)


def redact(text: str, *, hiding: Iterable[object] = ()) -> str:
    """Return the text of an error truncated to 500 characters, with ``…`` for each secret."""
    for secret in filter(None, hiding):
        text = text.replace(str(secret), "…")
    return text[:_MAX_CHARACTERS]
