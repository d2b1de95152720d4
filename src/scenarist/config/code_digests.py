"""Digests of a function's code: its module, and the application modules that this imports."""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

_INSTALL_FOLDERS = ("site-packages", "dist-packages")
_STORAGE_FUNCTION_KEYS = (
    "encoder",
    "decoder",
    "custom_document",
    "exposed_type",
    "read_fct",
    "write_fct",
    "write_query_builder",
    "append_query_builder",
)
"""Properties of data nodes that name code used to read or write a value."""


@dataclass(frozen=True, slots=True)
class _ModuleCode:
    """A module's digest and imports, determined without running it."""

    digest: str
    imports: frozenset[str]
    file: str | None = None


class CodeDigests:
    """Digests of code, from its files as they are when they are first read.

    Modules are located and parsed, never run. Imported modules count if they are below the search
    path or in the function's own package; the standard library and installed packages do not.
    Imports by a computed name are not detected.

    Args:
        search_path: The folders of the application.
    """

    def __init__(self, search_path: Sequence[str]) -> None:
        self._search_path = [str(Path(folder).resolve()) for folder in search_path]
        self._modules: dict[str, _ModuleCode | None] = {}

    def digest_of(self, functions: Iterable[str]) -> str | None:
        """Return one digest for functions (``package.module:name``), independent of their order.

        Another function of the same module has another digest. Return None if the module of one of
        them cannot be found or read.
        """
        called = sorted({*map(str, functions)})
        names = sorted({name.partition(":")[0] for name in called})
        found = self._find_modules(names)
        if not all(name in found for name in names):
            return None
        digest = blake2b(";".join((*called, "")).encode(), digest_size=16)
        for name in sorted(found):
            digest.update(f"{name}={found[name].digest};".encode())
        return digest.hexdigest()

    def files_of(self, functions: Iterable[str]) -> set[str]:
        """Return the files of the modules that count for the digest of functions."""
        found = self._find_modules(sorted({name.partition(":")[0] for name in functions}))
        return {module.file for module in found.values() if module.file is not None}

    def _find_modules(self, names: Sequence[str]) -> dict[str, _ModuleCode]:
        """Return modules and what they import, directly or not; those not found are omitted."""
        tops = {name.partition(".")[0] for name in names}
        found: dict[str, _ModuleCode] = {}
        to_visit = [*names]
        while to_visit:
            name = to_visit.pop()
            if name in found:
                continue
            module = self._get_module(name, tops)
            if module is not None:
                found[name] = module
                to_visit += module.imports | set(_parent_modules(name))
        return found

    def _get_module(self, name: str, tops: set[str]) -> _ModuleCode | None:
        if name not in self._modules:
            self._modules[name] = self._read_module(name, tops)
        return self._modules[name]

    def _read_module(self, name: str, tops: set[str]) -> _ModuleCode | None:
        top = name.partition(".")[0]
        # Python's own modules come before those of the application, wherever Python is installed.
        if top in sys.stdlib_module_names:
            return _ModuleCode(sys.version, frozenset())
        spec = self._find_spec(name)
        if spec is None or (not self._is_own(spec) and top not in tops):
            return None
        if spec.origin is None:
            return _ModuleCode("", frozenset())  # a namespace package has no code
        loader: Any = spec.loader
        try:
            data: bytes = loader.get_data(spec.origin)
        except (OSError, AttributeError):
            return None
        is_package = spec.submodule_search_locations is not None
        return _ModuleCode(
            blake2b(data, digest_size=16).hexdigest(),
            frozenset(_iter_imports(data, name, is_package=is_package)),
            spec.origin,
        )

    def _find_spec(self, name: str) -> ModuleSpec | None:
        path: Sequence[str] = [*self._search_path, *sys.path]
        spec = None
        for part in (*_parent_modules(name), name):
            spec = PathFinder.find_spec(part, path)
            if spec is None:
                # Editable installs, for example, have finders of their own.
                return getattr(sys.modules.get(name), "__spec__", None)
            path = spec.submodule_search_locations or []
        return spec

    def _is_own(self, spec: ModuleSpec) -> bool:
        locations = [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
        for location in locations:
            for folder in self._search_path:
                file = Path(location).resolve()
                if file.is_relative_to(folder):
                    return not set(file.relative_to(folder).parts) & set(_INSTALL_FOLDERS)
        return False


def iter_storage_functions(properties: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the functions and classes that read or write a data node's value."""
    for key in _STORAGE_FUNCTION_KEYS:
        yield from _iter_names(properties.get(key))


def _iter_names(value: object) -> Iterator[str]:
    if isinstance(value, str) and ":" in value and "[" not in value:
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _iter_names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _iter_names(item)


def _parent_modules(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _iter_imports(data: bytes, name: str, *, is_package: bool) -> Iterator[str]:
    """Yield the names of modules that source code may import; none if it cannot be parsed."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                above = parts[: len(parts) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)  # the name may be a module
