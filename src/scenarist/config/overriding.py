"""The values of files that are applied over the declarations, and stay in force."""

from collections.abc import Mapping
from typing import Any

from scenarist.config.keys import PROPERTIES

_TABLES = ("sequences", "comparators", "outcomes", PROPERTIES)
"""The keys whose values are merged name by name."""


class OverridingValues:
    """Values by entry, such as ``TASK.fit``, that override those of its later declarations."""

    def __init__(self) -> None:
        self._by_entry: dict[str, dict[str, Any]] = {}

    def add(self, entry_name: str, given: Mapping[str, Any]) -> None:
        """Add the values of a file; they replace those of earlier files."""
        self._by_entry[entry_name] = _merge(self._by_entry.get(entry_name, {}), given)

    def apply(self, entry_name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return given values of an entry with the overriding ones over them."""
        return _merge(given, self._by_entry.get(entry_name, {}))

    def drop(self, entry_name: str, given: Mapping[str, Any]) -> None:
        """Let given values take the place of overriding ones: they were set on the entry itself."""
        overriding = self._by_entry.get(entry_name, {})
        for key, value in given.items():
            table = overriding.get(key)
            if isinstance(table, dict) and isinstance(value, Mapping):
                for name in value:
                    table.pop(name, None)
            else:
                overriding.pop(key, None)


def _merge(given: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**given, **over}
    for key in _TABLES:
        if isinstance(given.get(key), Mapping) and isinstance(over.get(key), Mapping):
            merged[key] = {**given[key], **over[key]}
    return merged
