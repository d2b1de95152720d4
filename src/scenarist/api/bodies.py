"""Reads request bodies strictly as JSON, whatever their content type says."""

import json
import re
from collections.abc import Generator
from typing import Any, TypeVar, cast

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.typing import FieldDefinition

from scenarist.domain.errors import InvalidError

StructT = TypeVar("StructT", bound=msgspec.Struct)

_BLANK_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')
_ANYTHING = msgspec.json.Decoder()
_CONTAINERS = {dict, list}
_UNKNOWN = "Object contains unknown field `"
_PLACE = " - at `$"
_LONGEST_ECHO = 200
"""Characters of a client's own text that an answer repeats."""


def read_json(body: bytes) -> Any:
    """Read any JSON value.

    Raises:
        InvalidError: The body is not JSON; says at which byte.
    """
    if not body:
        raise InvalidError("the request has no body; it must be JSON", code="body_missing")
    return _decode(body, _ANYTHING)


def read_as(struct: type[StructT], body: bytes) -> StructT:
    """Read a body of one kind where Litestar takes none, as with a GET.

    Raises:
        InvalidError: The body is not JSON, or does not fit; says where.
    """
    return cast("StructT", _decode(body, msgspec.json.Decoder(struct)))


def _decode(body: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    try:
        read = decoder.decode(body)
        _refuse_repeated_keys(body, read if decoder is _ANYTHING else _ANYTHING.decode(body))
    except msgspec.ValidationError as error:
        field, message, place = _read_message(str(error))
        shown = f" (at {place})" if place else ""
        raise InvalidError(
            f"the body does not fit: {message}{shown}",
            code="body_invalid",
            errors=[{"field": field, "message": message}],
        ) from None
    except RecursionError:
        raise InvalidError(
            "the body is not JSON that can be read: it is nested too deeply", code="body_malformed"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # Of a body that ends too early, msgspec does not say where that is.
        where = f" (after byte {len(body)})" if "truncated" in str(error) else ""
        raise InvalidError(f"the body is not JSON: {error}{where}", code="body_malformed") from None
    return read


def _refuse_repeated_keys(body: bytes, read: Any) -> None:
    """Refuse an object that has a key twice, of which a decoder keeps the last.

    Raises:
        InvalidError: Names the key.
    """
    # A key ends with a quote and a colon: with as many of these as keys were read, none is lost.
    # A quote within a text, or a blank before a colon, makes a closer look necessary.
    if body.count(b'":') != _count_keys(read) or _BLANK_BEFORE_COLON.search(body):
        json.loads(body.decode(), strict=False, object_pairs_hook=_check_pairs, parse_int=_unread)


def _unread(_: str) -> None:
    """Stand for a number, which may be longer than Python reads."""


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


def _check_pairs(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise InvalidError(
                f"the body has the key {key[:100]!r} more than once in one object; give it once",
                code="body_invalid",
                errors=[{"field": key[:100], "message": "more than once in one object"}],
            )
        seen.add(key)


def _read_message(text: str) -> tuple[str, str, str]:
    """Return the field that a message of msgspec is about, the message, and the place in the body.

    The message repeats the name of an unknown field, which may be anything of any length: it is
    searched for fixed texts from its ends, in linear time, and never with a pattern.
    """
    message, has_place, place = text.rpartition(_PLACE)
    if not has_place:
        message, place = text, ""
    place = place.removesuffix("`").removeprefix(".")
    if not message.startswith(_UNKNOWN):
        return place, message.replace("`", ""), place
    name = _shortened(message.removeprefix(_UNKNOWN).removesuffix("`"))
    field = f"{place}.{name}" if place else name
    return field, f"Object contains unknown field {name}", place


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "…"


class _Body(AbstractDTO[Any]):
    """What Litestar asks of the type of a body: how to read it, and how it is described."""

    decoder: "msgspec.json.Decoder[Any]"

    def decode_bytes(self, value: bytes) -> Any:
        return _decode(value, self.decoder)

    @classmethod
    def create_for_field_definition(cls, *args: Any, **kwargs: Any) -> None:
        """Make no other type in between: the struct is the contract."""

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


def body_of(struct: type[msgspec.Struct]) -> type[AbstractDTO[Any]]:
    """Make the reader of a body of one kind; for an absent one the handler's default stands."""
    return type(
        f"{struct.__name__}Body",
        (_Body,),
        {"decoder": msgspec.json.Decoder(struct)},
    )
