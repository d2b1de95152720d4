"""A stand-in for the package of Taipy, to check a module as if its imports were changed."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from scenarist.config.taipy_names import EQUIVALENTS


@contextmanager
def standing_in_for_taipy() -> Iterator[None]:
    """Let ``import taipy`` find the names of Scenarist; other names can be imported, not used."""
    hidden = {name: sys.modules.pop(name) for name in _list_loaded()}
    finder = _TaipyFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in _list_loaded():
            del sys.modules[name]
        sys.modules.update(hidden)


def _list_loaded() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "taipy"]


class _TaipyFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "taipy":
            return None
        return ModuleSpec(fullname, _StandInLoader(), is_package=True)


class _StandInLoader(Loader):
    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__getattr__"] = _get_equivalent


def _get_equivalent(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name not in EQUIVALENTS:
        return type(name, (), {})
    home, own = EQUIVALENTS[name]
    return getattr(importlib.import_module(home), own)
