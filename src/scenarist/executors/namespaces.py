"""Notices when a job has replaced a function of a common module, or the module itself.

The versions of their dictionaries tell which ones may have changed. Where Python has none, all are
compared after each job, some nanoseconds for each name, so the list is short.
"""

import importlib
import sys
from collections.abc import Mapping
from operator import is_
from types import ModuleType
from typing import Any

from scenarist.executors.dict_versions import DictVersions

# Imported before a job runs, so that what is compared with is not already a job's own.
_MODULES = (
    *("sys", "os", "posixpath", "time", "datetime", "math", "random", "statistics"),
    *("json", "json.encoder", "json.decoder", "pickle", "copy", "copyreg", "csv", "re", "string"),
    *("io", "shutil", "tempfile", "glob", "pathlib", "subprocess", "socket", "ssl", "struct"),
    *("urllib.request", "urllib.parse", "threading", "asyncio", "asyncio.events", "contextlib"),
    *("multiprocessing", "concurrent.futures", "functools", "itertools", "collections"),
    *("operator", "decimal", "fractions", "uuid", "hashlib", "secrets", "logging", "warnings"),
    *("signal", "traceback", "locale", "base64", "calendar", "zoneinfo"),
)
# Of these, too, when they are there: they take too long to be imported for nothing.
_LIBRARIES = ("pandas", "numpy", "numpy.linalg", "polars", "requests", "httpx")
_CLASSES = (
    *("json:JSONEncoder", "json:JSONDecoder", "pathlib:Path", "pathlib:PurePath"),
    *("logging:Logger", "logging:Handler", "logging:StreamHandler", "logging:Formatter"),
    *("threading:Thread", "subprocess:Popen", "random:Random", "socket:socket"),
    *("pandas:DataFrame", "pandas:Series", "requests:Session", "httpx:Client"),
)
_MISSING = object()
# These are looked after elsewhere.
_STREAMS = frozenset({"stdin", "stdout", "stderr"})


def load_modules() -> None:
    """Import the modules that are watched."""
    for name in _MODULES:
        importlib.import_module(name)


class Namespaces:
    """The names of common modules and classes, and the modules that are loaded, as they are now.

    Does not see what is changed in place (an entry of a dict of a module), nor modules of the
    application: their globals are where an application keeps what it needs again.
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
        """Put back what was replaced; say what, if references to it may have spread."""
        if self._versions.are_same() and self._other_versions.are_same():
            return None
        # What follows calls builtins, so these come first, and without calling any.
        replaced = self._mend_builtins() if self._has_other_builtins() else []
        for number in self._versions.find_changed():
            if not _is_same(self._watched[number].names, self._watched[number].saved):
                replaced += self._watched[number].mend()
        if not _is_same(sys.modules, self._modules):
            replaced += self._mend_modules()
        self._versions.remember()
        self._other_versions.remember()
        return f"it replaced {', '.join(replaced)}" if replaced else None

    def _has_other_builtins(self) -> bool:
        if self._builtins.keys() != self._saved_builtins.keys():
            return True
        for name, value in self._saved_builtins.items():
            if self._builtins[name] is not value:
                return True
        return False

    def _mend_builtins(self) -> list[str]:
        changed = self._builtins.copy()
        self._builtins.clear()
        self._builtins.update(self._saved_builtins)
        return [
            f"builtins.{name}"
            for name, value in self._saved_builtins.items()
            if changed.get(name, _MISSING) is not value
        ]

    def _mend_modules(self) -> list[str]:
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
                # Not imported but put there, by a test double for example.
                del sys.modules[name]
                replaced.append(f"the module {name}")
        self._modules = dict(sys.modules)
        return replaced


class _Namespace:
    """The names of one module or class."""

    def __init__(self, name: str, names: Mapping[str, Any], owner: object) -> None:
        self._name = name
        self._owner = owner
        self.names = names
        self.saved = dict(names)

    def mend(self) -> list[str]:
        """Put each name back; return the functions and classes that were replaced."""
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
        """Whether a new name of a class hides one that it had from another class."""
        bases = self._owner.__mro__[1:] if isinstance(self._owner, type) else ()
        return any(name in vars(base) for base in bases[:-1])

    def _is_stray(self, name: str) -> bool:
        """Whether a new name is none that imports have added: a submodule, a part of a library."""
        return (
            self._name.partition(".")[0] not in _LIBRARIES
            and sys.modules.get(f"{self._name}.{name}") is None
            and not isinstance(self.names[name], ModuleType)
        )


def _is_same(names: Mapping[str, Any], saved: dict[str, Any]) -> bool:
    """Whether each name has its object, in the same order; never asks an object for equality."""
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
