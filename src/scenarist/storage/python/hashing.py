"""Checks values from clients before they become items of a set, or keys of a dict."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from scenarist.domain.errors import InvalidError

_MAX_COLLISIONS = 100
"""Most values of one set or dict that may have the same hash."""


def check_hashes(values: Collection[Any]) -> None:
    """Check that a set or dict of these values is built in time proportional to their number.

    Python compares values that have the same hash one by one, and nothing else runs meanwhile.
    Integers whose difference is a multiple of ``2**61 - 1`` have the same hash, for example.

    Raises:
        InvalidError: More than a hundred different values have the same hash.
        TypeError: A value cannot be hashed.
    """
    if len(values) <= _MAX_COLLISIONS:
        return
    counts = Counter(map(hash, values))
    frequent = {found for found, count in counts.items() if count > _MAX_COLLISIONS}
    if not frequent:
        return
    # Equal values have the same text, whose hash a client cannot choose.
    texts: dict[int, set[str]] = {found: set() for found in frequent}
    for value in values:
        if (found := hash(value)) in frequent:
            texts[found].add(repr(value))
            if len(texts[found]) > _MAX_COLLISIONS:
                raise InvalidError(
                    f"more than {_MAX_COLLISIONS} values of a set or keys of a dict have the same"
                    f" hash, such as {value!r:.100}; use a list"
                )
