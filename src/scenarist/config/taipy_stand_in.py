"""A stand-in for the package of Taipy, to check a module as if its imports were changed."""

import ast
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any

from scenarist.config.taipy_names import (
    EQUIVALENTS,
    GUI_MODULES,
    MODULES,
    find_instead,
    list_star_names,
)
from scenarist.domain.errors import InvalidError

ListedLines = Mapping[Path, frozenset[int]]
"""The lines of each file that have to be changed, other than import lines."""

_WITHOUT_RESULT = frozenset(
    {
        *("Core", "Orchestrator", "Rest", "Gui", "run"),
        *("Icon", "State", "Markdown", "Html", "Page", "Notifier", "CoreEventConsumerBase"),
    }
)
"""Names whose calls give nothing that the rest of a module reads."""


class MissingNameError(BaseException):
    """A module needs the result of a name that Scenarist does not have.

    It is no `Exception`, so that a module that catches all of those does not go on without it.
    """


@contextmanager
def standing_in_for_taipy(listed: ListedLines) -> Iterator[dict[Path, int]]:
    """Let ``import taipy`` find the names of Scenarist while modules are loaded.

    Servers and pages do nothing when they are started. A module ends where it needs the result of
    another name, as it would go on with a wrong value. If the line is a listed one, what was
    declared until then is kept.

    Yields:
        The line at which each module ended, as far as there are any.
    """
    hidden = {name: sys.modules.pop(name) for name in _list_loaded()}
    ended: dict[Path, int] = {}
    finder = _TaipyFinder(listed, ended)
    sys.meta_path.insert(0, finder)
    try:
        yield ended
    finally:
        sys.meta_path.remove(finder)
        for name in _list_loaded():
            del sys.modules[name]
        sys.modules.update(hidden)


def find_statement_lines(tree: ast.Module, line: int) -> range:
    """Return the lines of the smallest statement at a line."""
    found = [
        range(item.lineno, (item.end_lineno or item.lineno) + 1)
        for item in ast.walk(tree)
        if isinstance(item, ast.stmt)
    ]
    return min((lines for lines in found if line in lines), key=len, default=range(line, line + 1))


def _list_loaded() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "taipy"]


class _TaipyFinder(MetaPathFinder):
    def __init__(self, listed: ListedLines, ended: dict[Path, int]) -> None:
        self._listed = listed
        self._ended = ended

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] == "taipy":
            return ModuleSpec(fullname, _StandInLoader(), is_package=True)
        if fullname in sys.builtin_module_names:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        file = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if spec is None or file is None or file not in self._listed:
            return None
        spec.loader = _OwnLoader(fullname, str(spec.origin), self._listed[file], self._ended)
        return spec


class _OwnLoader(SourceFileLoader):
    """Loads a module up to the first listed line that fails."""

    def __init__(
        self, fullname: str, path: str, lines: frozenset[int], ended: dict[Path, int]
    ) -> None:
        super().__init__(fullname, path)
        self._lines = lines
        self._ended = ended

    def exec_module(self, module: ModuleType) -> None:
        try:
            super().exec_module(module)
        except (Exception, MissingNameError) as error:
            frames = walk_tb(error.__traceback__)
            at = [line for frame, line in frames if frame.f_globals is vars(module)]
            if at:
                tree = ast.parse(Path(self.path).read_bytes())
                if not self._lines.isdisjoint(find_statement_lines(tree, at[0])):
                    self._ended[Path(self.path).resolve()] = at[0]
                    return
            if isinstance(error, MissingNameError):
                raise InvalidError(str(error)).with_traceback(error.__traceback__) from None
            raise


class _StandInLoader(Loader):
    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__getattr__"] = partial(_find_name, module.__name__)
        vars(module)["__all__"] = sorted(list_star_names(is_gui=_has_pages(module.__name__)))


def _find_name(module: str, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in EQUIVALENTS:
        home, own = EQUIVALENTS[name]
        return getattr(importlib.import_module(home), own)
    if name in MODULES:
        return importlib.import_module(f"{module}.{name}")
    has_result = name not in _WITHOUT_RESULT and not _has_pages(module)
    return _make_class(name, has_result=has_result)


def _has_pages(module: str) -> bool:
    return not GUI_MODULES.isdisjoint(module.split("."))


class _MissingType(type):
    """The type of a name that is missing: it can be inherited from, and named in annotations."""

    has_result: bool

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _make_class(f"{cls.__name__}.{name}", has_result=cls.has_result)

    def __call__(cls, *_arguments: Any, **_named: Any) -> Any:
        if cls.has_result:
            _refuse(cls.__name__)
        return _Nothing(cls.__name__)


def _make_class(name: str, *, has_result: bool) -> _MissingType:
    return _MissingType(name, (), {"has_result": has_result})


def _refuse(name: str) -> None:
    raise MissingNameError(f"{name}: {find_instead(name)}")


class _Nothing:
    """What a server or page gives: it does nothing, and has no value that could be read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_arguments: Any, **_named: Any) -> "_Nothing":
        return self

    def __enter__(self) -> "_Nothing":
        return self

    def __exit__(self, *_error: object) -> None:
        pass


def _make_reading(special: str) -> Callable[..., Any]:
    def read(self: _Nothing, *_arguments: Any) -> Any:
        _refuse(self._name)

    read.__name__ = special
    return read


for _special in (
    "bool",
    "iter",
    "len",
    "str",
    "repr",
    "format",
    "index",
    "int",
    "float",
    "getitem",
):
    setattr(_Nothing, f"__{_special}__", _make_reading(f"__{_special}__"))
