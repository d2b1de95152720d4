"""JSON storage: values as JSON documents."""

import json
from collections.abc import Mapping
from typing import Any, BinaryIO, NoReturn

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage import bounds
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.files import value_files
from scenarist.storage.formats.exposed_type import exposed
from scenarist.storage.formats.typed_json import UnkeptError, typed
from scenarist.storage.formats.typed_reading import (
    CLASS_MARK,
    MARK,
    imported,
    loads,
    plainly,
    refused,
)
from scenarist.storage.python.objects import form, load_class, python_type, reason
from scenarist.storage.python.rendition import render
from scenarist.storage.tables.json_data import shown, strict
from scenarist.storage.tables.retyping import retyped_added
from scenarist.storage.tables.selection import select


class JsonStorage:
    """Any value of common types, as a document that names the types which JSON lacks.

    See `typed_json` for how, and for what is refused. With an ``encoder`` or a ``decoder``, these
    alone determine the document, and it names no types. They are classes for the standard
    library's ``json`` module, named as ``module:Class``. With ``exposed_type``, a class named in
    the same way, the value or each item of a list is read as an object of this class.

    All of these are user code: `read_json` and `from_json` import none of it.
    """

    storage_type = "json"
    is_safe = True
    is_external = False
    can_append = True

    def write(self, value: object, target: Target) -> Written:
        if _has_codec(target.properties):
            return _write_encoded(value, target)
        return _keep(_document(_typed(value, target), target), value, target)

    def append(self, value: object, target: Target, place: Place | None) -> Written:
        if place is None:
            return self.write(value, target)
        if _has_codec(target.properties):
            present = value_files.decode(place, lambda file: json.loads(_text(file, place)))
            return _write_encoded(_extended(present, value), target)
        # Types stay encoded, so that no class of the user is imported.
        present = value_files.decode(place, lambda file: _named(_text(file, place)))
        added = _typed(retyped_added(value, read_safely(place)), target)
        document = _document(_extended(present, added), target)
        whole = Place(storage_type="json", properties=target.properties, content=document)
        return _keep(document, read_safely(whole), target)

    def read(self, place: Place) -> Any:
        if _has_codec(place.properties):
            decoder = _codec(place.properties.get("decoder"), json.JSONDecoder, "decoder")
            value = value_files.decode(
                place, lambda file: json.loads(_text(file, place), cls=decoder)
            )
        else:
            value = value_files.decode(place, lambda file: loads(_text(file, place), imported))
        return exposed(value, place.properties)

    def read_json(self, place: Place, selection: Selection | None) -> str:
        def read(file: BinaryIO) -> tuple[Any, bool]:
            text = _text(file, place)
            if MARK not in text or _has_codec(place.properties):
                return json.loads(text), True
            return loads(text, plainly), False

        value, is_plain = value_files.decode(place, read)
        if is_plain:
            return strict(value if selection is None else select(value, selection))
        return strict(shown(value, selection))

    def from_json(self, data: object) -> object:
        return data


def document(value: object) -> bytes:
    """Return a value as a JSON document, to pass it to a function.

    Raises:
        InvalidError: JSON cannot hold the value.
    """
    return json.dumps(typed(value)).encode()


def read_uploaded(place: Place) -> Any:
    """Return the value of an uploaded, untrusted document, without importing any class.

    Raises:
        InvalidError: The document is not valid JSON (NaN is not), or names a class.
    """

    def read(file: BinaryIO) -> Any:
        text = _text(file, place)
        if _has_codec(place.properties):
            return json.loads(text, parse_constant=_refuse)
        return loads(text, refused, parse_constant=_refuse)

    return value_files.decode(place, read)


def read_safely(place: Place) -> Any:
    """Return the value of a document with its types, without importing any class."""
    if _has_codec(place.properties):
        return value_files.decode(place, lambda file: json.loads(_text(file, place)))
    return value_files.decode(place, lambda file: loads(_text(file, place), plainly))


def names_classes(place: Place) -> bool:
    """Whether a document names classes, so that only a worker can read it as it was written."""
    text = value_files.decode(place, lambda file: _text(file, place))
    return not _has_codec(place.properties) and CLASS_MARK.search(text) is not None


