"""What must be neither shown nor stored of the properties of entities.

Three say what is a secret: the storages, whose other parameters are known to be safe
(`domain.parameters`), the author, who marks properties under ``secrets``, and, for properties
that nobody has said anything about, their names and the URLs in them.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any

from scenarist.domain.environment import TYPED_ENV, resolve, variables_in
from scenarist.domain.errors import InvalidError
from scenarist.domain.parameters import HIDDEN, SHOWN, SHOWN_OPTIONS
from scenarist.domain.redaction import MASK, without_secrets
from scenarist.domain.secret_names import is_secret_name

MARKS = "secrets"
"""The property in which an author names those that are secret, at any depth."""

NOT_STORED = ("default_data",)
"""Properties that records do not have."""

OWN_VARIABLES = "SCENARIST_"
"""How the variables begin that hold what is no reference of the author's."""

Values = dict[str, str]
"""What environment variables hold, by name."""

_SHOWN = frozenset(chain.from_iterable(SHOWN.values()))
_HIDDEN = frozenset(chain.from_iterable(HIDDEN.values()))
_NOT_A_NAME = re.compile(r"\W", re.ASCII)
_PLAIN_WORD = re.compile(r"[a-z]{1,11}|[A-Z]{1,11}|\d{1,7}")
_FEW_DIGITS = re.compile(r"[-+.\d]{1,5}")


def referenced(
    owner: str,
    properties: Mapping[str, Any],
    *,
    besides: Collection[str] = (),
    marks: Collection[str] | None = None,
) -> tuple[dict[str, Any], Values]:
    """Put a reference to an environment variable in place of each secret of an entity.

    The database then holds the references, and a process that has the variables has the secrets,
    as with those that the author took from the environment.

    Args:
        owner: Begins the names of the variables, such as ``DATANODE_orders``.
        besides: Properties that are left as they are.
        marks: The names that the author has marked; those in the properties, if not given.

    Returns:
        The properties without the author's marks, and what the variables hold; references within
        it are not resolved yet.
    """
    values: Values = {}

    def keep(path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        if isinstance(value, str) and (not value or TYPED_ENV.fullmatch(value)):
            return value
        variable = _NOT_A_NAME.sub("_", OWN_VARIABLES + "_".join((owner, *path)))
        # Two names that differ in what a variable cannot have must not share one.
        while values.get(variable, str(value)) != str(value):
            variable += "_"
        values[variable] = str(value)
        suffix = "" if isinstance(value, str) else f":{type(value).__name__}"
        return f"ENV[{variable}]{suffix}"

    walk = _Walk(keep, marks_of(properties) if marks is None else marks)
    stored = {
        name: value if name in besides else walk.top(name, value)
        for name, value in properties.items()
        if name != MARKS
    }
    return stored, values


def masked(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as they may be shown: with ``***`` in place of secrets.

    Of URLs, the user and the secret parameters are masked. A bare reference to an environment
    variable is no secret, and neither is a switch.
    """
    walk = _Walk(_mask, marks_of(properties), keeps_rest=True)
    return {name: walk.top(name, value) for name, value in properties.items()}


def replacements(
    owner: str, properties: Mapping[str, Any], environment: Mapping[str, str]
) -> Values:
    """Return the texts of an entity's properties that no message may have, by what replaces them.

    That is ``***`` for what the author wrote, and the reference itself for what a variable of the
    author's holds. Variables that are not set are passed over. So are, as they would make messages
    unreadable and give nothing away: numbers of few digits, and plain words of parameters that
    are shown.

    Args:
        owner: See `referenced`.
    """
    stored, values = referenced(owner, properties, besides=NOT_STORED)
    found: Values = {}
    for text in values.values():
        with suppress(InvalidError):
            found[str(resolve(text, environment))] = MASK
    hidden = variables_in(list(values.values())) | _hidden_variables(properties)
    for name in sorted(variables_in(stored) - values.keys() | hidden):
        text = environment.get(name, "")
        if name in hidden or not _PLAIN_WORD.fullmatch(text):
            found[text] = f"ENV[{name}]"
    return {text: instead for text, instead in found.items() if not _FEW_DIGITS.fullmatch(text)}


def marks_of(properties: Mapping[str, Any]) -> frozenset[str]:
    """Return the names that an author has marked as those of secrets."""
    marks = properties.get(MARKS)
    if isinstance(marks, str):
        return frozenset({marks})
    return frozenset(map(str, marks)) if isinstance(marks, list | tuple) else frozenset()


def names_within(value: object) -> Iterator[str]:
    """Yield all names in properties, at any depth."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from names_within(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from names_within(item)


class _Walk:
    """Goes through properties and has something else put in the place of each secret.

    Args:
        replace: Gets where a value is, and the value.
        keeps_rest: Whether of a text with a secret within it the rest stays.
    """

    def __init__(
        self,
        replace: Callable[[tuple[str, ...], Any], Any],
        marks: Collection[str],
        *,
        keeps_rest: bool = False,
    ) -> None:
        self._replace = replace
        self._marks = marks
        self._keeps_rest = keeps_rest

    def top(self, name: str, value: Any) -> Any:
        """Return what stands for a property."""
        path = (str(name),)
        if name in self._marks:
            return self._hide(path, value)
        if name in _HIDDEN:
            options = SHOWN_OPTIONS.get(name)
            if options is None or not isinstance(value, Mapping):
                return self._hide(path, value)
            return {
                key: self._plain((*path, str(key)), item)
                if key in options and key not in self._marks
                else self._hide((*path, str(key)), item)
                for key, item in value.items()
            }
        if name not in _SHOWN and self._is_secret(name):
            return self._hide(path, value)
        return self._plain(path, value)

    def _is_secret(self, name: str) -> bool:
        return name in self._marks or is_secret_name(name)

    def _plain(self, path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: self._hide((*path, str(key)), item)
                if self._is_secret(str(key))
                else self._plain((*path, str(key)), item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._plain((*path, str(place)), item) for place, item in enumerate(value)]
        if not isinstance(value, str) or (shown := without_secrets(value)) == value:
            return value
        return shown if self._keeps_rest else self._replace(path, value)

    def _hide(self, path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._hide((*path, str(key)), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._hide((*path, str(place)), item) for place, item in enumerate(value)]
        return self._replace(path, value)


def _mask(path: tuple[str, ...], value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and TYPED_ENV.fullmatch(value):
        return value
    return MASK


def _hidden_variables(properties: Mapping[str, Any]) -> set[str]:
    """Return the variables to which the secrets among properties refer."""
    found: set[str] = set()

    def note(path: tuple[str, ...], value: Any) -> Any:
        found.update(variables_in(value))

    walk = _Walk(note, marks_of(properties))
    for name, value in properties.items():
        if name not in NOT_STORED:
            walk.top(name, value)
    return found
