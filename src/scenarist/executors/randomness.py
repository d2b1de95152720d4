"""Keeps processes that are forked from one another from drawing the same random numbers."""

import gc
import random
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SEED_LIMIT = 2**64  # what the system seeds with is larger, what people seed with is not


class Randomness:
    """The generators of random numbers that nobody has seeded; those with a seed stay as they are.

    Python's own functions are reseeded in each fork by Python itself.
    """

    def __init__(self) -> None:
        self._python: list[weakref.ref[random.Random]] = []
        self._numpy: list[Any] = []

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Note the generators that are made within the block."""
        seed = random.Random.seed
        watched = self._python

        def noting(self: random.Random, a: Any = None, version: int = 2) -> None:
            if a is None:
                watched.append(weakref.ref(self))
            seed(self, a, version)

        random.Random.seed = noting  # type: ignore[method-assign]
        try:
            yield
        finally:
            random.Random.seed = seed  # type: ignore[method-assign]
        self._numpy = _generators_of_numpy()

    def reseed(self) -> None:
        """Seed them anew, in a process that has just been forked."""
        for ref in self._python:
            if (generator := ref()) is not None:
                generator.seed()
        for bits in self._numpy:
            bits.state = type(bits)().state


def _generators_of_numpy() -> list[Any]:
    """Return the generators of numpy that the system has seeded, the global one included."""
    if (numpy_random := sys.modules.get("numpy.random")) is None:
        return []
    return [
        found
        for found in gc.get_objects()
        if isinstance(found, numpy_random.BitGenerator)
        and isinstance(entropy := getattr(found.seed_seq, "entropy", None), int)
        and entropy >= _SEED_LIMIT
    ]
