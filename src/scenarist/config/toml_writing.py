"""Writing of declarations to a TOML file that loads back to the same entries."""

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from scenarist.config.declarations import Declarations
from scenarist.config.entries import (
    Entry,
    UniqueSection,
    find_known_keys,
)
from scenarist.config.keys import PROPERTIES, SECTION_KEYS
from scenarist.config.names import FunctionName
from scenarist.config.outcomes import Outcome
from scenarist.config.values import Reference, escape_text, format_duration, resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.secrets import UNSTORED_PROPERTIES, extract_secrets
from scenarist.domain.vocabulary import Frequency, Scope

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MAY_BE_SECRET = ("server", "secret_key", "passwords")
"""Fields of the section AUTHENTICATION that may contain secrets."""


def write_file(declarations: Declarations, file: str) -> None:
    """Write the declarations as TOML.

    Raises:
        InvalidError: TOML cannot represent a value, or the file cannot be written.
    """
    content = to_toml(declarations).encode()
    try:
        Path(file).write_bytes(content)
    except OSError as error:
        raise InvalidError(f"{file}: cannot be written: {error.strerror}") from error


def to_toml(declarations: Declarations) -> str:
    """Return the text of the file.

    Raises:
        InvalidError: TOML cannot represent a value. The message names its entry and key.
    """
    tables: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [
        (
            ("TAIPY",),
            _group_custom_properties(
                {}, _extract_secrets("TAIPY", declarations.global_app), SECTION_KEYS["TAIPY"]
            ),
        ),
        (("SCENARIST",), _extract_secrets("SETTING", declarations.settings)),
        (("CORE",), _collect_values(declarations.core, SECTION_KEYS["CORE"], "CORE")),
        (("JOB",), _collect_values(declarations.jobs, SECTION_KEYS["JOB"], "JOB")),
        (
            ("AUTHENTICATION",),
            _collect_values(
                declarations.authentication, SECTION_KEYS["AUTHENTICATION"], "AUTHENTICATION"
            ),
        ),
    ]
    tables = [(path, values) for path, values in tables if values]
    for entries in (declarations.data_nodes, declarations.tasks, declarations.scenarios):
        for entry in entries.values():
            owner = f"{entry.family.replace('_', '')}_{entry.id}"
            tables.append(
                ((entry.family, entry.id), _collect_values(entry, find_known_keys(entry), owner))
            )
    return "\n".join("\n".join(_iter_lines(path, values)) + "\n" for path, values in tables)


def _collect_values(declared: Any, keys: Collection[str], owner: str) -> dict[str, Any]:
    """Return the declared values under the keys of a file, without empty ones."""
    empty: tuple[Any, ...] = (None, "", (), [], {}) if isinstance(declared, Entry) else (None,)
    blank = type(declared)() if isinstance(declared, UniqueSection) else None
    values = {}
    for name in (item.name for item in fields(declared)):
        value = getattr(declared, name)
        is_assumed = blank is not None and value == getattr(blank, name)
        if name in {"id", "declarations", "properties"} or is_assumed or value in empty:
            continue
        values[name] = _to_references(value)
    given = {name: values[name] for name in _MAY_BE_SECRET if name in values}
    values |= _extract_secrets(owner, given)
    return _group_custom_properties(values, _extract_secrets(owner, declared.properties), keys)


def _extract_secrets(owner: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties with each secret replaced by a reference to a variable.

    The variables are set in this process, so that it can load the file.
    """
    stored, values = extract_secrets(owner, properties, besides=UNSTORED_PROPERTIES)
    for name, value in values.items():
        # Leave it unset if a variable cannot hold the value, or if that refers to an unset one.
        os.environ.pop(name, None)
        with suppress(InvalidError, ValueError):
            os.environ[name] = resolve(value)
    return {name: stored.get(name, properties[name]) for name in properties}


def _group_custom_properties(
    values: dict[str, Any], properties: Mapping[str, Any], keys: Collection[str]
) -> dict[str, Any]:
    """Move properties with unknown keys to the table of custom properties."""
    known = {key: value for key, value in properties.items() if key in keys}
    own = {key: value for key, value in properties.items() if key not in keys}
    return {**values, **known, **({PROPERTIES: own} if own else {})}


def _to_references(value: object) -> Any:
    match value:
        case Entry():
            return Reference(value.id)
        case Outcome():
            given = {item.name: getattr(value, item.name) for item in fields(value)}
            return {key: _to_references(item) for key, item in given.items() if item is not None}
        case list() | tuple():
            return [_to_references(item) for item in value]
        case dict():
            return {key: _to_references(item) for key, item in value.items()}
        case _:
            return value


def _iter_lines(path: tuple[str, ...], values: Mapping[str, Any]) -> Iterator[str]:
    entry_name = ".".join(map(str, path))
    yield f"[{'.'.join(map(_format_key, path))}]"
    tables: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        try:
            if type(value) is dict and value:
                tables[_require_text(key)] = value
            else:
                yield f"{_format_key(key)} = {_format_value(value)}"
        except InvalidError as error:
            raise InvalidError(f"{entry_name}.{key} cannot be exported: {error.message}") from None
    for name, table in tables.items():
        yield ""
        yield from _iter_lines((*path, name), table)


# Exact types only: a subclass (a numpy number, an enumeration) would not be restored on load.
def _format_value(value: object) -> str:
    if isinstance(value, Reference):
        return _quote(f"{value.id}:SECTION")
    if isinstance(value, Scope | Frequency):
        return _quote(f"{value}:{type(value).__name__.upper()}")
    if type(value) is list:
        return f"[{', '.join(map(_format_value, value))}]"
    if type(value) is dict:
        items = (f"{_format_key(key)} = {_format_value(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    return _format_scalar(value)


def _format_scalar(value: object) -> str:
    kind = type(value)
    if isinstance(value, str) and kind in (str, FunctionName):
        return _quote(escape_text(value))
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float or kind is date:
        return str(value)
    if isinstance(value, timedelta) and kind is timedelta:
        return _quote(f"{format_duration(value)}:timedelta")
    if isinstance(value, datetime) and kind is datetime:
        return _quote(f"{value.isoformat()}:datetime")
    if isinstance(value, time) and kind is time and value.tzinfo is None:
        return value.isoformat()
    raise InvalidError(
        f"TOML cannot represent a value of type {kind.__name__}; declare it in Python, or store it "
        "in a file that default_path names"
    )


def _format_key(key: object) -> str:
    text = _require_text(key)
    return text if _BARE_KEY.fullmatch(text) else _quote(text)


def _require_text(key: object) -> str:
    if type(key) is not str:
        raise InvalidError(f"keys must be text in TOML, not {key!r}")
    return key


def _quote(text: str) -> str:
    # JSON does not escape U+007F, which TOML does not allow.
    quoted = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    try:
        quoted.encode()
    except UnicodeEncodeError:
        raise InvalidError(f"{text!r} is not valid Unicode text") from None
    return quoted
