"""Values as JSON documents."""

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgspec

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage import files
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.objects import form, load_class, python_type, reason
from scenarist.storage.rendition import render
from scenarist.storage.selection import select


class JsonStorage:
    """Any value that JSON can hold, or that the data node's ``encoder`` turns into such.

    The encoder and the decoder are classes for the standard library's ``json`` module, named as
    ``module:Class``. They are the user's code: `read_json` and `from_json` never load them.
    """

    storage_type = "json"
    is_safe = True
    is_external = False
    can_append = True

    def write(self, value: object, target: Target) -> Written:
        encoder = _codec(target.properties.get("encoder"), json.JSONEncoder, "encoder")
        encoding = _encoding(target.properties)

        def dump(value: object) -> bytes:
            try:
                return json.dumps(value, cls=encoder, ensure_ascii=False).encode(encoding)
            except UnicodeEncodeError:
                return json.dumps(value, cls=encoder).encode(encoding)
            except TypeError as error:
                raise InvalidError(
                    f"the value for data node {target.data_node_id} cannot be written as json:"
                    f" {reason(error)}; name an encoder and a decoder in its config, or use pickle"
                ) from error

        return files.keep(
            files.encode(value, target, dump),
            target,
            extension="json",
            python_type=python_type(value),
            rendition=render(value),
        )

    def append(self, value: object, target: Target, place: Place | None) -> Written:
        if place is None:
            return self.write(value, target)
        return self.write(_extended(self._read_plain(place), value), target)

    def read(self, place: Place) -> Any:
        decoder = _codec(place.properties.get("decoder"), json.JSONDecoder, "decoder")
        return files.decode(place, lambda file: json.loads(_text(file, place), cls=decoder))

    def read_json(self, place: Place, selection: Selection | None) -> str:
        value = self._read_plain(place)
        return _strict(value if selection is None else select(value, selection))

    def from_json(self, data: object) -> object:
        return data

    def _read_plain(self, place: Place) -> Any:
        """Read without the decoder: as plain data, which every encoder writes again."""
        return files.decode(place, lambda file: json.loads(_text(file, place)))


def _extended(present: object, value: object) -> object:
    if isinstance(present, list):
        return [*present, *(value if isinstance(value, list | tuple) else [value])]
    if isinstance(present, dict) and isinstance(value, Mapping):
        return {**present, **value}
    if isinstance(present, dict):
        raise InvalidError(
            f"only an object can be appended to the object there is; it was given {form(value)}"
        )
    raise InvalidError(
        f"only to a list or an object can something be appended; there is {form(present)}"
    )


def _encoding(properties: Any) -> str:
    return properties.get("encoding") or "utf-8"


def _text(file: BinaryIO, place: Place) -> str:
    return file.read().decode(_encoding(place.properties)).removeprefix("\ufeff")


def _strict(value: object) -> str:
    """Return JSON text that every parser takes: NaN and infinities are null."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        # Half of a surrogate pair is legal in Python's JSON, and no parser of others takes it.
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.encode(json.loads(text)).decode()


def _codec(reference: object, base: type[Any], setting: str) -> type[Any] | None:
    if reference is None:
        return None
    codec = load_class(reference, setting=setting)
    if not issubclass(codec, base):
        raise InvalidError(f"{setting} {reference!r} is not a subclass of json.{base.__name__}")
    return codec
