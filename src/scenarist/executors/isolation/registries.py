"""Restores process-wide registries of modules after a job (docs/decisions/0065).

Otherwise an adapter of sqlite3, or a file type, would for example change what the next job writes.
"""

import codecs
import encodings
import gc
import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from scenarist.executors.isolation.dict_versions import DictVersions

_DICTS = {
    "copyreg": ("dispatch_table", "_extension_registry", "_inverted_registry", "_extension_cache"),
    "sqlite3": ("adapters", "converters"),
    "xml.etree.ElementTree": ("_namespace_map",),
    "shutil": ("_ARCHIVE_FORMATS", "_UNPACK_FORMATS"),
    "encodings.aliases": ("aliases",),
    "email.charset": ("CHARSETS", "ALIASES", "CODEC_MAP"),
    "mimetypes": ("types_map", "common_types", "encodings_map", "suffix_map"),
}
_LISTS = {
    "urllib.parse": ("uses_relative", "uses_netloc", "uses_params", "uses_query", "uses_fragment")
}
# These two registries have no name in Python. They are found through an object in them: the only
# other dicts that refer to it are those of modules.
_ERROR_HANDLERS: list[dict[str, Any]] = [
    each
    for each in gc.get_referrers(codecs.lookup_error("surrogatepass"))
    if type(each) is dict and "surrogatepass" in each and "__name__" not in each
]
_CODECS: list[list[Any]] = [
    each for each in gc.get_referrers(encodings.search_function) if type(each) is list
]


def load_registries() -> None:
    """Import the modules with registries, so that each job finds their initial contents."""
    for name in (*_DICTS, *_LISTS):
        importlib.import_module(name)
    # Otherwise it would read the types of the machine at the first look-up.
    if not sys.modules["mimetypes"].inited:
        sys.modules["mimetypes"].init()


class Registries:
    """Snapshot of the registries of this process.

    Entries that a module registers while a job imports it remain, because the module does too.
    """

    def __init__(self) -> None:
        load_registries()
        types: Any = vars(sys.modules["mimetypes"])["_db"]
        self._dicts = [*_iter_registries(_DICTS), *types.types_map_inv, *_ERROR_HANDLERS]
        self._lists = [*_iter_registries(_LISTS), *_CODECS]
        self._versions = DictVersions(self._dicts)
        self._modules: set[str] = set()
        self._remember()

    def restore(self) -> str | None:
        """Restore what differs; return a reason if an imported module may have registered it."""
        if self._versions.is_unchanged() and self._lists == self._saved_lists:
            if len(sys.modules) != len(self._modules):
                self._modules = {*sys.modules}
            return None
        imported = sys.modules.keys() - self._modules
        unknown = 0
        for entries, saved_entries in zip(self._dicts, self._saved, strict=True):
            unknown += _restore_registry(entries, saved_entries, imported)
        for items, saved_items in zip(self._lists, self._saved_lists, strict=True):
            if items != saved_items:
                _restore_list(items, saved_items)
                unknown += 1
        self._remember()
        # Modules of the standard library register what was already there before.
        if unknown and any(_package_of(name) not in sys.stdlib_module_names for name in imported):
            return "it registered something, and imported modules"
        return None

    def _remember(self) -> None:
        self._saved = [
            {key: _copy_value(value) for key, value in each.items()} for each in self._dicts
        ]
        self._saved_lists = [each.copy() for each in self._lists]
        self._modules = {*sys.modules}
        self._versions.take()


def _restore_registry(registry: dict[Any, Any], saved: dict[Any, Any], imported: set[str]) -> int:
    """Restore a registry, except for entries of imported modules; count the other changes."""
    now = registry.copy()
    changed = {key for key, value in now.items() if not _is_same_value(value, saved.get(key))}
    if not changed and now.keys() == saved.keys():
        return 0
    of_modules = {key for key in changed if _modules_of(key, now[key]) & imported}
    registry.clear()
    registry.update({key: _copy_value(value) for key, value in saved.items()})
    registry.update({key: now[key] for key in of_modules})
    return len(changed - of_modules)


def _package_of(module: str) -> str:
    return module.partition(".")[0]


def _iter_registries(paths: Mapping[str, tuple[str, ...]]) -> Iterator[Any]:
    for module, names in paths.items():
        for name in names:
            yield getattr(sys.modules[module], name)


def _restore_list(registry: list[Any], saved: list[Any]) -> None:
    if registry in _CODECS:
        # This also drops the cached codecs that were found through the function.
        for search in [each for each in registry if each not in saved]:
            codecs.unregister(search)
    registry[:] = saved


def _modules_of(key: object, value: object) -> set[str]:
    parts = (*(key if isinstance(key, tuple) else (key,)), value)
    return {str(getattr(part, "__module__", "")) for part in parts}


def _copy_value(value: Any) -> Any:
    return value.copy() if type(value) is list else value


def _is_same_value(value: object, saved: object) -> bool:
    # A list has the file extensions that are registered for one type.
    return value is saved or (type(value) is list and value == saved)
