"""What a text may hold to be stored: not every database takes every character."""

from collections.abc import Iterable, Mapping

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(text: str) -> str:
    """Return a text as every database can hold it: without NUL, without half of a character."""
    if text.isascii() and "\0" not in text:
        return text
    return (
        text.replace("\0", _REPLACEMENT)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace")
    )


def has_nul(value: object) -> bool:
    """Whether a text of a value as JSON holds it, a key included, has a NUL."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, Mapping):
            left += item.keys()
            left += item.values()
        elif isinstance(item, Iterable) and not isinstance(item, bytes):
            left += item
    return False
