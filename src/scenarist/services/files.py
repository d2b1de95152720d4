"""Values as files: download and upload them."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import BinaryIO

import msgspec

from scenarist.db.engine import Database
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.errors import ConflictError, TooLargeError
from scenarist.domain.identifiers import EditId, make_uuid
from scenarist.domain.permissions import Actor, Permission
from scenarist.services.present_values import find_value, is_still_there
from scenarist.services.value_maker import Places
from scenarist.services.value_reader import (
    is_named_file,
    make_json_location,
    resolve_node_properties,
    version_of,
)
from scenarist.services.value_schemas import ValueSchemas
from scenarist.services.value_writer import NO_OPTIONS, NewValue, ValueWriter, WriteOptions
from scenarist.services.worker_calls import CallInWorker, FunctionCall, make_error
from scenarist.storage.base import (
    FileFingerprint,
    ValueLocation,
    WriteTarget,
    WrittenValue,
    fingerprint_of,
)
from scenarist.storage.bounds import ValueLimits, apply_limits, check_file
from scenarist.storage.files.remote import is_url
from scenarist.storage.files.value_files import check_digest, check_fingerprint, check_size
from scenarist.storage.operations.transfers import (
    find_format,
    is_uploadable,
    open_file,
    size_of,
    store_upload,
)

_CHUNK = 256 * 1024
_STORE_UPLOAD = "scenarist.storage.operations.uploading:accept_upload"


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """A value as a file.

    Args:
        version: Changes when the bytes do.
        open: Opens the file; returns its size in bytes, and an iterator over its content.
    """

    name: str
    media_type: str
    version: str
    open: Callable[[], tuple[int, Iterator[bytes]]]


class FileService:
    """Downloads the bytes of values, and uploads values in formats that can be checked.

    Args:
        folder: Where values are stored, unless their config names a path.
        figures: Places of numbers to take from values, by data node config.
    """

    def __init__(  # noqa: PLR0913 - its dependencies
        self,
        database: Database,
        writer: ValueWriter,
        compute: CallInWorker,
        schemas: ValueSchemas,
        *,
        folder: str,
        now: Callable[[], datetime],
        limits: ValueLimits,
        figures: Places = MappingProxyType({}),
    ) -> None:
        self._database = database
        self._writer = writer
        self._compute = compute
        self._limits = limits
        self._schemas = schemas
        self._folder = folder
        self._now = now
        self._figures = figures

    def download(self, actor: Actor, data_node_id: str, *, edit_id: str | None = None) -> Download:
        """Find the newest value, or that of an edit, as a file with its bytes as stored.

        Raises:
            NotFoundError: There is no such data node or edit, no value yet, or its file is gone.
            ConflictError: Its storage does not use files, or the file has been replaced.
        """
        actor.require(Permission.READ)
        node, edit = find_value(self._database.reader, data_node_id, edit_id, self._now())
        form = find_format(node.storage_type)
        if form is None:
            raise ConflictError(
                f"values of storage type {node.storage_type} cannot be downloaded as files; read "
                f"data node {node.id} instead",
                code="download_not_supported",
            )
        if is_named_file(node) and not is_still_there(self._database.reader, node, edit):
            raise ConflictError(
                f"the file of edit {edit.id} has been replaced by that of a later edit",
                code="edit_replaced",
            )
        return Download(
            name=f"{node.config_id}.{form.extension}",
            media_type=form.media_type,
            version=_compute_version(node, edit),
            open=lambda: _open(node, edit),
        )

    def upload(
        self, actor: Actor, data_node_id: str, data: bytes, options: WriteOptions = NO_OPTIONS
    ) -> Edit:
        """Store bytes unchanged as the newest value, after checking that they can be read safely.

        Raises:
            NotFoundError: There is no such data node.
            InvalidError: They are not in the format of the data node's storage, or do not fit its
                schema; says why.
            ConflictError: Its storage does not support uploads, or the data node cannot be
                written now.
            ChangedError: The data node or its value is not as expected.
            TooLargeError: Reading them needs more memory than a request may use.
            UnavailableError: No worker was available to read them.
        """
        actor.require(Permission.EDIT)
        node = self._writer.check(self._database.reader, actor, data_node_id, options)
        if not is_uploadable(node.storage_type):
            raise ConflictError(
                f"data node {node.id} has the storage type {node.storage_type}, which does not "
                "support uploads; csv, excel, json and parquet do",
                code="upload_not_supported",
            )
        target = WriteTarget(
            data_node_id=node.id,
            edit_id=make_uuid(self._now()),
            storage_type=node.storage_type,
            folder=self._folder,
            properties=resolve_node_properties(node),
            figures=self._figures.get(node.config_id, ()),
        )
        try:
            with apply_limits(self._limits.in_server()):
                check_file(len(data))
                self._schemas.check_stored(
                    node,
                    ValueLocation(
                        storage_type=node.storage_type, properties=target.properties, content=data
                    ),
                )
                written = store_upload(data, target)
        except TooLargeError:
            if self._schemas.has_schema(node):
                raise  # only the server compares it with the schema
            written = self._store_in_worker(data, replace(target, properties=node.properties))
        value = NewValue(data_node_id=node.id, edit_id=EditId(target.edit_id), written=written)
        return self._writer.record(actor, value, options)

    def _store_in_worker(self, data: bytes, target: WriteTarget) -> WrittenValue:
        """Have a worker check and store an upload that needs, or may need, much memory."""
        result_target = replace(target, storage_type="json", properties={})
        folder = None if is_url(self._folder) else self._folder
        with tempfile.NamedTemporaryFile(prefix=".upload-", dir=folder) as file:
            file.write(data)
            file.flush()
            inputs = (make_json_location(file.name), make_json_location(target))
            result = self._compute(
                FunctionCall(function=_STORE_UPLOAD, inputs=inputs, outputs=(result_target,))
            )
        if not result.is_successful:
            raise make_error(
                result,
                doing="the upload could not be stored",
                code="upload_invalid",
                is_clients=True,
            )
        return msgspec.json.decode(result.take_json(), type=WrittenValue)


def _compute_version(node: DataNode, edit: Edit) -> str:
    if edit.digest is not None and not is_named_file(node):
        return edit.digest
    return version_of(node, edit) or edit.id


def _open(node: DataNode, edit: Edit) -> tuple[int, Iterator[bytes]]:
    if edit.uri is None:
        content = edit.content or b""
        return len(content), iter([content])
    file = open_file(edit.uri)
    fingerprint = fingerprint_of(node.properties, edit.size, edit.digest, edit.stamp)
    is_remote = is_url(edit.uri)
    try:
        size = size_of(file)
        if fingerprint is not None and is_remote:
            check_size(size, edit.uri, fingerprint)
        elif fingerprint is not None:
            check_fingerprint(file, edit.uri, fingerprint)
    except BaseException:
        file.close()
        raise
    return size, _read_chunks(file, size, edit.uri, fingerprint if is_remote else None)


def _read_chunks(
    file: BinaryIO, size: int, uri: str, fingerprint: FileFingerprint | None
) -> Iterator[bytes]:
    """Yield the bytes of a file; if it has changed since it was written, all but the last chunk.

    The client then sees an incomplete response.

    Args:
        fingerprint: Digest to compare with while reading; None if the file was checked before.
    """
    digest = sha256()
    left = size
    with file:
        while left and (piece := file.read(min(_CHUNK, left))):
            left -= len(piece)
            if fingerprint is not None:
                digest.update(piece)
                if not left:
                    check_digest(digest.hexdigest(), uri, fingerprint)
            yield piece
