"""Secrets among the properties of entities, which are neither shown nor stored.

What is secret is determined by the storages, which list their safe parameters
(`domain.parameters`); by the author, who lists properties under ``secrets``; and, for all other
properties, by their names and by the URLs in them.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any

from scenarist.domain.environment import TYPED_ENV, find_variables, resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.parameters import HIDDEN_PARAMETERS, SHOWN_OPTIONS, SHOWN_PARAMETERS
from scenarist.domain.redaction import MASK, mask_secrets
from scenarist.domain.secret_names import is_secret_name

SECRETS_KEY = "secrets"
"""The property in which an author lists the names of secret properties, at any depth."""

UNSTORED_PROPERTIES = ("default_data", "schema", "schema_type")
"""Properties that are not stored in records."""

VARIABLE_PREFIX = "SCENARIST_"
"""Prefix of the variables that the server sets for secrets given in clear text."""

VariableValues = dict[str, str]
"""Values of environment variables by name."""

_SHOWN = frozenset(chain.from_iterable(SHOWN_PARAMETERS.values()))
_HIDDEN = frozenset(chain.from_iterable(HIDDEN_PARAMETERS.values()))
_NOT_A_NAME = re.compile(r"\W", re.ASCII)
_PLAIN_WORD = re.compile(r"[a-z]{1,11}|[A-Z]{1,11}|\d{1,7}")
_FEW_DIGITS = re.compile(r"[-+.\d]{1,5}")


def extract_secrets(
    owner: str,
    properties: Mapping[str, Any],
    *,
    besides: Collection[str] = (),
    declared: Collection[str] | None = None,
) -> tuple[dict[str, Any], VariableValues]:
    """Replace each secret of an entity by a reference to an environment variable.

    The database stores the references, and only a process that has the variables has the secrets,
    as with references that the author wrote.

    Args:
        owner: The prefix of the variables' names, such as ``DATANODE_orders``.
        besides: Properties that are not changed.
        declared: The names that the author declared secret; by default those in the properties.

    Returns:
        The properties without the author's list of secrets, and the values of the variables,
        with unresolved references.
    """
    values: VariableValues = {}

    def keep(path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        if isinstance(value, str) and (not value or TYPED_ENV.fullmatch(value)):
            return value
        variable = _NOT_A_NAME.sub("_", VARIABLE_PREFIX + "_".join((owner, *path)))
        # Names that differ only in characters that variables cannot have must not share one.
        while values.get(variable, str(value)) != str(value):
            variable += "_"
        values[variable] = str(value)
        suffix = "" if isinstance(value, str) else f":{type(value).__name__}"
        return f"ENV[{variable}]{suffix}"

    walk = _SecretReplacer(keep, get_declared_secrets(properties) if declared is None else declared)
    stored = {
        name: value if name in besides else walk.replace_in(name, value)
        for name, value in properties.items()
        if name != SECRETS_KEY
    }
    return stored, values


def mask_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties for display: with ``***`` in place of secrets.

    In URLs, the user info and secret parameters are masked. A bare reference to an environment
    variable is not a secret, and neither is a boolean.
    """
    if not properties:
        return {}
    walk = _SecretReplacer(_mask, get_declared_secrets(properties), keeps_rest=True)
    return {name: walk.replace_in(name, value) for name, value in properties.items()}


def find_replacements(
    owner: str, properties: Mapping[str, Any], environment: Mapping[str, str]
) -> VariableValues:
    """Return the texts in an entity's properties that no message may contain, with replacements.

    The replacement is ``***`` for what the author wrote, and the reference for the value of a
    variable that the author refers to. Variables that are not set are ignored, and so are numbers
    of few digits and plain words of parameters that are shown: replacing them would make messages
    unreadable, and they reveal nothing.

    Args:
        owner: See `extract_secrets`.
    """
    stored, values = extract_secrets(owner, properties, besides=UNSTORED_PROPERTIES)
    found: VariableValues = {}
    for text in values.values():
        with suppress(InvalidError):
            found[str(resolve(text, environment))] = MASK
    hidden = find_variables(list(values.values())) | _find_hidden_variables(properties)
    for name in sorted(find_variables(stored) - values.keys() | hidden):
        text = environment.get(name, "")
        if name in hidden or not _PLAIN_WORD.fullmatch(text):
            found[text] = f"ENV[{name}]"
    return {text: instead for text, instead in found.items() if not _FEW_DIGITS.fullmatch(text)}


def get_declared_secrets(properties: Mapping[str, Any]) -> frozenset[str]:
    """Return the names that an author has declared secret."""
    declared = properties.get(SECRETS_KEY)
    if isinstance(declared, str):
        return frozenset({declared})
    return frozenset(map(str, declared)) if isinstance(declared, list | tuple) else frozenset()


def iter_names(value: object) -> Iterator[str]:
    """Yield all names in properties, at any depth."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from iter_names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from iter_names(item)


class _SecretReplacer:
    """Traversal of properties that replaces each secret.

    Args:
        replace: Called with the path of a value and the value; returns the replacement.
        keeps_rest: Whether to mask only the secret parts of a text that contains secrets.
    """

    def __init__(
        self,
        replace: Callable[[tuple[str, ...], Any], Any],
        declared: Collection[str],
        *,
        keeps_rest: bool = False,
    ) -> None:
        self._replace = replace
        self._declared = declared
        self._keeps_rest = keeps_rest

    def replace_in(self, name: str, value: Any) -> Any:
        """Return a top-level property with its secrets replaced."""
        path = (str(name),)
        if name in self._declared:
            return self._replace_all(path, value)
        if name in _HIDDEN:
            options = SHOWN_OPTIONS.get(name)
            if options is None or not isinstance(value, Mapping):
                return self._replace_all(path, value)
            return {
                key: self._replace_nested((*path, str(key)), item)
                if key in options and key not in self._declared
                else self._replace_all((*path, str(key)), item)
                for key, item in value.items()
            }
        if name not in _SHOWN and self._is_secret(name):
            return self._replace_all(path, value)
        return self._replace_nested(path, value)

    def _is_secret(self, name: str) -> bool:
        return name in self._declared or is_secret_name(name)

    def _replace_nested(self, path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: self._replace_all((*path, str(key)), item)
                if self._is_secret(str(key))
                else self._replace_nested((*path, str(key)), item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [
                self._replace_nested((*path, str(position)), item)
                for position, item in enumerate(value)
            ]
        if not isinstance(value, str) or (shown := mask_secrets(value)) == value:
            return value
        return shown if self._keeps_rest else self._replace(path, value)

    def _replace_all(self, path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._replace_all((*path, str(key)), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [
                self._replace_all((*path, str(position)), item)
                for position, item in enumerate(value)
            ]
        return self._replace(path, value)


def _mask(path: tuple[str, ...], value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and TYPED_ENV.fullmatch(value):
        return value
    return MASK


def _find_hidden_variables(properties: Mapping[str, Any]) -> set[str]:
    """Return the variables that the secret properties refer to."""
    found: set[str] = set()

    def note(path: tuple[str, ...], value: Any) -> Any:
        found.update(find_variables(value))

    walk = _SecretReplacer(note, get_declared_secrets(properties))
    for name, value in properties.items():
        if name not in UNSTORED_PROPERTIES:
            walk.replace_in(name, value)
    return found
