"""Modules that tests write and import: forgotten after the test, those of libraries never."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


@contextmanager
def forgotten_afterwards(folder: Path) -> Iterator[None]:
    """Forget the modules of a folder, and those made in memory, that are imported meanwhile.

    A module of a library must stay: pandas, for one, cannot be imported in parts a second time.
    """
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if _is_own(sys.modules[name], folder):
            del sys.modules[name]


def _is_own(module: ModuleType, folder: Path) -> bool:
    if getattr(module, "__spec__", None) is None:
        return True
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(Path(place).is_relative_to(folder) for place in places if place)
