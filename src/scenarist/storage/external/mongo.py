"""MongoDB storage: values as collections."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from scenarist.domain.errors import InvalidError, NotFoundError, ScenaristError, UnavailableError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.python.objects import describe_error, load_class, python_type, redact
from scenarist.storage.python.rendition import MAX_ITEMS, render
from scenarist.storage.python.structures import fields_of
from scenarist.storage.tables.conversion import require_modules
from scenarist.storage.tables.retyping import retype_appended

if TYPE_CHECKING:
    from pymongo.collection import Collection

_Document: TypeAlias = dict[str, Any]

_LIMITS = {
    "serverSelectionTimeoutMS": 10_000,
    "connectTimeoutMS": 10_000,
    "socketTimeoutMS": 60_000,
}
"""Default timeouts of the driver, which ``db_extra_args`` override."""

_MAX_READS = 10
_REPLACED_CODES = frozenset({43, 175})
"""Error codes of a cursor that was lost or killed because its collection was replaced."""

_REFUSED_CODES = frozenset({13, 18, 8000})


class MongoStorage:
    """A list of documents as one collection.

    A document is an object (dict), an instance of a dataclass or msgspec struct, or any other
    object whose ``encode`` method returns a dict or whose attributes make one. With
    ``custom_document``, documents are read as objects of this class: by its function ``decode``,
    if it has one, from the unchanged document; else from the fields, including ``_id`` if the
    class accepts it. Plain documents are read without an ``_id`` that the driver made.

    A write creates a new collection, with the options and indexes of the present one, and renames
    it over that one in one step; readers see either the old or the new documents. A worker that is
    killed while it writes leaves a collection named after the edit, which can be dropped. An
    append adds to the documents that are there, including those of other programs. Size and digest
    are those of the documents written or appended, as BSON.

    ``db_extra_args`` are options of the driver. Times are stored in UTC to the millisecond, and
    read without a time zone unless the option ``tz_aware`` is set.
    """

    storage_type = "mongo_collection"
    is_safe = False
    is_external = True
    can_append = True

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        documents = _to_documents(value)
        with _open_collection(target.properties, "written") as collection:
            data = _encode(documents, collection)
            stored = [_without_object_id(document) for document in _decode(data, collection)]
            written = value_files.describe_bytes(data, python_type(value), render(stored))
            _replace(collection, documents, f"{collection.name}.{target.edit_id}")
        return written

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        added = _to_documents(value)
        with _open_collection(target.properties, "appended to") as collection:
            # Rendered before the insert: on a later failure, a retry would append them again.
            present = [
                _without_object_id(document) for document in _find(collection, limit=MAX_ITEMS + 1)
            ]
            added = retype_appended(added, present)
            data = _encode(added, collection)
            first = [*present, *map(_without_object_id, _decode(data, collection))]
            text, is_complete = render(first[:MAX_ITEMS])
            rendition = (text, is_complete and len(first) <= MAX_ITEMS)
            written = value_files.describe_bytes(data, "list", rendition)
            _insert(collection, added)
        return written

    def read(self, location: ValueLocation) -> list[Any]:
        reference = location.properties.get("custom_document")
        make = (
            _find_converter(load_class(reference, setting="custom_document")) if reference else None
        )
        with _open_collection(location.properties, "read") as collection:
            documents = _find(collection)
            if not documents and _find_collection_info(collection) is None:
                raise NotFoundError(
                    f"there is no collection {collection.name!r} in database"
                    f" {collection.database.name!r}; write the data node, or fix the names"
                )
        if make is None:
            return [_without_object_id(document) for document in documents]
        return [
            _convert_document(make, document, number)
            for number, document in enumerate(documents, 1)
        ]

    def from_json(self, data: object) -> object:
        _to_documents(data)
        return data


def _to_documents(value: object) -> list[_Document]:
    """Return a value as copied documents, because the driver adds ids to those that it inserts."""
    if isinstance(value, Mapping) or fields_of(value) is not None:
        value = [value]
    if not isinstance(value, list | tuple):
        raise InvalidError(_type_message(f"a {type(value).__name__}"))
    return [_to_document(item, number) for number, item in enumerate(value, start=1)]


def _to_document(item: object, number: int) -> _Document:
    found: Any = item
    is_of_tables = type(item).__module__.partition(".")[0] in {"numpy", "pandas"}
    if not isinstance(item, Mapping | str) and not is_of_tables:
        encode = getattr(item, "encode", None)
        try:
            if callable(encode):
                found = encode()
            else:
                found = fields_of(item) or getattr(item, "__dict__", None) or item
        # The method is the user's; it may raise anything.
        except Exception as error:
            fault = f"a {type(item).__name__} ({describe_error(error)})"
            raise InvalidError(_type_message(f"a list whose item {number} is {fault}")) from error
    if not isinstance(found, Mapping):
        raise InvalidError(_type_message(f"a list whose item {number} is a {type(found).__name__}"))
    document = dict(found)
    # An object that has not been inserted yet.
    if document.get("_id", "") is None:
        del document["_id"]
    return document


def _type_message(given: str) -> str:
    return (
        "storage type 'mongo_collection' stores a list of documents (objects); it was given"
        f" {given}"
    )


def _without_object_id(document: _Document) -> _Document:
    from bson import ObjectId

    return {
        key: value
        for key, value in document.items()
        if key != "_id" or not isinstance(value, ObjectId)
    }


def _find_converter(kind: type[Any]) -> Callable[[_Document], Any]:
    """Return a function that converts a document to an object of a class.

    Raises:
        InvalidError: The class has no signature.
    """
    decode = getattr(kind, "decode", None)
    if callable(decode):
        return decode  # type: ignore[no-any-return]
    try:
        parameters = inspect.signature(kind).parameters
    except ValueError as error:
        raise InvalidError(
            f"custom_document {kind.__qualname__} does not declare its parameters; give it a"
            " signature or a function decode"
        ) from error
    if "_id" in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return lambda document: kind(**document)
    return lambda document: kind(**{key: document[key] for key in document if key != "_id"})


def _convert_document(make: Callable[[_Document], Any], document: _Document, number: int) -> Any:
    try:
        return make(document)
    # The class is the user's; it may raise anything.
    except Exception as error:
        raise InvalidError(
            f"document {number} cannot be converted to custom_document: {describe_error(error)}"
        ) from error


def _encode(documents: list[_Document], collection: "Collection[_Document]") -> bytes:
    from bson import encode

    options = collection.codec_options
    return b"".join(encode(document, codec_options=options) for document in documents)


def _decode(data: bytes, collection: "Collection[_Document]") -> list[_Document]:
    """Return documents as they will be read, for instance with times to the millisecond."""
    from bson import decode_all

    return decode_all(data, codec_options=collection.codec_options)


def _replace(
    collection: "Collection[_Document]", documents: list[_Document], staged_name: str
) -> None:
    database = collection.database
    info = _find_collection_info(collection) or {"type": "collection", "options": {}}
    if info["type"] != "collection":
        raise InvalidError(f"{collection.full_name} is a {info['type']}; name a plain collection")
    indexes = [index for index in collection.list_indexes() if index["name"] != "_id_"]
    database.command("create", staged_name, **info["options"])
    staged = database[staged_name]
    try:
        if indexes:
            database.command("createIndexes", staged_name, indexes=indexes)
        if documents:
            staged.insert_many(documents)
        staged.rename(collection.name, dropTarget=True)
    except BaseException:
        # Report the first error, even if the clean-up fails too.
        with contextlib.suppress(Exception):
            staged.drop()
        raise


def _insert(collection: "Collection[_Document]", documents: list[_Document]) -> None:
    from pymongo.errors import BulkWriteError

    if not documents:
        return
    try:
        collection.insert_many(documents)
    except BulkWriteError as error:
        # Inserts are ordered: the documents before the refused one were inserted.
        inserted = documents[: error.details["nInserted"]]
        collection.delete_many({"_id": {"$in": [document["_id"] for document in inserted]}})
        raise


def _find(collection: "Collection[_Document]", *, limit: int = 0) -> list[_Document]:
    """Return the documents in natural order (usually that of insertion); limit 0 means all."""
    from pymongo.errors import OperationFailure

    for _ in range(_MAX_READS):
        try:
            return list(collection.find(limit=limit))
        except OperationFailure as error:
            # The collection was replaced during the read; start again with the new one.
            if error.code not in _REPLACED_CODES:
                raise
    raise UnavailableError(
        f"{collection.full_name} was replaced {_MAX_READS} times while it was read; try again"
    )


def _find_collection_info(collection: "Collection[_Document]") -> Mapping[str, Any] | None:
    with collection.database.list_collections(filter={"name": collection.name}) as found:
        return next(iter(found), None)


@contextlib.contextmanager
def _open_collection(properties: Mapping[str, Any], act: str) -> Iterator["Collection[_Document]"]:
    """Connect to the server, and yield the data node's collection.

    Errors of the driver are converted to ours, without their causes, which may contain secrets.

    Raises:
        InvalidError: The server refused the credentials or an operation, or the driver does not
            accept a property or document.
        UnavailableError: The server cannot be reached.
    """
    require_modules(MongoStorage.storage_type, "pymongo", extra="mongo")
    from pymongo import MongoClient

    try:
        with MongoClient[_Document](**_connection_options(properties)) as client:
            yield client[properties["db_name"]][properties["collection_name"]]
    except ScenaristError:
        raise
    # Besides its own errors, the driver raises built-in ones for values that it does not accept.
    except Exception as error:  # noqa: BLE001
        fault = (
            f"collection {properties.get('collection_name')!r} of database"
            f" {properties.get('db_name')!r} cannot be {act}"
        )
        raise _to_our_error(error, fault, properties) from None


def _connection_options(properties: Mapping[str, Any]) -> dict[str, Any]:
    host = properties.get("db_host") or "localhost"
    driver = properties.get("db_driver")
    settings: dict[str, Any] = {"host": host, "port": int(properties.get("db_port") or 27017)}
    if driver:
        # Such as mongodb+srv, where DNS provides the ports.
        settings = {"host": f"mongodb+{driver}://{host}/"}
    if properties.get("db_username"):
        settings["username"] = properties["db_username"]
        settings["password"] = properties.get("db_password")
    return {
        **settings,
        **_LIMITS,
        **(properties.get("db_extra_args") or {}),
    }


def _to_our_error(error: Exception, fault: str, properties: Mapping[str, Any]) -> ScenaristError:
    from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

    message = redact(_message_of(error), hiding=[properties.get("db_password")])
    if isinstance(error, ConnectionFailure) or (isinstance(error, PyMongoError) and error.timeout):
        return UnavailableError(
            f"{fault}: the server cannot be reached: {message}; try again, or check db_host,"
            " db_port and db_extra_args"
        )
    if isinstance(error, OperationFailure) and error.code in _REFUSED_CODES:
        return InvalidError(
            f"{fault}: the server refused it: {message}; check db_username, db_password and"
            " the permissions of the user"
        )
    return InvalidError(f"{fault}: {message}")


def _message_of(error: Exception) -> str:
    """Return the message of an error, without the documents and settings that the driver adds."""
    details: Any = getattr(error, "details", None)
    if isinstance(details, Mapping):
        fault = next(iter(details.get("writeErrors") or [details]))
        if "errmsg" in fault:
            return str(fault["errmsg"])
    return f"{type(error).__name__}: {error}".partition(" (configured timeouts")[0]
