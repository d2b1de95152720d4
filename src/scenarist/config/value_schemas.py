"""Schemas of values: made from Python types, checked, and compared with values (JSON Schema)."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from types import FunctionType
from typing import Any

import msgspec

from scenarist.config.schema_bounds import SchemaBoundsError, check_bounds
from scenarist.config.type_names import encode_type
from scenarist.domain.errors import InvalidError
from scenarist.domain.faults import ValueFault, ValuePath, format_pointer

SCHEMA = "schema"
"""The property of a data node that has its JSON Schema."""

SCHEMA_TYPE = "schema_type"
"""The property of a data node that names the type in which functions get its value."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"

UNNAMED = "unnamed"
"""Stands for a type that workers cannot import, so that functions get plain data."""

MOST_FAULTS = 100
"""How many faults of one value are reported at most."""

_LARGEST_SCHEMA = 256 * 1024
_MANY_PARTS = 100_000
"""Parts of a value above which only its first fault is looked for: all of them may take long."""

_LONGEST_MESSAGE = 300


def describe_type(declared: Any) -> dict[str, Any]:
    """Return the properties of a data node whose schema is given as a type or a table.

    Raises:
        InvalidError: Neither msgspec nor pydantic can describe the type.
    """
    if isinstance(declared, Mapping):
        return {SCHEMA: dict(declared), SCHEMA_TYPE: ""}
    library, schema = _make_schema(declared)
    name = encode_type(declared, library)
    return {SCHEMA: _without_null_defaults(schema), SCHEMA_TYPE: name or UNNAMED}


def find_type_name(properties: Mapping[str, Any]) -> str | None:
    """Return the name of the type in which functions get the value of a data node, if any."""
    name = properties.get(SCHEMA_TYPE)
    return None if name == UNNAMED else name