def _write_encoded(value: object, target: Target) -> Written:
    encoder = _codec(target.properties.get("encoder"), json.JSONEncoder, "encoder")

    def dump(value: object) -> str:
        try:
            return json.dumps(value, cls=encoder, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidError(
                f"the value for data node {target.data_node_id} cannot be written as json:"
                f" {reason(error)}; make the encoder in its config convert it to JSON, or name"
                " neither encoder nor decoder"
            ) from error

    # The rendition shows the document, which the decoder may read as something else.
    data = json.loads(dump(value))
    return _keep(_document(data, target), data, target, python_type(value))


def _typed(value: object, target: Target) -> Any:
    try:
        return typed(value)
    except UnkeptError as error:
        raise InvalidError(
            f"the value for data node {target.data_node_id} cannot be written as json:"
            f" {error.message}"
        ) from None


def _named(text: str) -> Any:
    """Return the data of a document with types still encoded, including NaN and infinities."""
    return json.loads(text, parse_constant=lambda name: typed(float(name)))


def _document(data: Any, target: Target) -> bytes:
    encoding = _encoding(target.properties)

    def dump(data: Any) -> bytes:
        try:
            return json.dumps(data, ensure_ascii=False, allow_nan=False).encode(encoding)
        except UnicodeEncodeError:
            return json.dumps(data, allow_nan=False).encode(encoding)

    return value_files.encode(data, target, dump)


def _keep(document: bytes, value: object, target: Target, kind: str | None = None) -> Written:
    return value_files.keep(
        document,
        target,
        extension="json",
        python_type=kind or python_type(value),
        rendition=render(value),
    )


_ITEMS = frozenset({"Tuple", "Set", "Frozenset", "Deque"})
_ENTRIES = frozenset({"Dict", "OrderedDict", "Defaultdict", "Counter"})


def _extended(present: Any, value: Any) -> object:
    """Append one document to another; both are JSON data that names types."""
    kind = present.get("__type__") if isinstance(present, dict) and "__value__" in present else None
    items = value["__value__"] if _kind_of(value) in _ITEMS else value
    if isinstance(present, list):
        return [*present, *(items if isinstance(items, list | tuple) else [items])]
    if kind in _ITEMS:
        added = items if isinstance(items, list) else [items]
        return {**present, "__value__": [*present["__value__"], *added]}
    if kind in _ENTRIES and isinstance(value, dict):
        pairs = value["__value__"] if _kind_of(value) in _ENTRIES else map(list, value.items())
        entries = {json.dumps(key): [key, item] for key, item in [*present["__value__"], *pairs]}
        return {**present, "__value__": list(entries.values())}
    if isinstance(present, dict) and kind is None and isinstance(value, Mapping):
        if _kind_of(value) in _ENTRIES:
            pairs = [[key, item] for key, item in present.items()]
            return _extended({"__type__": "Dict", "__value__": pairs}, value)
        return {**present, **value}
    if isinstance(present, dict) and kind is None:
        raise InvalidError(
            f"only an object can be appended to the present object; it was given {form(value)}"
        )
    raise InvalidError(
        "data can be appended only to a list or an object; the present value is"
        f" {form(present) if kind is None else 'a ' + str(kind)}; write the whole value, or keep a"
        " list of rows"
    )


def _kind_of(data: Any) -> str | None:
    return data.get("__type__") if isinstance(data, dict) and "__value__" in data else None


def _encoding(properties: Mapping[str, Any]) -> str:
    return properties.get("encoding") or "utf-8"


def _text(file: BinaryIO, place: Place) -> str:
    data = file.read()
    bounds.check_json(data)
    return data.decode(_encoding(place.properties)).removeprefix("\ufeff")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _has_codec(properties: Mapping[str, Any]) -> bool:
    return bool(properties.get("encoder") or properties.get("decoder"))


def _codec(reference: object, base: type[Any], setting: str) -> type[Any] | None:
    if reference is None:
        return None
    codec = load_class(reference, setting=setting)
    if not issubclass(codec, base):
        raise InvalidError(f"{setting} {reference!r} is not a subclass of json.{base.__name__}")
    return codec
