"""Conversion of values of JSON documents to the class that a data node declares."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.objects import describe_error, load_class
from scenarist.storage.python.structures import is_structure


def apply_exposed_type(value: Any, properties: Mapping[str, Any]) -> Any:
    """Convert a value to an object, or list of objects, of the class that its data node declares.

    Null stays null. When a class is declared, only worker processes may call this.

    Raises:
        InvalidError: The value cannot be converted to an object of the class.
    """
    reference = properties.get("exposed_type")
    if reference is None or value is None:
        return value
    kind = load_class(reference, setting="exposed_type")
    if isinstance(value, list) and not issubclass(kind, list):
        return [
            _to_object(item, kind, f"item {number}") for number, item in enumerate(value, start=1)
        ]
    return _to_object(value, kind, "the value")


def _to_object(item: Any, kind: type[Any], where: str) -> Any:
    if item is None or isinstance(item, kind):
        return item
    try:
        if hasattr(kind, "model_validate"):
            return kind.model_validate(item)
        if is_structure(kind) or not isinstance(item, dict):
            return msgspec.convert(item, kind)
        return kind(**item)
    # The class is the user's; it may raise anything.
    except Exception as error:
        raise InvalidError(
            f"{where} cannot be converted to {kind.__qualname__}: {describe_error(error)}"
        ) from error
