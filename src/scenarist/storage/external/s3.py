"""S3 storage: values as objects of S3, or of a store that is compatible with it."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scenarist.domain.errors import InvalidError, NotFoundError, ScenaristError, UnavailableError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.files.remote import S3_LIMITS, write_timeout
from scenarist.storage.python.objects import describe_error, python_type
from scenarist.storage.python.rendition import render
from scenarist.storage.tables.conversion import require_modules

_KIND_KEY = "scenarist-kind"
"""Metadata key with which this storage marks an object as bytes."""

_PARAMETERS = (
    "aws_s3_client_parameters",
    "aws_s3_object_parameters",
    "aws_s3_get_object_parameters",
    "aws_s3_put_object_parameters",
)
_SECRETS = ("aws_access_key", "aws_secret_access_key", "aws_session_token", "SSECustomerKey")
_TRANSIENT_ERRNOS = frozenset({errno.EBUSY, errno.EIO, getattr(errno, "EREMOTEIO", errno.EIO)})
"""Error numbers with which the client reports that the store failed (5xx) or throttled."""

_LIMITS = ("connect_timeout", "read_timeout")
"""Timeouts in seconds that ``aws_s3_client_parameters`` may set."""


class S3Storage:
    """Text or bytes as one object, which each write replaces as a whole.

    Text is stored as UTF-8. An object is read as text if it is valid UTF-8, else as bytes; bytes
    that this storage wrote are marked in the object's metadata, and are always read as bytes.

    ``aws_s3_client_parameters`` are passed to the client (``endpoint_url``, ``verify``),
    ``aws_s3_get_object_parameters`` and ``aws_s3_put_object_parameters`` to the calls to the
    store, with the store's own names (``VersionId``, ``ContentType``). Of
    ``aws_s3_object_parameters``, each call gets those that it has.
    """

    storage_type = "s3_object"
    is_safe = False
    is_external = True
    can_append = False

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        parameters = dict(target.properties.get("aws_s3_put_object_parameters") or {})
        if isinstance(value, bytes):
            data = value
            parameters["Metadata"] = {**(parameters.get("Metadata") or {}), _KIND_KEY: "bytes"}
        else:
            data = _encode(value, target)
        with _translate_errors(target.properties, "written"):
            _call("put_object", target.properties, {**parameters, "Body": data})
        return value_files.describe_bytes(data, python_type(value), render(value))

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        raise InvalidError(
            "storage type 's3_object' cannot append; read the value, extend it and write it"
        )

    def read(self, location: ValueLocation) -> str | bytes:
        parameters = location.properties.get("aws_s3_get_object_parameters") or {}
        with _translate_errors(location.properties, "read"):
            data, metadata = _call("get_object", location.properties, parameters)
        if metadata.get(_KIND_KEY) == "bytes":
            return data
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data

    def from_json(self, data: object) -> object:
        if not isinstance(data, str):
            raise InvalidError(_type_message(data))
        return data


def _encode(value: object, target: WriteTarget) -> bytes:
    if not isinstance(value, str):
        raise InvalidError(_type_message(value))
    return value_files.encode(value, target, str.encode)


def _type_message(value: object) -> str:
    return (
        "storage type 's3_object' stores text or bytes; it was given"
        f" {'null' if value is None else 'a ' + type(value).__name__};"
        " convert the value to text or bytes in the task"
    )


def _call(
    operation: str, properties: Mapping[str, Any], parameters: Mapping[str, Any]
) -> tuple[bytes, Mapping[str, str]]:
    """Call one operation of the store; return the bytes of the object, if any, and its metadata.

    One call transfers the whole object, so that readers never see a part of it or a mix of two.
    """
    require_modules(S3Storage.storage_type, "s3fs", extra="s3")
    from fsspec.asyn import sync  # type: ignore[import-untyped]
    from s3fs import S3FileSystem  # type: ignore[import-untyped]
    from s3fs.utils import ParamKwargsHelper  # type: ignore[import-untyped]

    client_parameters = dict(properties.get("aws_s3_client_parameters") or {})
    if properties.get("aws_region"):
        client_parameters.setdefault("region_name", properties["aws_region"])
    limits = {name: client_parameters.pop(name) for name in _LIMITS if name in client_parameters}
    store = S3FileSystem(
        key=properties.get("aws_access_key"),
        secret=properties.get("aws_secret_access_key"),
        client_kwargs=client_parameters,
        config_kwargs={**S3_LIMITS, **limits},
    )
    # The client below it already retries.
    store.retries = 1
    accepted = ParamKwargsHelper(store.s3).filter_dict
    unknown = parameters.keys() - accepted(operation, parameters)
    if unknown:
        raise InvalidError(f"{operation} of S3 has no parameter {', '.join(sorted(unknown))}")
    shared = accepted(operation, properties.get("aws_s3_object_parameters") or {})
    answer = store.call_s3(
        operation,
        {**shared, **parameters},
        Bucket=properties.get("aws_s3_bucket_name"),
        Key=properties.get("aws_s3_object_key"),
        timeout=write_timeout(parameters["Body"]) if "Body" in parameters else None,
    )
    body = answer.get("Body")
    data = b"" if body is None else sync(store.loop, _read_body, body)
    return data, answer.get("Metadata") or {}


async def _read_body(body: Any) -> bytes:
    try:
        data: bytes = await body.read()
    finally:
        body.close()
    return data


@contextmanager
def _translate_errors(properties: Mapping[str, Any], act: str) -> Iterator[None]:
    """Convert errors of the client to ours, without their causes, which may contain secrets.

    Raises:
        NotFoundError: The bucket or object does not exist.
        InvalidError: The store refused the credentials or the request.
        UnavailableError: The store cannot be reached, or failed.
    """
    try:
        yield
    except ScenaristError:
        raise
    # The client has no common base class: its errors come from four libraries and the system.
    except Exception as error:  # noqa: BLE001
        fault = (
            f"object {properties.get('aws_s3_object_key')!r} of bucket"
            f" {properties.get('aws_s3_bucket_name')!r} cannot be {act}"
        )
        message = describe_error(error, hiding=_find_secrets(properties)).rstrip(".")
        raise _to_our_error(error, fault, message) from None


def _to_our_error(error: Exception, fault: str, message: str) -> ScenaristError:
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"{fault}: {message}; create it, or fix the name of bucket or object")
    if isinstance(error, PermissionError):
        return InvalidError(
            f"{fault}: the store refused it: {message}; check aws_access_key, aws_secret_access_key"
            " and their permissions"
        )
    if _is_transient(error):
        return UnavailableError(
            f"{fault}: the store cannot be reached or failed ({type(error).__name__});"
            " try again, or check endpoint_url in aws_s3_client_parameters"
        )
    return InvalidError(f"{fault}: {message}")


def _is_transient(error: Exception) -> bool:
    from aiohttp import ClientError
    from botocore.exceptions import (  # type: ignore[import-untyped]
        ConnectionError as UnreachableError,
    )
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    if isinstance(error, OSError) and error.errno in _TRANSIENT_ERRNOS:
        return True
    return isinstance(
        error, TimeoutError | ClientError | UnreachableError | HTTPClientError | IncompleteReadError
    )


def _find_secrets(properties: Mapping[str, Any]) -> list[object]:
    tables = [properties, *(properties.get(name) or {} for name in _PARAMETERS)]
    return [table.get(name) for table in tables for name in _SECRETS]
