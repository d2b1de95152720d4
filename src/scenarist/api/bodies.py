"""Reads request bodies strictly as JSON, whatever their content type says."""

import re
from collections.abc import Generator
from typing import Any, TypeVar, cast

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.typing import FieldDefinition

from scenarist.domain.errors import InvalidError

StructT = TypeVar("StructT", bound=msgspec.Struct)

_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_PLACE = re.compile(r" - at `\$?\.?(.*)`$")


def read_json(body: bytes) -> Any:
    """Read any JSON value.

    Raises:
        InvalidError: The body is not JSON; says at which byte.
    """
    if not body:
        raise InvalidError("the request has no body; it must be JSON", code="body_missing")
    return _decode(body, msgspec.json.Decoder())


def read_as(struct: type[StructT], body: bytes) -> StructT:
    """Read a body of one kind where Litestar takes none, as with a GET.

    Raises:
        InvalidError: The body is not JSON, or does not fit; says where.
    """
    return cast("StructT", _decode(body, msgspec.json.Decoder(struct)))


def _decode(body: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    try:
        return decoder.decode(body)
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
