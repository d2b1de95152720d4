"""Validation of the properties, names and tags of entities."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.domain.text import has_nul

MAX_DEPTH = 100
"""How deep lists and objects in properties may be nested, as every reader recurses into them."""

MAX_TAGS = 100
_TAG_LENGTH = 64


def validate_properties(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return properties from a client if they are valid.

    Raises:
        InvalidError: They are nested too deeply, or a text in them contains the character NUL.
    """
    if has_nul(properties):
        raise InvalidError(
            "a text in the properties contains the character NUL, which cannot be stored",
            errors=[{"field": "properties", "message": "contains the character NUL"}],
        )
    level: list[Any] = [properties]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _find_containers(outer)]
        if not level:
            return properties
    raise InvalidError(
        f"the properties are nested too deeply; at most {MAX_DEPTH} levels are allowed",
        errors=[{"field": "properties", "message": f"nested in more than {MAX_DEPTH} levels"}],
    )


def merge_properties(properties: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a change into properties as a JSON merge patch (RFC 7396): null removes a key."""
    result = dict(properties)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            old = result.get(key)
            result[key] = merge_properties(old if isinstance(old, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def validate_name(name: str) -> str:
    """Return the name of a scenario or cycle if it is valid.

    Raises:
        InvalidError: It contains characters that are not printable.
    """
    if not name.isprintable():
        raise InvalidError(
            f"a name must contain printable characters only, not {name[:100]!r}",
            errors=[{"field": "name", "message": "contains characters that are not printable"}],
        )
    return name


def validate_tags(tags: Sequence[str], authorized: Iterable[str] | None) -> tuple[str, ...]:
    """Return tags sorted and without duplicates.

    Args:
        authorized: The allowed tags; None for any.

    Raises:
        InvalidError: There are too many, or some are not allowed. The message names these and
            the allowed ones.
    """
    if len(set(tags)) > MAX_TAGS:
        raise InvalidError(
            f"a scenario can have at most {MAX_TAGS} tags",
            errors=[{"field": "tags", "message": f"more than {MAX_TAGS}"}],
        )
    allowed = None if authorized is None else set(authorized)
    faults = [
        {"field": f"tags[{position}]", "message": fault}
        for position, tag in enumerate(tags)
        if (fault := _find_tag_fault(tag, allowed)) is not None
    ]
    if faults:
        messages = "; ".join(dict.fromkeys(fault["message"] for fault in faults))
        raise InvalidError(messages, code="tags_invalid", errors=faults)
    return tuple(sorted(set(tags)))


def _find_containers(outer: Any) -> list[Any]:
    values = outer.values() if isinstance(outer, Mapping) else outer
    return [value for value in values if isinstance(value, dict | list)]


def _find_tag_fault(tag: str, allowed: set[str] | None) -> str | None:
    shown = repr(tag[:_TAG_LENGTH])
    if not 1 <= len(tag) <= _TAG_LENGTH or not tag.isprintable() or tag != tag.strip():
        return (
            f"the tag {shown} is invalid; a tag must have 1 to {_TAG_LENGTH} printable characters "
            "and not start or end with a blank"
        )
    if allowed is not None and tag not in allowed:
        known = ", ".join(sorted(allowed)) or "none"
        return f"the tag {shown} is not authorized by the scenario's config; authorized: {known}"
    return None
