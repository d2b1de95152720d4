"""Resources that a task requests, for executors that distinguish machines."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from scenarist.domain.errors import InvalidError

_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?B|)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """Resources of one job or machine; None if not specified."""

    cpus: float | None = None
    gpus: float | None = None
    memory: int | None = None  #: bytes


def describe_unmet(requested: Resources, machines: Collection[Resources]) -> str | None:
    """Describe the requested resources if no machine has all of them; return None if one has."""
    if any(
        (requested.cpus or 0) <= (machine.cpus or 0)
        and (requested.gpus or 0) <= (machine.gpus or 0)
        and (requested.memory or 0) <= (machine.memory or 0)
        for machine in machines
    ):
        return None
    parts = [
        f"{amount:g} {name}{'' if amount == 1 else 's'}"
        for name, amount in (("cpu", requested.cpus), ("gpu", requested.gpus))
        if amount
    ]
    if requested.memory:
        parts.append(f"{requested.memory / 2**20:,.0f} MiB of memory")
    return " and ".join(parts) or None


def _parse_cpus(value: Any) -> float:
    return _parse_count(value, least=0.001)


def _parse_gpus(value: Any) -> float:
    return _parse_count(value, least=0.0)


def _parse_count(value: Any, *, least: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Comparisons with NaN are false, so this rejects NaN as well.
    if not is_number or not least <= value <= 1_000_000:
        raise InvalidError(f"{value!r} is not a valid amount; give a number such as 0.5 or 2")
    return float(value)


def _parse_size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size <= 0:
        raise InvalidError(
            f"{value!r} is not a memory size; give a number of bytes, or a text such as '500MB' "
            "or '2GiB'"
        )
    return size


RESOURCE_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "cpus": _parse_cpus,
    "gpus": _parse_gpus,
    "memory": _parse_size,
}
"""The properties of a task that request resources, with their parsers.

A parser raises an `InvalidError` that says which values are valid.
"""


def parse_resources(properties: Mapping[str, Any]) -> Resources:
    """Return the resources that the properties of a task request.

    Raises:
        InvalidError: A property is invalid. The message says which values are valid.
    """
    given: dict[str, Any] = {
        name: read(properties[name])
        for name, read in RESOURCE_PARSERS.items()
        if properties.get(name) is not None
    }
    return Resources(**given)
