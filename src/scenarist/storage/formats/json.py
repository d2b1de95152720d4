"""JSON storage: values as JSON documents."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO, NoReturn

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage import bounds
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.formats.exposed_type import apply_exposed_type
from scenarist.storage.formats.typed_json import UnencodableError, encode_typed
from scenarist.storage.formats.typed_reading import (
    CLASS_PATTERN,
    TYPE_MARKER,
    find_no_class,
    import_class,
    loads,
    refuse_class,
)
from scenarist.storage.python.objects import describe_error, describe_type, load_class, python_type
from scenarist.storage.python.rendition import render
from scenarist.storage.tables.json_data import encode_strict, to_json_data
from scenarist.storage.tables.retyping import retype_appended
from scenarist.storage.tables.selection import select

_PART_ITEMS = 5_000
"""Items of a list that are encoded at once."""


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

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        if _has_codec(target.properties):
            return _write_encoded(value, target)
        return _store(_dump_document(_encode_types(value, target), target), value, target)

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        if location is None:
            return self.write(value, target)
        if _has_codec(target.properties):
            present = value_files.decode(
                location, lambda file: json.loads(_read_text(file, location))
            )
            return _write_encoded(_append_document(present, value), target)
        # Types stay encoded, so that no class of the user is imported.
        present = value_files.decode(
            location, lambda file: _load_encoded(_read_text(file, location))
        )
        added = _encode_types(retype_appended(value, read_safely(location)), target)
        document = _dump_document(_append_document(present, added), target)
        whole = ValueLocation(storage_type="json", properties=target.properties, content=document)
        return _store(document, read_safely(whole), target)

    def read(self, location: ValueLocation) -> Any:
        if _has_codec(location.properties):
            decoder = _load_codec(location.properties.get("decoder"), json.JSONDecoder, "decoder")
            value = value_files.decode(
                location, lambda file: json.loads(_read_text(file, location), cls=decoder)
            )
        else:
            value = value_files.decode(
                location, lambda file: loads(_read_text(file, location), import_class)
            )
        return apply_exposed_type(value, location.properties)

    def read_json(self, location: ValueLocation, selection: Selection | None) -> str:
        def read(file: BinaryIO) -> tuple[Any, bool]:
            text = _read_text(file, location)
            if TYPE_MARKER not in text or _has_codec(location.properties):
                return json.loads(text), True
            return loads(text, find_no_class), False

        value, is_plain = value_files.decode(location, read)
        if is_plain:
            return encode_strict(value if selection is None else select(value, selection))
        return encode_strict(to_json_data(value, selection))

    def from_json(self, data: object) -> object:
        return data


def encode_document(value: object) -> bytes:
    """Return a value as a JSON document, to pass it to a function.

    Raises:
        InvalidError: JSON cannot hold the value.
    """
    return json.dumps(encode_typed(value)).encode()


def read_uploaded(location: ValueLocation) -> Any:
    """Return the value of an uploaded, untrusted document, without importing any class.

    Raises:
        InvalidError: The document is not valid JSON (NaN is not), or names a class.
    """

    def read(file: BinaryIO) -> Any:
        text = _read_text(file, location)
        if _has_codec(location.properties):
            return json.loads(text, parse_constant=_refuse_constant)
        return loads(text, refuse_class, parse_constant=_refuse_constant)

    return value_files.decode(location, read)


def read_safely(location: ValueLocation) -> Any:
    """Return the value of a document with its types, without importing any class."""
    if _has_codec(location.properties):
        return value_files.decode(location, lambda file: json.loads(_read_text(file, location)))
    return value_files.decode(
        location, lambda file: loads(_read_text(file, location), find_no_class)
    )


def has_class_names(location: ValueLocation) -> bool:
    """Whether a document names classes, so that only a worker can read it as it was written."""
    text = value_files.decode(location, lambda file: _read_text(file, location))
    return not _has_codec(location.properties) and CLASS_PATTERN.search(text) is not None


def may_hold_other_types(location: ValueLocation) -> bool:
    """Whether a document may hold values of types that JSON lacks, or a number that is not one."""
    text = value_files.decode(location, lambda file: _read_text(file, location))
    is_typed = TYPE_MARKER in text and not _has_codec(location.properties)
    return is_typed or "NaN" in text or "Infinity" in text


def _write_encoded(value: object, target: WriteTarget) -> WrittenValue:
    encoder = _load_codec(target.properties.get("encoder"), json.JSONEncoder, "encoder")

    def dump(value: object) -> str:
        try:
            return json.dumps(value, cls=encoder, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidError(
                f"the value for data node {target.data_node_id} cannot be written as json:"
                f" {describe_error(error)}; make the encoder in its config convert it to JSON, or "
                "name neither encoder nor decoder"
            ) from error

    # The rendition shows the document, which the decoder may read as something else.
    data = json.loads(dump(value))
    return _store(_dump_document(data, target), data, target, python_type(value))


def _encode_types(value: object, target: WriteTarget) -> Any:
    try:
        return encode_typed(value)
    except UnencodableError as error:
        raise InvalidError(
            f"the value for data node {target.data_node_id} cannot be written as json:"
            f" {error.message}"
        ) from None


def _load_encoded(text: str) -> Any:
    """Return the data of a document with types still encoded, including NaN and infinities."""
    return json.loads(text, parse_constant=lambda name: encode_typed(float(name)))


def _dump_document(data: Any, target: WriteTarget) -> bytes:
    encoding = _encoding(target.properties)

    def dump(data: Any) -> bytes:
        try:
            return _dumps_in_parts(data, ensure_ascii=False).encode(encoding)
        except UnicodeEncodeError:
            return _dumps_in_parts(data, ensure_ascii=True).encode(encoding)

    return value_files.encode(data, target, dump)


def _dumps_in_parts(data: Any, *, ensure_ascii: bool) -> str:
    """Return the text of ``json.dumps``, made in parts, between which other threads may run."""
    dumps = partial(json.dumps, ensure_ascii=ensure_ascii, allow_nan=False)
    if type(data) is list and len(data) > _PART_ITEMS:
        parts = [
            dumps(data[start : start + _PART_ITEMS])[1:-1]
            for start in range(0, len(data), _PART_ITEMS)
        ]
        return f"[{', '.join(parts)}]"
    # The keys of encoded data are texts.
    if type(data) is dict and len(data) <= _PART_ITEMS and any(map(_has_parts, data.values())):
        parts = [
            f"{dumps(key)}: {_dumps_in_parts(item, ensure_ascii=ensure_ascii)}"
            for key, item in data.items()
        ]
        return f"{{{', '.join(parts)}}}"
    text: str = dumps(data)
    return text


def _has_parts(data: Any) -> bool:
    return type(data) is list and len(data) > _PART_ITEMS


def _store(
    document: bytes, value: object, target: WriteTarget, kind: str | None = None
) -> WrittenValue:
    return value_files.store_bytes(
        document,
        target,
        extension="json",
        python_type=kind or python_type(value),
        rendition=render(value),
    )


_ITEMS = frozenset({"Tuple", "Set", "Frozenset", "Deque"})
_ENTRIES = frozenset({"Dict", "OrderedDict", "Defaultdict", "Counter"})


def _append_document(present: Any, value: Any) -> object:
    """Append one document to another; both are JSON data that names types."""
    kind = present.get("__type__") if isinstance(present, dict) and "__value__" in present else None
    items = value["__value__"] if _type_name_of(value) in _ITEMS else value
    if isinstance(present, list):
        return [*present, *(items if isinstance(items, list | tuple) else [items])]
    if kind in _ITEMS:
        added = items if isinstance(items, list) else [items]
        return {**present, "__value__": [*present["__value__"], *added]}
    if kind in _ENTRIES and isinstance(value, dict):
        pairs = value["__value__"] if _type_name_of(value) in _ENTRIES else map(list, value.items())
        entries = {json.dumps(key): [key, item] for key, item in [*present["__value__"], *pairs]}
        return {**present, "__value__": list(entries.values())}
    if isinstance(present, dict) and kind is None and isinstance(value, Mapping):
        if _type_name_of(value) in _ENTRIES:
            pairs = [[key, item] for key, item in present.items()]
            return _append_document({"__type__": "Dict", "__value__": pairs}, value)
        return {**present, **value}
    if isinstance(present, dict) and kind is None:
        raise InvalidError(
            "only an object can be appended to the present object; it was given "
            f"{describe_type(value)}"
        )
    raise InvalidError(
        "data can be appended only to a list or an object; the present value is"
        f" {describe_type(present) if kind is None else 'a ' + str(kind)}; write the whole value, "
        "or keep a list of rows"
    )


def _type_name_of(data: Any) -> str | None:
    return data.get("__type__") if isinstance(data, dict) and "__value__" in data else None


def _encoding(properties: Mapping[str, Any]) -> str:
    return properties.get("encoding") or "utf-8"


def _read_text(file: BinaryIO, location: ValueLocation) -> str:
    data = file.read()
    bounds.check_json(data)
    return data.decode(_encoding(location.properties)).removeprefix("\ufeff")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _has_codec(properties: Mapping[str, Any]) -> bool:
    return bool(properties.get("encoder") or properties.get("decoder"))


def _load_codec(reference: object, base: type[Any], setting: str) -> type[Any] | None:
    if reference is None:
        return None
    codec = load_class(reference, setting=setting)
    if not issubclass(codec, base):
        raise InvalidError(f"{setting} {reference!r} is not a subclass of json.{base.__name__}")
    return codec
