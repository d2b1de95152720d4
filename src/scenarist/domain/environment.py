"""References to environment variables in declared values: ``ENV[NAME]``, ``ENV[NAME]:int``."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from scenarist.domain.errors import InvalidError

ENV = re.compile(r"ENV\[([A-Za-z_]\w*)\]")
TYPED_ENV = re.compile(ENV.pattern + r"(?::(bool|int|float|str))?")

_TRUE = {"true", "t", "yes", "y", "on", "1"}
_FALSE = {"false", "f", "no", "n", "off", "0"}


def parse_bool(text: str) -> bool:
    """Parse a boolean: true, t, yes, y, on, 1 or false, f, no, n, off, 0, in any case.

    Raises:
        ValueError: The text is none of these.
    """
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither true nor false")
    return word in _TRUE


_PARSERS: dict[str, Callable[[str], Any]] = {
    "bool": parse_bool,
    "int": int,
    "float": float,
    "str": str,
}


def resolve(value: Any, environment: Mapping[str, str]) -> Any:
    """Replace each ``ENV[NAME]`` in a text, a list or a mapping by the variable's value.

    A text that consists of one reference takes the type of its suffix (``:int``, ``:bool``,
    ``:float``, ``:str``); a reference inside a longer text is replaced as text.

    Raises:
        InvalidError: A variable is not set, or its value does not have the requested type.
    """
    match value:
        case str():
            return _resolve_text(value, environment) if "ENV[" in value else value
        case list() | dict() if type(value) not in (list, dict) and not find_variables(value):
            # Keep subclasses such as a Counter in default_data.
            return value
        case list():
            return [resolve(item, environment) for item in value]
        case dict():
            return {key: resolve(item, environment) for key, item in value.items()}
        case _:
            return value


def find_variables(value: Any) -> set[str]:
    """Return the names of the variables that a text, a list or a mapping refers to."""
    match value:
        case str():
            return set(ENV.findall(value)) if "ENV[" in value else set()
        case list() | tuple():
            return set().union(*map(find_variables, value))
        case dict():
            return set().union(*map(find_variables, value.values()))
        case _:
            return set()


def _resolve_text(text: str, environment: Mapping[str, str]) -> Any:
    match = TYPED_ENV.fullmatch(text)
    if match is None:
        return ENV.sub(lambda found: _get_variable(found[1], environment), text)
    name, suffix = match.groups()
    value = _get_variable(name, environment)
    try:
        return _PARSERS[suffix or "str"](value)
    except ValueError:
        # The value may be a secret, so it is not shown.
        raise InvalidError(
            f"the value of the environment variable {name} is not of type {suffix}"
        ) from None


def _get_variable(name: str, environment: Mapping[str, str]) -> str:
    try:
        return environment[name]
    except KeyError:
        raise InvalidError(
            f"the environment variable {name} is not set; set it before the start"
        ) from None
