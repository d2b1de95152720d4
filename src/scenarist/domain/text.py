"""Checks of texts, and replacement of characters that not every database can store."""

from collections.abc import Iterable, Mapping

NOT_A_LABEL = "must have 1 to 128 printable characters, and no blank at its start or end"

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def sanitize_text(text: str) -> str:
    """Return a text that every database can store: replace NUL and unpaired surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return (
        text.replace("\0", _REPLACEMENT)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace")
    )


def is_label(text: str) -> bool:
    """Whether a text is a label: 1 to 128 printable characters, with no blank at an end."""
    return 1 <= len(text) <= 128 and text == text.strip() and text.isprintable()


def has_nul(value: object) -> bool:
    """Whether any text in a JSON value, including keys, contains NUL."""
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
