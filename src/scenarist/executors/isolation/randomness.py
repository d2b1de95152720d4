"""Reseeds random generators in forked processes, so that they draw different numbers."""

import gc
import random
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SEED_LIMIT = 2**64  # seeds from the system are larger than this, seeds from users are not


class RandomGenerators:
    """Random generators without an explicit seed; those with one are not changed.

    Python itself reseeds the functions of its `random` module in each fork.
    """

    def __init__(self) -> None:
        self._python: list[weakref.ref[random.Random]] = []
        self._numpy: list[Any] = []

    @contextmanager
    def record(self) -> Iterator[None]:
        """Record the generators that are created within the block."""
        seed = random.Random.seed
        watched = self._python

        def record_seed(self: random.Random, a: Any = None, version: int = 2) -> None:
            if a is None:
                watched.append(weakref.ref(self))
            seed(self, a, version)

        random.Random.seed = record_seed  # type: ignore[method-assign]
        try:
            yield
        finally:
            random.Random.seed = seed  # type: ignore[method-assign]
        self._numpy = _find_numpy_generators()

    def reseed(self) -> None:
        """Reseed the recorded generators, in a process that has just been forked."""
        for ref in self._python:
            if (generator := ref()) is not None:
                generator.seed()
        for bits in self._numpy:
            bits.state = type(bits)().state


def _find_numpy_generators() -> list[Any]:
    """Return the generators of numpy that were seeded by the system, including the global one."""
    if (numpy_random := sys.modules.get("numpy.random")) is None:
        return []
    return [
        found
        for found in gc.get_objects()
        if isinstance(found, numpy_random.BitGenerator)
        and isinstance(entropy := getattr(found.seed_seq, "entropy", None), int)
        and entropy >= _SEED_LIMIT
    ]
