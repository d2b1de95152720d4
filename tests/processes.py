"""Looks at processes of this machine, and limits this one."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def children_of(process: int) -> list[int]:
    files = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def descendants_of(process: int) -> list[int]:
    """Return the processes that come from one; those that end meanwhile may be missing."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for child in children_of(process):
            found += [child, *descendants_of(child)]
    return found


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """Let this process have so much of something, one of the constants of `resource`."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))
