"""Output of commands: lines and tables for people, JSON for programs.

Texts come from other users, by way of the server. Characters in them that would move the cursor of
the terminal, change its colours or reverse the order of text are shown as escapes.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from msgspec import Struct

    from scenarist.schemas import Job, Submission

T = TypeVar("T")

DEFAULT_ROWS = 100
"""The default number of rows of a table; JSON has all of them."""

_UNPRINTABLE = re.compile(r"[^\n\x20-\x7e]")


def escape_unprintable(text: object, *, keeping: str = "") -> str:
    """Return a text with an escape in place of each character that is not printable."""
    return "".join(
        character
        if character.isprintable() or character in keeping
        else character.encode("unicode_escape").decode()
        for character in str(text)
    )


def print_line(text: object) -> None:
    """Print one line."""
    print(escape_unprintable(text))


def print_to_stderr(text: object) -> None:
    """Print one line to standard error, so that standard output has only the result."""
    print(escape_unprintable(text), file=sys.stderr)


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return printable JSON, with JSON escapes for characters that are not printable."""
    import msgspec  # imported when needed: the help of commands does without

    is_ascii = "utf" not in (sys.stdout.encoding or "").lower()
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=is_ascii, indent=indent)
    return _UNPRINTABLE.sub(lambda found: _escape(found[0]), text)


def print_json(value: object) -> None:
    print(to_json(value))


def print_result(result: object, line: object, *, as_json: bool | None) -> None:
    """Print the result of a command: one line for people, or JSON."""
    if as_json:
        print_json(result)
    else:
        print_line(line)


def print_cancelled(entity: "Job | Submission", *, as_json: bool | None) -> None:
    is_done = entity.status == "CANCELED"
    outcome = "cancelled" if is_done else "asked to stop, and is still running"
    line = f"{type(entity).__name__} {entity.id} was {outcome}."
    print_result(entity, line, as_json=as_json)


def print_rows(
    items: Iterable[T],
    columns: Mapping[str, Callable[[T], object]],
    *,
    as_json: bool | None,
    limit: int | None,
) -> None:
    """Print a list as a table, or as a JSON array with one item per line.

    Args:
        columns: The cells of a row, by the name of the column.
        limit: The maximum number of items.
    """
    if as_json:
        separator = "["
        for item in islice(items, limit):
            print(f"{separator}\n{to_json(item)}", end="")
            separator = ","
        print("[]" if separator == "[" else "\n]")
        return
    most = limit or DEFAULT_ROWS
    found = list(islice(items, most + 1))
    rows = [[_format_cell(cell(item)) for cell in columns.values()] for item in found[:most]]
    print_table([name.upper() for name in columns], rows)
    if len(found) > most and limit is None:
        print_to_stderr(f"There are more than these {most}; use --limit to list more.")


def print_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def print_fields(fields: Mapping[str, object]) -> None:
    """Print the fields of one object, one per line."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        print(f"{name.ljust(width)}  {_format_cell(value)}")


def print_entity(entity: "Struct", *, as_json: bool | None) -> None:
    from msgspec.structs import asdict

    if as_json:
        print_json(entity)
    else:
        print_fields(asdict(entity))


def _format_cell(value: object) -> str:
    import msgspec

    if value is None or value is msgspec.UNSET:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return escape_unprintable(", ".join(value)) or "-"
    if isinstance(value, (dict, list, msgspec.Struct)):
        return to_json(value)
    return escape_unprintable(value)


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
