"""Python objects as storages meet them: the name of a type, fields, a class by its name."""

import dataclasses
import importlib
import sys
from operator import attrgetter
from typing import Any

import msgspec

from scenarist.domain.errors import InvalidError

_MOST_CHARACTERS = 500


def python_type(value: object) -> str:
    """Return the name that users know the value's type by, such as ``pandas.DataFrame``."""
    kind = type(value)
    # Past a metaclass of the user's, which may raise.
    module = str(type.__getattribute__(kind, "__module__"))
    name = str(type.__getattribute__(kind, "__qualname__"))
    if module == "builtins":
        return name
    parts = module.split(".")
    # Libraries show at their top what they define in private or deeper modules.
    if getattr(sys.modules.get(parts[0]), "__dict__", {}).get(name) is kind:
        parts = parts[:1]
    public = [part for part in parts if not part.startswith("_")]
    text = ".".join([*public, name])[:_MOST_CHARACTERS]
    return text.encode("utf-8", "replace").decode()


def fields_of(value: object) -> dict[str, Any] | None:
    """Return the fields of a dataclass or msgspec instance by name; None for anything else."""
    if isinstance(value, type):
        return None
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def load_class(reference: object, *, setting: str) -> type[Any]:
    """Import the class that a property names as ``module:Class``; in worker processes only.

    Raises:
        InvalidError: The property has another form, or no such class can be imported.
    """
    if not isinstance(reference, str) or ":" not in reference:
        raise InvalidError(f"{setting} is {reference!r}; name a class as 'module:Class'")
    module, _, name = reference.partition(":")
    try:
        found = attrgetter(name)(importlib.import_module(module))
    # Importing runs the module, which may raise anything.
    except Exception as error:
        raise InvalidError(f"{setting} {reference!r} cannot be loaded: {reason(error)}") from error
    if not isinstance(found, type):
        raise InvalidError(f"{setting} {reference!r} is not a class; name one as 'module:Class'")
    return found


def reason(error: BaseException) -> str:
    """Return what an error says, in one bounded text."""
    try:
        return f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
    except Exception:  # noqa: BLE001 - the error may be of a class of the user's
        return type(error).__name__
