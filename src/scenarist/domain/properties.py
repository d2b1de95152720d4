"""The free properties of entities, their names and their tags: what may stand in them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.domain.texts import has_nul

DEEPEST = 100
"""How deep lists and objects may be nested in properties; each room that reads them goes along."""

TAGS_LIMIT = 100
_TAG_LENGTH = 64


def checked_properties(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return properties that a client gave.

    Raises:
        InvalidError: They are nested too deeply, or a text in them has the character NUL.
    """
    if has_nul(properties):
        raise InvalidError(
            "a text in the properties has the character NUL, which cannot be stored",
            errors=[{"field": "properties", "message": "has the character NUL"}],
        )
    level: list[Any] = [properties]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _containers_in(outer)]
        if not level:
            return properties
    raise InvalidError(
        f"the properties are nested too deeply; {DEEPEST} levels can be",
        errors=[{"field": "properties", "message": f"nested in more than {DEEPEST} levels"}],
    )


def merged(properties: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a change into properties: objects are merged, null removes (RFC 7396)."""
    result = dict(properties)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            old = result.get(key)
            result[key] = merged(old if isinstance(old, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def checked_name(name: str) -> str:
    """Return the name of a scenario or a cycle.

    Raises:
        InvalidError: It has characters that cannot be printed.
    """
    if not name.isprintable():
        raise InvalidError(
            f"a name has printable characters only; got {name[:100]!r}",
            errors=[{"field": "name", "message": "has characters that cannot be printed"}],
        )
    return name


def checked_tags(tags: Sequence[str], authorized: Iterable[str] | None) -> tuple[str, ...]:
    """Return tags sorted, each once.

    Args:
        authorized: Those that may be; None for any.

    Raises:
        InvalidError: Some of them may not be; names them, and those that may be.
    """
    if len(set(tags)) > TAGS_LIMIT:
        raise InvalidError(
            f"a scenario has at most {TAGS_LIMIT} tags",
            errors=[{"field": "tags", "message": f"more than {TAGS_LIMIT}"}],
        )
    allowed = None if authorized is None else set(authorized)
    faults = [
        {"field": f"tags[{position}]", "message": fault}
        for position, tag in enumerate(tags)
        if (fault := _tag_fault(tag, allowed)) is not None
    ]
    if faults:
        messages = "; ".join(dict.fromkeys(fault["message"] for fault in faults))
        raise InvalidError(messages, code="tags_invalid", errors=faults)
    return tuple(sorted(set(tags)))


def _containers_in(outer: Any) -> list[Any]:
    values = outer.values() if isinstance(outer, Mapping) else outer
    return [value for value in values if isinstance(value, dict | list)]


def _tag_fault(tag: str, allowed: set[str] | None) -> str | None:
    shown = repr(tag[:_TAG_LENGTH])
    if not 1 <= len(tag) <= _TAG_LENGTH or not tag.isprintable() or tag != tag.strip():
        return (
            f"the tag {shown} cannot be; a tag has 1 to {_TAG_LENGTH} printable characters and no "
            "blank at its start or end"
        )
    if allowed is not None and tag not in allowed:
        known = ", ".join(sorted(allowed)) or "none"
        return f"the tag {shown} is not authorized by the scenario's config; authorized: {known}"
    return None
