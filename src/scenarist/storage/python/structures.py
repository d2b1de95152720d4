"""Objects with declared fields: extract their state, and restore them from it.

Supported are dataclasses, named tuples, and the classes of msgspec, attrs and pydantic. An object
is restored as by unpickling: `__init__` and validators do not run a second time.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from functools import cache
from typing import Any

import msgspec

from scenarist.domain.errors import InvalidError

_DERIVED = frozenset({"_attrs_cached_hash"})
"""Attributes that a library derives from the fields, and computes again if they are missing."""


@dataclass(frozen=True, slots=True)
class ObjectState:
    """State of an object: its fields, and its other attributes."""

    fields: Mapping[str, Any]
    extras: Mapping[str, Any] = field(default_factory=dict)


def fields_of(value: object) -> dict[str, Any] | None:
    """Return the fields of a dataclass, msgspec, attrs or pydantic object by name.

    None for anything else, named tuples and classes included.
    """
    kind = type(value)
    if issubclass(kind, type) or not is_structure(kind) or issubclass(kind, tuple):
        return None
    if _is_pydantic(kind):
        model: Any = value
        declared = {key: model.__dict__[key] for key in _field_names(kind) if key in model.__dict__}
        return {**declared, **(getattr(model, "__pydantic_extra__", None) or {})}
    return {name: getattr(value, name) for name in _field_names(kind) if hasattr(value, name)}


def is_structure(kind: type[Any]) -> bool:
    """Whether the objects of a class have declared fields."""
    if issubclass(kind, tuple):
        return hasattr(kind, "_fields")
    return (
        issubclass(kind, msgspec.Struct)
        or _has_attribute(kind, "__dataclass_fields__")
        or _has_attribute(kind, "__attrs_attrs__")
        or _is_pydantic(kind)
    )


def state_of(value: Any) -> ObjectState:
    """Return the whole state of an object of a class with declared fields.

    Raises:
        InvalidError: The object is also a list, an exception or the like, with state beyond the
            fields.
    """
    kind: Any = type(value)
    if _is_pydantic(kind):
        state = value.__getstate__()
        return ObjectState(
            state["__dict__"],
            {
                "set": state["__pydantic_fields_set__"],
                # A RootModel has neither.
                "extra": state.get("__pydantic_extra__"),
                "private": state.get("__pydantic_private__"),
            },
        )
    if issubclass(kind, tuple):
        fields = dict(zip(kind._fields, value, strict=True))
    else:
        _check_bases(kind)
        fields = {name: getattr(value, name) for name in _field_names(kind) if hasattr(value, name)}
    attributes = getattr(value, "__dict__", {})
    extras = {name: attributes[name] for name in attributes if name not in {*fields, *_DERIVED}}
    return ObjectState(fields, extras)


def restore(kind: type[Any], state: ObjectState) -> Any:
    """Return an object with the given state; missing fields take their defaults.

    Raises:
        InvalidError: The fields of the class have changed.
    """
    if _is_pydantic(kind):
        return _restore_model(kind, state)
    defaults = _defaults(kind)
    missing = [
        name
        for name in _field_names(kind)
        if name not in state.fields and name not in defaults and not _may_be_unset(kind, name)
    ]
    unknown = [name for name in state.fields if name not in _field_names(kind)]
    if missing or unknown:
        fault = f"lacks {missing[0]!r}" if missing else f"has the extra field {unknown[0]!r}"
        raise InvalidError(
            f"the fields of class {_class_name(kind)} have changed: the stored object {fault}"
        )
    fields = {name: _make_default(defaults[name]) for name in defaults if name not in state.fields}
    fields = {**state.fields, **fields}
    if issubclass(kind, tuple):
        made: Any = tuple.__new__(kind, [fields[name] for name in _field_names(kind)])
    elif issubclass(kind, msgspec.Struct):
        made = _make_struct(kind, fields)
        for name, item in {**fields, **state.extras}.items():
            msgspec.structs.force_setattr(made, name, item)
        return made
    else:
        _check_bases(kind)
        made = object.__new__(kind)
        for name, item in fields.items():
            object.__setattr__(made, name, item)
    for name, item in state.extras.items():
        object.__setattr__(made, name, item)
    return made


def _make_struct(kind: Any, fields: Mapping[str, Any]) -> Any:
    """Return a struct with the given fields, without running its ``__post_init__``."""
    if not _has_attribute(kind, "__post_init__"):
        return kind(**fields)
    made = _without_post_init(kind)(**fields)
    made.__class__ = kind
    return made


@cache
def _without_post_init(kind: Any) -> Any:
    """Return a subclass whose objects can become objects of the class; msgspec has no other way."""
    body = {"__post_init__": lambda _: None, "__module__": kind.__module__}
    gc = kind.__struct_config__.gc
    return type(kind)(kind.__name__, (kind,), body, frozen=False, gc=gc)


def _restore_model(kind: Any, state: ObjectState) -> Any:
    made = kind.__new__(kind)
    extras = state.extras
    made.__setstate__(
        {
            "__dict__": dict(state.fields),
            "__pydantic_fields_set__": set(extras.get("set", state.fields)),
            "__pydantic_extra__": extras.get("extra"),
            "__pydantic_private__": extras.get("private"),
        }
    )
    return made


def _field_names(kind: Any) -> tuple[str, ...]:
    if issubclass(kind, tuple):
        return tuple(kind._fields)
    if issubclass(kind, msgspec.Struct):
        return tuple(kind.__struct_fields__)
    if _is_pydantic(kind):
        return tuple(kind.model_fields)
    if _has_attribute(kind, "__dataclass_fields__"):
        return tuple(item.name for item in dataclasses.fields(kind))
    return tuple(item.name for item in kind.__attrs_attrs__)


def _defaults(kind: Any) -> dict[str, Any]:
    """Return the defaults of the fields that have one, before `_make_default` is applied.

    Fields that `__init__` does not take and that have no default may stay unset instead.
    """
    if issubclass(kind, tuple):
        return dict(kind._field_defaults)
    if issubclass(kind, msgspec.Struct):
        return {
            item.name: _Factory(item.default_factory)
            if item.default is msgspec.NODEFAULT
            else item.default
            for item in msgspec.structs.fields(kind)
            if not item.required
        }
    if not _has_attribute(kind, "__dataclass_fields__"):
        # Defaults of attrs may depend on one another.
        return {}
    return {
        item.name: item.default
        if item.default_factory is MISSING
        else _Factory(item.default_factory)
        for item in dataclasses.fields(kind)
        if item.default is not MISSING or item.default_factory is not MISSING
    }


def _may_be_unset(kind: type[Any], name: str) -> bool:
    fields = kind.__dict__.get("__dataclass_fields__", {})
    return name in fields and not fields[name].init


@dataclass(frozen=True, slots=True)
class _Factory:
    """Default that a factory makes for each object."""

    factory: Any


def _make_default(default: Any) -> Any:
    return default.factory() if isinstance(default, _Factory) else default


def _check_bases(kind: type[Any]) -> None:
    if issubclass(kind, msgspec.Struct):
        return
    try:
        object.__new__(kind)
    except TypeError:
        raise InvalidError(
            f"class {_class_name(kind)} has state beyond its fields; do not derive it from a "
            "built-in class such as list or Exception"
        ) from None


def _is_pydantic(kind: type[Any]) -> bool:
    return _has_attribute(kind, "__pydantic_fields__") and _has_attribute(kind, "model_dump")


def _has_attribute(kind: type[Any], name: str) -> bool:
    """Whether a class has an attribute, bypassing a metaclass of the user."""
    return any(name in base.__dict__ for base in kind.__mro__)


def _class_name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
