"""A stand-in for the package of Taipy, to check a module as if its imports were changed."""

import ast
import importlib
import re
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

_DECLARING = re.compile(r"\b(configure_|set_default_|override\()|\bC\w*\.load\(")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class MissingNameError(BaseException):
    """A module needs the result of a name that Scenarist does not have.

    It is no `Exception`, so that a module that catches all of those does not go on without it.
    """


@contextmanager
def standing_in_for_taipy(listed: ListedLines) -> Iterator[dict[Path, int]]:
    """Let ``import taipy`` find the names of Scenarist while modules are loaded.

    Servers and pages do nothing when they are started. A module ends where it needs the result of
    another name, as it would go on with a wrong value. If the line is a listed one, what was
    declared until then is kept, and what follows is still declared unless it depends on that line.

    Yields:
        The first line of each module that may declare something and did not run.
    """
    hidden = {name: sys.modules.pop(name) for name in _list_loaded()}
    left_out: dict[Path, int] = {}
    finder = _TaipyFinder(listed, left_out)
    sys.meta_path.insert(0, finder)
    try:
        yield left_out
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
    def __init__(self, listed: ListedLines, left_out: dict[Path, int]) -> None:
        self._listed = listed
        self._left_out = left_out

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
        spec.loader = _OwnLoader(fullname, str(spec.origin), self._listed[file], self._left_out)
        return spec


class _OwnLoader(SourceFileLoader):
    """Loads a module; after the first listed line that fails, only what it declares."""

    def __init__(
        self, fullname: str, path: str, lines: frozenset[int], left_out: dict[Path, int]
    ) -> None:
        super().__init__(fullname, path)
        self._lines = lines
        self._left_out = left_out

    def exec_module(self, module: ModuleType) -> None:
        try:
            super().exec_module(module)
        except (Exception, MissingNameError) as error:
            frames = walk_tb(error.__traceback__)
            at = [line for frame, line in frames if frame.f_globals is vars(module)]
            if at:
                tree = ast.parse(Path(self.path).read_bytes())
                if not self._lines.isdisjoint(find_statement_lines(tree, at[0])):
                    line = _declare_rest(module, tree, self.path, at[0])
                    if line is not None:
                        self._left_out[Path(self.path).resolve()] = line
                    return
            if isinstance(error, MissingNameError):
                raise InvalidError(str(error)).with_traceback(error.__traceback__) from None
            raise


def _declare_rest(module: ModuleType, tree: ast.Module, path: str, failed: int) -> int | None:
    """Run the declarations, definitions and constants below a line that failed.

    A statement that depends on one that did not run is left out, and so is every other one, as it
    may do something that is meant to follow the line.

    Returns:
        The line of the first statement left out that may declare something.
    """
    first = next(at for at, item in enumerate(tree.body) if (item.end_lineno or 0) >= failed)
    futures = [
        item
        for item in tree.body
        if isinstance(item, ast.ImportFrom) and item.module == "__future__"
    ]
    declaring, foreign = _list_declaring(tree), _list_foreign(tree)
    missing: set[str] = set()
    left_out: int | None = None
    for at, item in enumerate(tree.body[first:]):
        declares = _declares(item) or _uses(item, declaring)
        may_run = at and not _uses(item, missing) and _may_follow(item, declares=declares)
        if may_run and _run(ast.Module([*futures, item], []), path, module):
            missing -= _list_bound(item)
            continue
        missing |= _list_bound(item)
        may_declare = declares or (_calls(item) and _uses(item, foreign))
        if may_declare and left_out is None and not isinstance(item, _DEFINITIONS):
            left_out = item.lineno
    return left_out


def _list_declaring(tree: ast.Module) -> set[str]:
    """Return the names of the functions and classes of a module that declare something."""
    found: set[str] = set()
    definitions = [item for item in tree.body if isinstance(item, _DEFINITIONS)]
    for _ in definitions:  # those that call others of them
        found.update(
            item.name for item in definitions if _declares(item) or found & _list_read(item)
        )
    return found


def _list_foreign(tree: ast.Module) -> set[str]:
    """Return the names that a module imports from modules which may declare something."""
    found: set[str] = set()
    for item in tree.body:
        if isinstance(item, ast.Import | ast.ImportFrom):
            for alias in item.names:
                home = (getattr(item, "module", None) or alias.name).partition(".")[0]
                if home != "taipy" and home not in sys.stdlib_module_names:
                    found.add(alias.asname or alias.name.partition(".")[0])
    return found


def _declares(item: ast.stmt) -> bool:
    return _DECLARING.search(ast.unparse(item)) is not None


def _calls(item: ast.stmt) -> bool:
    return any(isinstance(part, ast.Call) for part in ast.walk(item))


def _run(tree: ast.Module, path: str, module: ModuleType) -> bool:
    """Run statements of a module; return whether they did not fail."""
    try:
        exec(compile(tree, path, "exec", dont_inherit=True), vars(module))  # noqa: S102 - its own
    except (Exception, MissingNameError):  # noqa: BLE001 - of something that did not run before
        return False
    return True


def _may_follow(item: ast.stmt, *, declares: bool) -> bool:
    """Whether a statement declares, defines or imports something, or names a value."""
    if isinstance(item, ast.Assign | ast.AnnAssign | ast.Expr):
        return declares or not _calls(item)
    return isinstance(item, (*_DEFINITIONS, ast.Import, ast.ImportFrom))


def _uses(item: ast.stmt, names: set[str]) -> bool:
    """Whether a statement reads one of some names when it runs."""
    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return not _list_read(item).isdisjoint(names)


def _list_read(item: ast.stmt) -> set[str]:
    return {
        part.id
        for part in ast.walk(item)
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Store)
    }


def _list_bound(item: ast.stmt) -> set[str]:
    if isinstance(item, _DEFINITIONS):
        return {item.name}
    return {
        part.id
        for part in ast.walk(item)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


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
