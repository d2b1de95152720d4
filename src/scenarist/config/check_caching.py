"""Warnings about tasks whose outputs are never taken from the cache, although they declare it."""

from collections.abc import Iterable, Iterator

from scenarist.config.entries import DataNodeConfig, TaskConfig
from scenarist.domain.caching import CachedEnd, find_cache_fault


def find_cache_warnings(tasks: Iterable[TaskConfig]) -> Iterator[tuple[str, str]]:
    """Yield the name of the entry of each such task, and why."""
    for task in tasks:
        if task.cache:
            # Whether the code can be read is known only when the application is served.
            fault = find_cache_fault(_to_ends(task.inputs), _to_ends(task.outputs), "")
            if fault is not None:
                yield f"TASK.{task.id}", f"its outputs are never taken from the cache: {fault}"
        elif task.cache_version is not None:
            yield f"TASK.{task.id}", "cache_version has no effect without cache=True"


def _to_ends(nodes: Iterable[DataNodeConfig]) -> list[CachedEnd]:
    return [
        CachedEnd(
            node.id,
            node.storage_type,
            node.properties,
            expires=node.validity_period is not None,
        )
        for node in nodes
    ]
