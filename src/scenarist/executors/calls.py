"""Calls the function of a task, awaits its result, and splits it into the task's outputs."""

import inspect
from collections.abc import Awaitable, Callable, ItemsView, KeysView, Mapping, Sequence, Set
from types import AsyncGeneratorType, GeneratorType
from typing import Any, TypeGuard

# Classes of results whose work may not be done, and what to do instead.
_UNFINISHED = {
    "builtins.map": "return list(...) of it",
    "builtins.filter": "return list(...) of it",
    "concurrent.futures._base.Future": "return its result()",
    "multiprocessing.pool.ApplyResult": "return what its get() returns",
    "multiprocessing.pool.IMapIterator": "return list(...) of it",
    "dask.delayed.Delayed": "return what its compute() returns",
    "distributed.client.Future": "return its result()",
}


def call_function(
    function: Callable[..., Any],
    arguments: Sequence[object],
    *,
    name: str,
    undo: Callable[[], None],
) -> object:
    """Call a function and return its value; an awaitable result is awaited in an event loop.

    Args:
        name: The name of the function in messages.
        undo: Restores the functions of Python that the function has replaced; called before
            anything else runs.

    Raises:
        TypeError: The result has not run: a generator, a future, a lazy ``map``.
    """
    try:
        result = function(*arguments)
    finally:
        undo()
    while _is_awaitable(result):
        try:
            result, before = _await_value(result), result
        finally:
            undo()
        if result is before:
            break
    _require_finished(result, name)
    return result


def split_outputs(result: Any, count: int) -> list[object]:
    """Split a result that has a length and an order into the values of several outputs.

    Raises:
        TypeError: The result has no length or no order, or is a single value: a text, a table.
        ValueError: The number of values differs from *count*.
    """
    wanted = f"the task has {count} outputs, so its function must return {count} values"
    if (hint := _explain_unsplittable(result)) is not None:
        raise TypeError(f"{wanted}, in a tuple or list; it returned {hint}")
    values = list(result)
    if len(values) != count:
        raise ValueError(
            f"the task has {count} outputs, but its function returned {len(values)} values"
        )
    for position, value in enumerate(values, start=1):
        if _is_awaitable(value):
            for coroutine in filter(inspect.iscoroutine, values):
                coroutine.close()
            raise TypeError(
                f"value {position} of {count} was not awaited: use await or asyncio.gather"
            )
        _require_finished(value, f"value {position} of {count}")
    return values


def _explain_unsplittable(result: Any) -> str | None:
    kind = type(result).__name__
    if isinstance(result, str | bytes | bytearray | memoryview):
        return f"{kind}, which is one value"
    if isinstance(result, Mapping):
        return f"{kind}; return the values in their order, such as tuple(result.values())"
    if isinstance(result, Set) and not isinstance(result, KeysView | ItemsView):
        return f"{kind}, which has no order"
    if hasattr(result, "columns") and hasattr(result, "__len__"):
        return f"{kind}, whose length is its number of rows; return its parts: (table['a'], …)"
    try:
        len(result)
        iter(result)
    except TypeError:
        return f"{kind}, which is one value" if result is not None else "None"
    return None


def _is_awaitable(value: object) -> TypeGuard[Awaitable[Any]]:
    # Dask collections are awaitable, and return themselves; they are values.
    return inspect.isawaitable(value) and not hasattr(type(value), "__dask_graph__")


def _await_value(awaitable: Awaitable[Any]) -> object:
    import asyncio

    async def wait() -> object:
        return await awaitable

    return asyncio.run(wait())


def _require_finished(value: object, name: str) -> None:
    if isinstance(value, GeneratorType | AsyncGeneratorType):
        if isinstance(value, GeneratorType):
            value.close()
        raise TypeError(
            f"{name} is a generator, and none of it has run; return a list of the items instead of "
            "using yield"
        )
    for base in type(value).__mro__[:-1]:
        if (hint := _UNFINISHED.get(f"{base.__module__}.{base.__qualname__}")) is not None:
            raise TypeError(
                f"{name} returned a {type(value).__name__}, which may not have run; {hint}"
            )
