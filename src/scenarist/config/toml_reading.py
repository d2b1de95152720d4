"""Reading of declarations from a TOML file."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from scenarist.config.declarations import DEFAULT_ID, Declarations
from scenarist.config.drafts import ConfigProblem, InvalidValue
from scenarist.config.keys import PIPELINES_INSTEAD, PROPERTIES
from scenarist.config.values import parse_value
from scenarist.domain.errors import InvalidError

_FAMILIES = ("DATA_NODE", "TASK", "SCENARIO")  # in the order in which they refer to one another
_SECTIONS = ("TAIPY", "CORE", "JOB", "AUTHENTICATION", "SCENARIST")
_IGNORED_SECTIONS = ("GUI", "MIGRATION", "VERSION_MIGRATION")
"""Sections of Taipy that concern its pages, and its own records."""

_POSITION = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)


def declare_file(declarations: Declarations, file: str, *, over: bool = False) -> None:
    """Declare the contents of a file; keep existing declarations that it does not contain.

    An invalid value becomes a fault of the declarations, and the rest is declared.

    Args:
        over: Whether its values override later declarations too. Other sequences and comparators
            of a scenario are kept then.

    Raises:
        InvalidError: The file cannot be read or is not TOML. Nothing was declared.
    """
    document = read_file(file)
    _declare_sections(declarations, document, file, over=over)
    for family in _FAMILIES:
        entries = _get_tables(declarations, document, family, file)
        # The default comes first, because it supplies what the other entries omit.
        for id, table in sorted(entries, key=lambda entry: entry[0] != DEFAULT_ID):
            given = dict(_read_table(table))
            if over:
                declarations.overriding.add(f"{family}.{id}", given)
            if family == "DATA_NODE":
                declarations.declare_data_node(id, given, file)
            elif family == "TASK":
                declarations.declare_task(id, given, file)
            else:
                declarations.declare_scenario(id, given, file, over=over)
    sections = (*_SECTIONS, *_FAMILIES)
    known = ", ".join(f"[{name}]" for name in sections)
    for name in document:
        if name not in sections and name.upper() not in _IGNORED_SECTIONS:
            near = get_close_matches(name.upper(), sections, n=1)
            hint = f"did you mean [{near[0]}]?" if near else f"the sections are {known}"
            hint = PIPELINES_INSTEAD if name.upper() == "PIPELINE" else hint
            _add_fault(declarations, file, name, f"unknown section; {hint}")


def read_file(file: str) -> dict[str, Any]:
    """Return the contents of a TOML file, with unresolved type suffixes.

    Raises:
        InvalidError: It cannot be read or is not TOML. The message names line and column.
    """
    try:
        text = Path(file).read_bytes().decode()
    except OSError as error:
        raise InvalidError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidError(
            f"{file}: is not valid UTF-8 at byte {error.start}; save it as UTF-8"
        ) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"{file}:{_locate_error(error, text)}") from None


def _declare_sections(
    declarations: Declarations, document: Mapping[str, Any], file: str, *, over: bool
) -> None:
    for name in _SECTIONS:
        table = document.get(name, {})
        if not isinstance(table, dict):
            _add_fault(declarations, file, name, f"is a value; write a table [{name}]")
        elif given := dict(_read_table(table)):
            if over:
                declarations.overriding.add(name, given)
            _declare_section(declarations, name, given, file)


def _declare_section(
    declarations: Declarations, name: str, given: Mapping[str, Any], file: str
) -> None:
    match name:
        case "JOB":
            declarations.jobs = declarations.declare_section(name, declarations.jobs, given, file)
        case "CORE":
            declarations.core = declarations.declare_section(name, declarations.core, given, file)
        case "AUTHENTICATION":
            declarations.authentication = declarations.declare_section(
                name, declarations.authentication, given, file
            )
        case "TAIPY":
            declarations.global_app = declarations.declare_table(
                name, declarations.global_app, given, file
            )
        case _:
            declarations.settings = declarations.declare_table(
                name, declarations.settings, given, file, known=given
            )


def _get_tables(
    declarations: Declarations, document: Mapping[str, Any], family: str, file: str
) -> list[tuple[str, Mapping[str, Any]]]:
    tables = document.get(family, {})
    if not isinstance(tables, dict):
        _add_fault(declarations, file, family, f"is a value; write tables such as [{family}.sales]")
        return []
    found: list[tuple[str, Mapping[str, Any]]] = []
    for id, table in tables.items():
        if isinstance(table, dict):
            found.append((id, table))
        else:
            message = f"is a value outside of any entry; move it to [{family}.{DEFAULT_ID}]"
            _add_fault(declarations, file, f"{family}.{id}", message)
    return found


def _read_table(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if key in {"sequences", "comparators", "outcomes", PROPERTIES} and isinstance(value, dict):
            yield key, {name: _read_or_mark_invalid(item) for name, item in value.items()}
        else:
            yield key, _read_or_mark_invalid(value)


def _read_or_mark_invalid(value: Any) -> Any:
    try:
        return parse_value(value)
    except InvalidError as error:
        return InvalidValue(error.message)


def _add_fault(declarations: Declarations, file: str, entry_name: str, message: str) -> None:
    declarations.faults[entry_name, ""] = ConfigProblem(f"{file}: {entry_name}", message)


def _locate_error(error: tomllib.TOMLDecodeError, text: str) -> str:
    match = _POSITION.fullmatch(str(error))
    if match:
        return f"{match[2]}:{match[3]}: {match[1]}"
    lines = text.split("\n")
    message = str(error).removesuffix(" (at end of document)")
    return f"{len(lines)}:{len(lines[-1]) + 1}: {message}"
