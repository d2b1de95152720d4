"""Reads request bodies strictly as JSON, whatever their content type says."""

from collections.abc import Generator
from typing import Any, TypeVar, cast

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.typing import FieldDefinition

from scenarist.domain.errors import InvalidError

StructT = TypeVar("StructT", bound=msgspec.Struct)

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
