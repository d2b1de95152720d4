"""Detects and restores functions of common modules, and modules, that a job has replaced.

The versions of their dictionaries show which may have changed (docs/decisions/0075). Where Python
has no versions, all names are compared after each job, at some nanoseconds each, so the list is
short.
"""

import importlib
import sys
from collections.abc import Mapping
from operator import is_
from types import ModuleType
from typing import Any

from scenarist.executors.isolation.dict_versions import DictVersions
from scenarist.executors.isolation.registries import load_registries

# Imported before a job runs, so that the snapshot does not contain a job's changes.
_MODULES = (
    *("sys", "os", "posixpath", "time", "datetime", "math", "random", "statistics"),
    *("json", "json.encoder", "json.decoder", "pickle", "copy", "copyreg", "csv", "re", "string"),
    *("io", "shutil", "tempfile", "glob", "pathlib", "subprocess", "socket", "ssl", "struct"),
    *("urllib.request", "urllib.parse", "threading", "asyncio", "asyncio.events", "contextlib"),
    *("multiprocessing", "concurrent.futures", "functools", "itertools", "collections"),
    *("operator", "decimal", "fractions", "uuid", "hashlib", "secrets", "logging", "warnings"),
    *("signal", "traceback", "locale", "base64", "calendar", "zoneinfo", "gettext", "codecs"),
    *("sqlite3", "mimetypes", "xml.etree.ElementTree", "http.client", "multiprocessing.spawn"),
    *("enum", "platform", "unicodedata"),
)
# Watched only if they are loaded: importing them takes too long.
_LIBRARIES = (
    *("pandas", "numpy", "numpy.linalg", "polars", "httpx", "requests", "requests.adapters"),
)
_CLASSES = (
    *("json:JSONEncoder", "json:JSONDecoder", "pathlib:Path", "pathlib:PurePath"),
    *("logging:Logger", "logging:Handler", "logging:StreamHandler", "logging:Formatter"),
    *("threading:Thread", "subprocess:Popen", "random:Random", "socket:socket", "enum:Enum"),
    "http.client:HTTPConnection",
    *("pandas:DataFrame", "pandas:Series", "requests:Session", "httpx:Client"),
)
_MISSING = object()
# Restored by `scenarist.executors.isolation.worker_snapshot`.
_STREAMS = frozenset({"stdin", "stdout", "stderr"})


def load_modules() -> None:
    """Import the watched modules."""
    for name in _MODULES:
        importlib.import_module(name)
    load_registries()


class Namespaces:
    """Snapshot of the names of common modules and classes, and of the loaded modules.

    Does not detect changes in place (an entry of a dict of a module). Does not cover modules of the
    application, which keeps its caches in their globals.
    """

    def __init__(self) -> None:
        load_modules()
        self._watched = [_Namespace(name, vars(module), module) for name, module in _modules()]
        self._watched += [_Namespace(name, vars(found), found) for name, found in _classes()]
        self._builtins = vars(sys.modules["builtins"])
        self._saved_builtins = self._builtins.copy()
        self._modules = dict(sys.modules)
        self._versions = DictVersions([space.names for space in self._watched])
        self._other_versions = DictVersions([self._builtins, sys.modules])

    def restore(self) -> str | None:
        """Restore what was replaced; return what, if references to it may have spread, or None."""
        if self._versions.is_unchanged() and self._other_versions.is_unchanged():
            return None
        # Builtins come first, without calling any, because the code below calls them.
        replaced = self._restore_builtins() if self._has_changed_builtins() else []
        for number in self._versions.find_changed():
            if not _is_same(self._watched[number].names, self._watched[number].saved):
                replaced += self._watched[number].restore()
        if not _is_same(sys.modules, self._modules):
            replaced += self._restore_modules()
        self._versions.take()
        self._other_versions.take()
        return f"it replaced {', '.join(replaced)}" if replaced else None

    def _has_changed_builtins(self) -> bool:
        if self._builtins.keys() != self._saved_builtins.keys():
            return True
        for name, value in self._saved_builtins.items():
            if self._builtins[name] is not value:
                return True
        return False

    def _restore_builtins(self) -> list[str]:
        changed = self._builtins.copy()
        self._builtins.clear()
        self._builtins.update(self._saved_builtins)
        return [
            f"builtins.{name}"
            for name, value in self._saved_builtins.items()
            if changed.get(name, _MISSING) is not value
        ]

    def _restore_modules(self) -> list[str]:
        replaced = []
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                replaced.append(f"the module {name}")
        for name, module in list(sys.modules.items()):
            if (
                name not in self._modules
                and "." not in name
                and getattr(module, "__spec__", None) is None
            ):
                # Not imported but inserted, for example as a test double.
                del sys.modules[name]
                replaced.append(f"the module {name}")
        self._modules = dict(sys.modules)
        return replaced


class _Namespace:
    """Snapshot of the names of one module or class."""

    def __init__(self, name: str, names: Mapping[str, Any], owner: object) -> None:
        self._name = name
        self._owner = owner
        self.names = names
        self.saved = dict(names)

    def restore(self) -> list[str]:
        """Restore each name; return the functions and classes that were replaced."""
        replaced = []
        for name, value in self.saved.items():
            if self.names.get(name, _MISSING) is value or self._is_stream(name):
                continue
            setattr(self._owner, name, value)
            if callable(value) or isinstance(value, staticmethod | classmethod | property):
                replaced.append(f"{self._name}.{name}")
        for name in self.names.keys() - self.saved.keys():
            if self._is_inherited(name):
                replaced.append(f"{self._name}.{name}")
            elif not self._is_stray(name):
                continue
            delattr(self._owner, name)
        self.saved = dict(self.names)
        return replaced

    def _is_stream(self, name: str) -> bool:
        return self._owner is sys and name in _STREAMS

    def _is_inherited(self, name: str) -> bool:
        """Return whether a new name of a class hides one inherited from a base class."""
        bases = self._owner.__mro__[1:] if isinstance(self._owner, type) else ()
        return any(name in vars(base) for base in bases[:-1])

    def _is_stray(self, name: str) -> bool:
        """Return whether a new name was not added by an import, as submodules are."""
        return (
            self._name.partition(".")[0] not in _LIBRARIES
            and sys.modules.get(f"{self._name}.{name}") is None
            and not isinstance(self.names[name], ModuleType)
        )


def _is_same(names: Mapping[str, Any], saved: dict[str, Any]) -> bool:
    """Return whether the names have the same objects in the same order; calls no ``__eq__``."""
    return [*names] == [*saved] and all(map(is_, names.values(), saved.values()))


def _modules() -> list[tuple[str, ModuleType]]:
    names = [*_MODULES, *(name for name in _LIBRARIES if name in sys.modules)]
    return [(name, sys.modules[name]) for name in names]


def _classes() -> list[tuple[str, type]]:
    found = []
    for path in _CLASSES:
        module, _, name = path.partition(":")
        if module in sys.modules:
            found.append((f"{module}.{name}", getattr(sys.modules[module], name)))
    return found
