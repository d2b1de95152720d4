"""Checks of the functions and classes that declarations name or pass."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from scenarist.config.declarations import Declarations
from scenarist.config.function_inspection import InspectUses, digest_code, inspect_uses
from scenarist.config.function_uses import iter_function_uses
from scenarist.config.names import find_name_fault


def check_functions(
    declarations: Declarations, inspect: InspectUses | None
) -> Iterator[tuple[str, str, str]]:
    """Find names that resolve to another object than the one passed, or to unusable functions.

    Args:
        inspect: Inspects functions in another process; without it they are imported here.

    Returns:
        Entry, key and message: what is wrong, and how to fix it.
    """
    objects: dict[str, Any] = {}
    wrong = set()
    for (entry_name, key), given in declarations.objects.items():
        for name, value in given:
            fault = find_name_fault(name, value)
            if fault is None:
                objects[name] = value
            else:
                wrong.add(name)
                yield entry_name, key, fault
    uses = [
        replace(use, code=digest_code(objects.get(use.name)))
        for use in iter_function_uses(declarations)
        if use.name not in wrong
    ]
    faults = inspect_uses(uses, objects) if inspect is None else inspect(uses)
    for use, message in zip(uses, faults, strict=True):
        if message is not None:
            yield use.entry_name, use.key, message
