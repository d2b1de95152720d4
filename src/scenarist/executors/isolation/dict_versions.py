"""Detects whether dictionaries have changed, without reading their entries."""

import ctypes
import gc
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# The field follows the object header and the number of entries; see `_has_versions`.
_OFFSET = object.__basicsize__ + ctypes.sizeof(ctypes.c_ssize_t)
_SIZE = ctypes.sizeof(ctypes.c_uint64)
_join = b"".join


class DictVersions:
    """Snapshot of the versions of some dictionaries (docs/decisions/0075).

    CPython before 3.14 keeps a number in each dictionary, which changes whenever an entry is set to
    another object, and is never reused (PEP 509). The number is in a private field. Where the field
    does not behave as expected, all dictionaries always count as changed.

    Args:
        namespaces: Dictionaries, and the ``__dict__`` of classes; with anything else among them,
            all count as changed.
    """

    def __init__(self, namespaces: Sequence[Mapping[str, Any]]) -> None:
        found = [_dict_of(each) for each in namespaces]
        self._dicts = [each for each in found if each is not None]  # keeps them alive
        self._count = len(found)
        self._is_exact = _HAS_VERSIONS and len(self._dicts) == len(found)
        self._views = [_view(each) for each in self._dicts] if self._is_exact else []
        self.take()

    def take(self) -> None:
        """Take a new snapshot."""
        self._saved = _join(self._views)

    def is_unchanged(self) -> bool:
        """Return whether nothing has changed since `take`; calls no builtin function.

        Also False if an entry was changed and then set to its former object again.
        """
        return self._is_exact and _join(self._views) == self._saved

    def find_changed(self) -> list[int]:
        """Return the positions of the dictionaries that may have changed since `take`."""
        if not self._is_exact:
            return [*range(self._count)]
        return [
            number
            for number, view in enumerate(self._views)
            if view != self._saved[number * _SIZE : (number + 1) * _SIZE]
        ]


def _dict_of(namespace: Mapping[str, Any]) -> dict[str, Any] | None:
    if type(namespace) is dict:
        return namespace
    # The proxy of a class refers to its dictionary and to nothing else.
    referents = gc.get_referents(namespace)
    return referents[0] if len(referents) == 1 and type(referents[0]) is dict else None


def _view(entries: dict[str, Any]) -> memoryview:
    return memoryview((ctypes.c_char * _SIZE).from_address(id(entries) + _OFFSET)).cast("B")


def _has_versions() -> bool:
    """Test on a dictionary that the field exists and changes with each kind of change."""
    if sys.implementation.name != "cpython" or dict.__basicsize__ < _OFFSET + _SIZE:
        return False
    tried: dict[str, Any] = {"a": 1, "b": 2}
    view = _view(tried)
    seen = [bytes(view)]
    tried["c"] = 3
    seen.append(bytes(view))
    tried["a"] = None
    seen.append(bytes(view))
    del tried["b"]
    seen.append(bytes(view))
    tried.pop("a")
    seen.append(bytes(view))
    tried.update(d=4)
    seen.append(bytes(view))
    tried.clear()
    seen.append(bytes(view))
    kept = bytes(view)
    tried.get("d")
    return len(set(seen)) == len(seen) and bytes(view) == kept


_HAS_VERSIONS = _has_versions()
