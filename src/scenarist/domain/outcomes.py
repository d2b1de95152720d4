"""Outcomes: the figures by which scenarios are judged, and the places where they are found."""

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from scenarist.domain.errors import InvalidError

Direction = Literal["maximize", "minimize"]
"""Which of two values of an outcome is better: the larger or the smaller one."""

DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize")

Figure: TypeAlias = float | str
"""A number taken from a value, or the reason why there is none."""

LIMIT = sys.float_info.max
"""Every figure lies between this and its negative; lists sort those without a value by it."""

_BAD_ESCAPE = re.compile(r"~(?![01])")
_POSITION = re.compile(r"0|[1-9][0-9]{0,17}")
_LONGEST_SHOWN = 100
_TYPES = {bool: "true or false", str: "text", type(None): "null", list: "a list", dict: "an object"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredOutcome:
    """An outcome as the application declares it.

    Args:
        data_node: The id of the data node's config.
        pointer: Where the number is in the JSON form of the value: a JSON Pointer (RFC 6901).
    """

    data_node: str
    pointer: str
    unit: str | None = None
    direction: Direction | None = None
    title: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeRange:
    """Bounds of an outcome in a list, both inclusive; None for none."""

    least: float | None = None
    most: float | None = None


def find_places(outcomes: Iterable[DeclaredOutcome]) -> dict[str, tuple[str, ...]]:
    """Return the places of the numbers of outcomes, by the data node config; each place once."""
    places: dict[str, tuple[str, ...]] = {}
    for outcome in outcomes:
        known = places.get(outcome.data_node, ())
        places[outcome.data_node] = tuple(dict.fromkeys((*known, outcome.pointer)))
    return places


class NoFigureError(Exception):
    """There is no number at a place; the text is the reason."""


def parse_pointer(pointer: object) -> tuple[str, ...]:
    """Return the names of a JSON Pointer (RFC 6901).

    Raises:
        InvalidError: It is not one.
    """
    if not isinstance(pointer, str):
        raise InvalidError(f"{pointer!r} is not a JSON Pointer; write text such as '/total/cost'")
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise InvalidError(
            f"{pointer!r} is not a JSON Pointer: it must begin with /, or be empty for the value "
            f"itself; write '/{pointer.replace('.', '/')}'"
        )
    if _BAD_ESCAPE.search(pointer):
        raise InvalidError(f"{pointer!r} is not a JSON Pointer: write ~ as ~0, and / in a name ~1")
    return tuple(
        part.replace("~1", "/").replace("~0", "~") for part in pointer.removeprefix("/").split("/")
    )


def position_of(name: str) -> int | None:
    """Return the position in a list that a name of a pointer means; None if it means none."""
    return int(name) if _POSITION.fullmatch(name) else None


def find_figure(data: Any, pointer: str) -> Figure:
    """Return the number at a place of plain JSON data, or the reason why there is none."""
    try:
        part = data
        names = parse_pointer(pointer)
        for depth, name in enumerate(names):
            part = _step(part, name, names[:depth])
        return to_figure(part)
    except NoFigureError as error:
        return str(error)


def to_figure(part: object) -> float:
    """Return a part of a value as a number of double precision.

    Raises:
        NoFigureError: It is no number, not finite, or an integer that would not stay exact.
    """
    if isinstance(part, bool) or not isinstance(part, int | float | Decimal):
        name = next((said for kind, said in _TYPES.items() if isinstance(part, kind)), None)
        raise NoFigureError(f"there is {name or 'a ' + type(part).__name__} instead of a number")
    try:
        number = float(part)
    except (OverflowError, ValueError):
        number = math.inf
    if math.isnan(number):
        raise NoFigureError("the number there is NaN")
    if abs(number) >= LIMIT:
        raise NoFigureError("the number there is infinite, or too large")
    if isinstance(part, int) and int(number) != part:
        raise NoFigureError("the integer there is too large to stay exact in double precision")
    return number


def missing_at(names: Sequence[str]) -> NoFigureError:
    """Return the error for a place that a value does not have."""
    pointer = "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)
    shown = pointer if len(pointer) <= _LONGEST_SHOWN else pointer[:_LONGEST_SHOWN] + "…"
    return NoFigureError(f"the value has no {shown}")


def _step(part: Any, name: str, above: Sequence[str]) -> Any:
    if isinstance(part, Mapping):
        if name in part:
            return part[name]
    elif isinstance(part, list):
        position = position_of(name)
        if position is not None and position < len(part):
            return part[position]
    raise missing_at((*above, name))
