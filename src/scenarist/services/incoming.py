"""Memory limits for JSON bodies, checked before they are parsed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from scenarist.storage.bounds import Limits, check_json, limited

_PART = 3
"""The body of one write may use ``value_memory`` divided by this."""


@contextmanager
def bounded(limits: Limits, body: bytes) -> Iterator[None]:
    """Limit the memory that processing the body of a write may use.

    Raises:
        TooLargeError: Parsing the body would need more.
    """
    with limited(replace(limits, room=limits.memory // _PART)):
        check_json(body)
        yield