def _make_schema(declared: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(declared, str | bytes | list | tuple | int | float | FunctionType):
        raise InvalidError(
            f"{declared!r} is not a type or a table; give a type such as float or list[Row], or a "
            "JSON Schema as a dict (in a file, as a table)"
        )
    try:
        return "msgspec", msgspec.json.schema(declared)
    except (TypeError, NameError, RecursionError) as error:
        reason = " ".join(str(error).rpartition("\n\n")[2].split())
    adapter = _find_pydantic_adapter()
    if adapter is None:
        raise InvalidError(f"{declared!r} cannot be described: {reason}")
    try:
        schema: dict[str, Any] = adapter(declared).json_schema()
    except Exception as error:
        raise InvalidError(f"{declared!r} cannot be described: {reason}") from error
    return "pydantic", schema


@cache
def _find_pydantic_adapter() -> Any:
    try:
        return importlib.import_module("pydantic").TypeAdapter
    except ImportError:
        return None


def _without_null_defaults(schema: Any) -> Any:
    """Return a schema without defaults that are null, which no file could hold."""
    if isinstance(schema, Mapping):
        return {
            key: _without_null_defaults(item)
            for key, item in schema.items()
            if not (key == "default" and item is None)
        }
    return [_without_null_defaults(item) for item in schema] if isinstance(schema, list) else schema


def find_schema_fault(schema: object) -> str | None:
    """Return why a value is not a JSON Schema that can be used; None if it is one."""
    try:
        ValueSchema(schema)
    except InvalidError as error:
        return error.message
    return None


class ValueSchema:
    """A JSON Schema (2020-12) that values are compared with, without running code of users.

    Patterns are matched in linear time, and `check_bounds` limits the rest.

    Raises:
        InvalidError: It is not a schema, or one that might take very long; says why.
    """

    def __init__(self, schema: object) -> None:
        if not isinstance(schema, Mapping):
            raise InvalidError(
                f"{schema!r} is not a JSON Schema; give a type, or a schema as a table"
            )
        dialect = schema.get("$schema", DIALECT)
        if dialect not in (DIALECT, f"{DIALECT}#"):
            raise InvalidError(f"$schema is {dialect!r}; only {DIALECT} is supported")
        try:
            text = msgspec.json.encode(schema)
            plain = msgspec.json.decode(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidError(f"the schema is not JSON: {error}") from error
        if len(text) > _LARGEST_SCHEMA:
            raise InvalidError(f"the schema has more than {_LARGEST_SCHEMA} bytes")
        try:
            check_bounds(plain)
            library = _import_library()
            self._validator = library.Draft202012Validator(
                plain, validate_formats=True, pattern_options=library.RegexOptions()
            )
        except (SchemaBoundsError, RecursionError) as error:
            raise InvalidError(f"the schema cannot be used: {error}") from error
        except ValueError as error:  # jsonschema_rs.ValidationError, and errors of references
            raise InvalidError(f"the schema is not a JSON Schema: {_explain(error)}") from error

    def find_faults(self, data: object) -> list[ValueFault]:
        """Return where JSON data does not fit: at most `MOST_FAULTS`, of a large value the first.

        Data that is nested too deeply does not fit either.
        """
        try:
            if self._validator.is_valid(data):
                return []
            most = MOST_FAULTS if _count_parts(data) <= _MANY_PARTS else 1
            return list(islice(self._iter_faults(data, most), most))
        except (ValueError, RecursionError) as error:
            return [ValueFault((), f"cannot be compared with the schema: {_shorten(str(error))}")]

    def _iter_faults(self, data: object, most: int) -> Iterator[ValueFault]:
        errors = self._find_first(data) if most == 1 else self._validator.iter_errors(data)
        found = list(islice(errors, most))
        paths = [_locate(data, error.instance_path) for error in found]
        if None in paths:
            yield from self._iter_evaluated(data)
            return
        for error, path in zip(found, paths, strict=True):
            yield ValueFault(path or (), _shorten(error.message))

    def _find_first(self, data: object) -> Iterator[Any]:
        try:
            self._validator.validate(data)
        except _import_library().ValidationError as error:
            yield error

    def _iter_evaluated(self, data: object) -> Iterator[ValueFault]:
        """Yield faults as an evaluation has them: with exact paths, and more of them."""
        for error in self._validator.evaluate(data).errors():
            path = _parse_pointer(data, error["instanceLocation"])
            yield ValueFault(path, _shorten(error["error"]))


def _locate(data: Any, steps: Sequence[str | int]) -> ValuePath | None:
    """Return the path of a fault within data; None if the steps do not say.

    The library gives the name ``"007"`` as 7, and leaves out empty names.
    """
    path: list[str | int] = []
    part = data
    for step in steps:
        found = [step]
        if isinstance(part, dict):
            names = [name for name in part if _is_number(name) and int(name) == step]
            found = [str(step)] if isinstance(step, str) else list(names)
        if len(found) != 1 or (isinstance(part, dict) and "" in part):
            return None
        path += found
        part = part[found[0]]
    return None if isinstance(part, dict) and "" in part else tuple(path)


def _is_number(name: str) -> bool:
    return name.isascii() and name.removeprefix("+").isdecimal()


def _parse_pointer(data: Any, pointer: str) -> ValuePath:
    path: list[str | int] = []
    part = data
    for text in pointer.split("/")[1:]:
        name = text.replace("~1", "/").replace("~0", "~")
        path.append(int(name) if isinstance(part, list) else name)
        part = part[path[-1]]
    return tuple(path)


@cache
def _import_library() -> Any:
    """Import the validator on first use: workers and most commands have no use for it."""
    return importlib.import_module("jsonschema_rs")


def _explain(error: Any) -> str:
    if not isinstance(error, _import_library().ValidationError):
        return _shorten(str(error))
    where = format_pointer(tuple(error.instance_path))
    return f"{where}: {_shorten(error.message)}" if where else _shorten(error.message)


def _count_parts(data: object) -> int:
    """Return how many parts a value has; no more than needed to call it large."""
    count = 0
    waiting = [data]
    while waiting and count <= _MANY_PARTS:
        part = waiting.pop()
        count += 1
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return count


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= _LONGEST_MESSAGE:
        return text
    # What is wrong is said at the end, after the value.
    half = _LONGEST_MESSAGE // 2
    return f"{text[:half]}…{text[-half:]}"
