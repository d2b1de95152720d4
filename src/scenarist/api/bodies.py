"""Request bodies, read strictly as JSON whatever their content type."""

import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import Any, TypeVar, cast

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.typing import FieldDefinition

from scenarist.domain.errors import InvalidError
from scenarist.domain.faults import ValuePath, format_pointer
from scenarist.system.json_decoding import JsonDecoder

StructT = TypeVar("StructT", bound=msgspec.Struct)

_BLANK_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')
_ANY_JSON: JsonDecoder[Any] = JsonDecoder()
_CONTAINERS = {dict, list}
_MOST_REPEATED = 100
_SMALL_BODY = 1024 * 1024
_UNKNOWN_FIELD_PREFIX = "Object contains unknown field `"
_PATH_PREFIX = " - at `$"
_LONGEST_ECHO = 200
"""Characters of a client's text that a response repeats at most."""


def read_json(body: bytes) -> Any:
    """Read any JSON value.

    Raises:
        InvalidError: The body is not JSON; the message says at which byte.
    """
    if not body:
        raise InvalidError("the request has no body; it must be JSON", code="body_missing")
    return _decode(body, _ANY_JSON)


def read_struct(struct: type[StructT], body: bytes) -> StructT:
    """Read a body as a struct where Litestar accepts no body, as for a GET.

    Raises:
        InvalidError: The body is not JSON, or does not match the struct; the message says where.
    """
    return cast("StructT", _decode(body, JsonDecoder(struct)))


def _decode(body: bytes, decoder: JsonDecoder[Any]) -> Any:
    try:
        read = decoder.decode(body)
        _refuse_repeated_keys(body, read if decoder is _ANY_JSON else _ANY_JSON.decode(body))
    except msgspec.ValidationError as error:
        field, message, path = _parse_message(str(error))
        shown = f" (at {path})" if path else ""
        raise InvalidError(
            f"the body is not valid: {message}{shown}",
            code="body_invalid",
            errors=[{"field": field, "message": message}],
        ) from None
    except RecursionError:
        raise InvalidError(
            "the body cannot be read: the JSON is nested too deeply", code="body_malformed"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # For a truncated body, msgspec does not say where it ends.
        where = f" (after byte {len(body)})" if "truncated" in str(error) else ""
        raise InvalidError(f"the body is not JSON: {error}{where}", code="body_malformed") from None
    return read


def _refuse_repeated_keys(body: bytes, read: Any) -> None:
    """Refuse an object with a duplicate key, of which a decoder would keep only the last value.

    Raises:
        InvalidError: There is one; the message names the key, and `errors` has all of them.
    """
    # A key ends with a quote and a colon: if there are as many of these as keys were decoded, no
    # key was lost. A quote within a string, or a blank before a colon, requires a full parse.
    if body.count(b'":') != _count_keys(read) or _BLANK_BEFORE_COLON.search(body):
        try:
            _parse_pairs(body, _check_pairs)
        except _RepeatedKeyError as error:
            raise _describe_repeated(body, str(error)) from None


def _parse_pairs(body: bytes, hook: Callable[[list[tuple[str, Any]]], Any]) -> Any:
    return json.loads(body.decode(), strict=False, object_pairs_hook=hook, parse_int=_skip_number)


def _check_pairs(pairs: list[tuple[str, Any]]) -> None:
    """Keep nothing of an object, so that a large body takes no memory."""
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKeyError(key)
        seen.add(key)


class _RepeatedKeyError(Exception):
    """A key occurs more than once in one object; the text is the key."""


def _describe_repeated(body: bytes, key: str) -> InvalidError:
    """Return the error for keys that occur more than once, with their paths in a small body."""
    message = "more than once in one object"
    errors = [{"field": _cut(key), "message": message}]
    if len(body) <= _SMALL_BODY:
        paths = list(islice(_find_repeated(_parse_pairs(body, _note_repeated)), _MOST_REPEATED))
        key = str(paths[0][-1])
        errors = [
            {"field": _cut(str(path[-1])), "pointer": format_pointer(path), "message": message}
            for path in paths
        ]
    return InvalidError(
        f"the body has the key {_cut(key)!r} {message}; give it once",
        code="body_invalid",
        errors=errors,
    )


def _skip_number(_: str) -> None:
    """Skip a number: Python refuses to parse a very long one, and its value is not needed."""


def _count_keys(read: Any) -> int:
    count = 0
    waiting = [read]
    while waiting:
        part = waiting.pop()
        if type(part) is dict:
            count += len(part)
            part = part.values()
        elif type(part) is not list:
            continue
        waiting.extend(item for item in part if type(item) in _CONTAINERS)
    return count


class _RepeatingDict(dict[str, Any]):
    """An object of a body in which keys occur more than once."""

    repeated: tuple[str, ...] = ()


def _note_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _RepeatingDict(found)
    counts = Counter(key for key, _ in pairs)
    repeating.repeated = tuple(key for key, count in counts.items() if count > 1)
    return repeating


def _find_repeated(whole: Any) -> Iterator[ValuePath]:
    """Yield the path of each key that occurs more than once in its object."""
    waiting: list[tuple[ValuePath, Any]] = [((), whole)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, _RepeatingDict):
            yield from ((*path, key) for key in part.repeated)
        inside = part.items() if isinstance(part, dict) else enumerate(part)
        waiting.extend(
            ((*path, key), item) for key, item in inside if isinstance(item, dict | list)
        )


def _cut(key: str) -> str:
    return key[:100]


def _parse_message(text: str) -> tuple[str, str, str]:
    """Split a message of msgspec into the field, the message itself, and the path in the body.

    The message repeats the name of an unknown field, which may be any text of any length. It is
    therefore searched for fixed texts from both ends, in linear time, and never with a regular
    expression.
    """
    message, has_path, path = text.rpartition(_PATH_PREFIX)
    if not has_path:
        message, path = text, ""
    path = path.removesuffix("`").removeprefix(".")
    if not message.startswith(_UNKNOWN_FIELD_PREFIX):
        return path, message.replace("`", ""), path
    name = _shorten(message.removeprefix(_UNKNOWN_FIELD_PREFIX).removesuffix("`"))
    field = f"{path}.{name}" if path else name
    return field, f"Object contains unknown field {name}", path


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "…"


class _Body(AbstractDTO[Any]):
    """Litestar DTO that decodes a body with our decoder."""

    decoder: JsonDecoder[Any]

    def decode_bytes(self, value: bytes) -> Any:
        return _decode(value, self.decoder)

    @classmethod
    def create_for_field_definition(cls, *args: Any, **kwargs: Any) -> None:
        """Create no intermediate type: the body is decoded into the struct itself."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Any:
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return False

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False


def body_of(struct: type[msgspec.Struct | dict[str, Any]]) -> type[AbstractDTO[Any]]:
    """Return the DTO for bodies of one type; a missing body gets the default of the handler."""
    return type(
        f"{struct.__name__}Body",
        (_Body,),
        {"decoder": JsonDecoder(struct)},
    )
