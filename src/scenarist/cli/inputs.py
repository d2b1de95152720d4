"""Options that give values by name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

from cyclopts import Parameter

from scenarist.cli.options import Text
from scenarist.domain.errors import InvalidError


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class InputFlags:
    """Values of inputs.

    Args:
        input: NAME=VALUE, the value of an input; a value that is not JSON is text. Can be repeated.
        inputs: A JSON file with an object of values by name; --input takes precedence.
    """

    input: Annotated[list[str] | None, Parameter(show_default=False, negative="")] = None
    inputs: Text = None


NO_INPUTS = InputFlags()


def read_inputs(flags: InputFlags) -> dict[str, Any]:
    """Return the values of the options, by name.

    Raises:
        InvalidError: An option has no name or no value, a name is given twice, or the file is not
            a JSON object.
    """
    found = {} if flags.inputs is None else _read_file(flags.inputs)
    return {**found, **read_pairs(flags.input, "--input")}


def read_pairs(texts: Sequence[str] | None, option: str) -> dict[str, Any]:
    """Return the values of an option that is given as NAME=VALUE, by name.

    A value that is not JSON is text.

    Raises:
        InvalidError: The option has no name or no value, or a name is given twice.
    """
    return _join([_parse_pair(text, option) for text in texts or ()], option)


def _parse_pair(text: str, option: str) -> tuple[str, Any]:
    name, is_given, value = text.partition("=")
    if not name or not is_given:
        raise InvalidError(f"{option} {text}: write it as NAME=VALUE")
    try:
        return name, json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return name, value


def _read_file(file: str) -> dict[str, Any]:
    try:
        text = Path(file).read_bytes()
    except OSError as error:
        raise InvalidError(f"{file} cannot be read: {error.strerror or error}") from error
    try:
        found = json.loads(
            text,
            parse_constant=_refuse_constant,
            object_pairs_hook=lambda pairs: _join(pairs, file),
        )
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"{file} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidError(f"{file} is not a JSON object of values by name")
    return found


def _join(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidError(f"{where}: {twice} is given more than once; give it once")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
