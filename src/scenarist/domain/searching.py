"""Searches for words: what is searched, and how a search is read."""

import unicodedata
from collections.abc import Iterable

from scenarist.domain.errors import InvalidError

MOST_WORDS = 8
LONGEST_SEARCH = 256


def fold(text: str) -> str:
    """Return a text in the form in which searches compare it: without case and compositions."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def make_searched_text(texts: Iterable[str | None]) -> str:
    """Return what is searched of an entity: its texts, one on each line."""
    return fold("\n".join(text for text in texts if text))


def split_search(text: str) -> tuple[str, ...]:
    """Return the words of a search, each of which must be found.

    Raises:
        InvalidError: It has no words, too many, characters that no name has, or is too long.
    """
    words = tuple(dict.fromkeys(fold(text).split()))
    if not words:
        raise _refuse("give at least one word")
    if not "".join(words).isprintable():
        raise _refuse("has characters that are not printable")
    if len(words) > MOST_WORDS:
        raise _refuse(f"{len(words)} words; give at most {MOST_WORDS}")
    if len(text) > LONGEST_SEARCH:
        raise _refuse(f"{len(text)} characters; give at most {LONGEST_SEARCH}")
    return words


def _refuse(message: str) -> InvalidError:
    return InvalidError(f"search: {message}", errors=[{"field": "search", "message": message}])
