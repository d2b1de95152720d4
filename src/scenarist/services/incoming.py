"""Memory limits for JSON bodies, checked before they are parsed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from scenarist.storage.bounds import ValueLimits, apply_limits, check_json

_PART = 3
"""The body of one write may use ``value_memory`` divided by this."""


@contextmanager
def limit_memory(limits: ValueLimits, body: bytes) -> Iterator[None]:
    """Limit the memory that processing the body of a write may use.

    Raises:
        TooLargeError: Parsing the body would need more.
    """
    with apply_limits(replace(limits, available=limits.memory // _PART)):
        check_json(body)
        yield
