"""Parsing of declared values: type suffixes, and references to the environment."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from scenarist.config.functions import parse_function_name
from scenarist.domain import environment
from scenarist.domain.errors import InvalidError
from scenarist.domain.vocabulary import Frequency, Scope

MemberT = TypeVar("MemberT", bound=StrEnum)

_DURATION = re.compile(
    r"(?=-?[\d.])(-)?(?:([\d.]+)d *)?(?:([\d.]+)h *)?(?:([\d.]+)m *)?(?:([\d.]+)s)?",
    re.ASCII | re.IGNORECASE,
)
_SUFFIXED = re.compile(
    r"(.*):(bool|int|float|str|datetime|timedelta|function|class|SCOPE|FREQUENCY|SECTION)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to another entry by id, written ``"id:SECTION"`` in a file."""

    id: str


def resolve(value: Any) -> Any:
    """Replace references to environment variables by their values in this process.

    Raises:
        InvalidError: A variable is not set, or its value does not have the requested type.
    """
    return environment.resolve(value, os.environ)


def iter_environment_faults(value: object) -> Iterator[str]:
    """Yield a message for each invalid reference to the environment inside a value."""
    match value:
        case str():
            try:
                resolve(value)
            except InvalidError as error:
                yield error.message
        case list():
            for item in value:
                yield from iter_environment_faults(item)
        case dict():
            for item in value.values():
                yield from iter_environment_faults(item)


def is_environment_reference(value: object) -> bool:
    return isinstance(value, str) and environment.TYPED_ENV.fullmatch(value) is not None


def parse_value(value: Any) -> Any:
    """Convert a value of a TOML file according to its type suffixes.

    References to the environment are kept: they are resolved where they are used.

    Raises:
        InvalidError: A text does not match its suffix.
    """
    match value:
        case str():
            return _parse_text(value)
        case list():
            return [parse_value(item) for item in value]
        case dict():
            return {key: parse_value(item) for key, item in value.items()}
        case _:
            return value


def escape_text(text: str) -> str:
    """Escape a text so that `parse_value` returns it unchanged."""
    if is_environment_reference(text) or not _SUFFIXED.fullmatch(text):
        return text
    return f"{text}:str"


def as_duration(value: object) -> timedelta:
    """Parse a duration: a timedelta, or text such as ``1d2h3m4s``."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise InvalidError(
            f"{value!r} is not a duration; write '1d2h3m4s:timedelta' in a file, "
            "or a datetime.timedelta in Python"
        )
    match = _DURATION.fullmatch(value.strip())
    sign, *parts = match.groups() if match else ("",)
    try:
        days, hours, minutes, seconds = (Decimal(part or 0) for part in parts)
        total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        duration = timedelta(microseconds=int(total * 1_000_000))
    except (ArithmeticError, ValueError):
        raise InvalidError(f"{value!r} is not a duration; write it as '1d2h3m4s'") from None
    return -duration if sign else duration


def format_duration(duration: timedelta) -> str:
    """Format a duration so that `as_duration` parses it back."""
    sign, duration = ("-", -duration) if duration < timedelta() else ("", duration)
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{duration.microseconds:06d}" if duration.microseconds else ""
    return f"{sign}{duration.days}d{hours}h{minutes}m{seconds}{fraction}s"


def as_scope(value: object) -> Scope:
    """Parse a scope: a member, ``CYCLE`` or ``Scope.CYCLE``."""
    return _as_member(Scope, value)


def as_frequency(value: object) -> Frequency:
    """Parse a frequency: a member, ``DAILY`` or ``Frequency.DAILY``."""
    return _as_member(Frequency, value)


def as_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidError(f"{value!r} is not true or false; write true or false, or 'True:bool'")


def as_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidError(f"{value!r} is not an integer; write 3, or '3:int'")


def as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise InvalidError(f"{value!r} is not text; put it in quotes")


def _as_member(members: type[MemberT], value: object) -> MemberT:
    name = str(value).removeprefix(f"{members.__name__}.").upper()
    if isinstance(value, str) and name in members.__members__:
        return members[name]
    known = ", ".join(members)
    raise InvalidError(f"{value!r} is not a {members.__name__.lower()}; use one of {known}")


_PARSERS: dict[str, Callable[[str], Any]] = {
    "bool": environment.parse_bool,
    "int": int,
    "float": float,
    "str": str,
    "datetime": datetime.fromisoformat,
    "timedelta": as_duration,
    "function": parse_function_name,
    "class": parse_function_name,
    "SCOPE": as_scope,
    "FREQUENCY": as_frequency,
    "SECTION": Reference,
}


def _parse_text(text: str) -> Any:
    match = _SUFFIXED.fullmatch(text)
    if match is None or is_environment_reference(text):
        return text
    plain, suffix = match.groups()
    try:
        return _PARSERS[suffix](plain)
    except ValueError:
        raise InvalidError(
            f"{plain!r} is not a valid {suffix}; correct it, or write '{text}:str' for plain text"
        ) from None
