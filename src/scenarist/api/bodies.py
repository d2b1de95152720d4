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

_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_BLANK_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')
_ANYTHING = msgspec.json.Decoder()
_CONTAINERS = {dict, list}
_PLACE = re.compile(r" - at `\$?\.?(.*)`$")


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
        text = str(error)
        place = _PLACE.search(text)
        unknown = _UNKNOWN.search(text)
        parts = [match[1] for match in (place, unknown) if match and match[1]]
        fault = {"field": ".".join(parts), "message": _PLACE.sub("", text).replace("`", "")}
        shown = f" (at {place[1]})" if place and place[1] else ""
        raise InvalidError(
            f"the body does not fit: {fault['message']}{shown}", code="body_invalid", errors=[fault]
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
    keys = [key for key, _ in pairs]
    if len(set(keys)) == len(keys):
        return
    key = next(key for key in keys if keys.count(key) > 1)
    raise InvalidError(
        f"the body has the key {key[:100]!r} more than once in one object; give it once",
        code="body_invalid",
        errors=[{"field": key[:100], "message": "more than once in one object"}],
    )


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
