"""Bounds on what clients bring as JSON, before it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from scenarist.storage.bounds import Limits, check_json, limited

_PART = 3
"""What part of ``value_memory`` the server takes for the body of one write."""


@contextmanager
def bounded(limits: Limits, body: bytes) -> Iterator[None]:
    """Keep what is done with the body of a write to the memory that the server has for one.

    Raises:
        TooLargeError: It would unfold to more.
    """
    with limited(replace(limits, room=limits.memory // _PART)):
        check_json(body)
        yield
