"""Reads values as JSON: from the rendition, from the file, or in a worker."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.environment import resolve
from scenarist.domain.errors import (
    ConflictError,
    DamagedError,
    InvalidError,
    TooLargeError,
    UnavailableError,
)
from scenarist.domain.identifiers import make_uuid
from scenarist.domain.selections import Selection
from scenarist.domain.short_reads import require_thread
from scenarist.services.worker_calls import CallInWorker, FunctionCall, make_error
from scenarist.storage.base import (
    FileFingerprint,
    ValueLocation,
    WriteTarget,
    fingerprint_of,
)
from scenarist.storage.bounds import ValueLimits, apply_limits, check_file
from scenarist.storage.files.remote import is_url
from scenarist.storage.files.value_files import check_fingerprint
from scenarist.storage.formats.json import encode_document
from scenarist.storage.operations.reading import read_selected
from scenarist.storage.operations.transfers import open_file
from scenarist.storage.registry import find_storage, named_path
from scenarist.storage.tables.selection import select_from_json
from scenarist.system.json_decoding import decode_json

_SHOW_VALUE = "scenarist.storage.operations.reading:show_value"
_SHOW_FILE = "scenarist.storage.operations.reading:show_file"
_EVERYTHING = Selection()
_MEMORY_LIMIT = 1024 * 1024
"""Bytes up to which a response is kept in memory."""


@dataclass(frozen=True, slots=True)
class RenderedValue:
    """The value of a data node as JSON text; only a preview if it is not complete.

    Args:
        file: An unlinked file with the UTF-8 text of a large value, in place of *text*.
    """

    text: str
    is_complete: bool
    file: BinaryIO | None = None


class ValueReader:
    """Reads values of data nodes as JSON; only workers run code that a value contains.

    Args:
        folder: Where workers write the JSON text of the response.
    """

    def __init__(
        self,
        compute: CallInWorker,
        *,
        folder: str,
        now: Callable[[], datetime],
        limits: ValueLimits | None,
    ) -> None:
        self._compute = compute
        self._folder = folder
        self._now = now
        self._limits = limits or ValueLimits()

    def read(self, node: DataNode, edit: Edit, wanted: Selection) -> RenderedValue:
        """Read the newest value as it is now, even if another program has replaced its file.

        Raises:
            NotFoundError: Its file is gone.
            InvalidError: It has no such columns, or rows of it cannot be selected.
            ConflictError: The value cannot be read.
            TooLargeError: Reading it needs more memory than a request may use.
            UnavailableError: No worker was available to read it.
        """
        storage = find_storage(node.storage_type)
        if storage.is_external:
            return self._read_in_worker(node, edit, wanted, is_whole=True)
        is_recorded = not is_named_file(node)
        if storage.is_safe:
            if is_recorded and edit.is_complete and wanted == _EVERYTHING:
                check_unchanged(node, edit)
                return _whole_rendition(edit)
            return self._read_in_server(node, edit, wanted)
        is_shown = edit.rendition is not None and (edit.is_complete or wanted == _EVERYTHING)
        if is_shown and (is_recorded or _is_unchanged(edit)):
            if is_recorded:
                check_unchanged(node, edit)
            found = _select_from_rendition(edit, wanted)
            if found is not None:
                return found
        return self._read_in_worker(node, edit, wanted, is_whole=wanted != _EVERYTHING)

    def _read_in_server(self, node: DataNode, edit: Edit, wanted: Selection) -> RenderedValue:
        """Read a small value in the server, and any other in a worker."""
        require_thread()
        location = location_of(node, edit)
        try:
            with apply_limits(self._limits.in_server(parts=1 + len(wanted.conditions))):
                check_file(_size_of(node, edit), len(wanted.conditions))
                return RenderedValue(read_selected(location, wanted), is_complete=True)
        except TooLargeError:
            unresolved = replace(location, properties=dict(node.properties))
            inputs = (make_json_location(unresolved), make_json_location(wanted.to_data()))
            return self._call_worker(node, wanted, _SHOW_FILE, inputs)

    def _read_in_worker(
        self, node: DataNode, edit: Edit, wanted: Selection, *, is_whole: bool
    ) -> RenderedValue:
        """Read a value in a worker; return all of it, or the beginning of a large one."""
        # `exposed_type` is for functions; the JSON form does not depend on it, and needs rows.
        plain = {key: value for key, value in node.properties.items() if key != "exposed_type"}
        location = ValueLocation(
            storage_type=node.storage_type,
            properties=plain,
            uri=edit.uri,
            content=edit.content,
            fingerprint=fingerprint_of(plain, edit.size, edit.digest, edit.stamp),
        )
        inputs = (location, make_json_location(wanted.to_data()))
        return self._call_worker(node, wanted, _SHOW_VALUE, inputs, make_json_location(is_whole))

    def _call_worker(
        self,
        node: DataNode,
        wanted: Selection,
        function: str,
        inputs: tuple[ValueLocation, ...],
        *more: ValueLocation,
    ) -> RenderedValue:
        """Have a worker write JSON text to a temporary file; unlink the file before returning."""
        require_thread()
        folder = None if is_url(self._folder) else self._folder
        descriptor, path = tempfile.mkstemp(".json", ".answer-", folder)
        file = os.fdopen(descriptor, "rb")
        try:
            target = WriteTarget(
                data_node_id=node.id,
                edit_id=make_uuid(self._now()),
                storage_type="json",
                folder=self._folder,
            )
            call = FunctionCall(
                function=function,
                inputs=(*inputs, make_json_location(path), *more),
                outputs=(target,),
            )
            is_complete = self._is_complete(call, node, wanted)
            return _read_file(file, is_complete=is_complete)
        except BaseException:
            file.close()
            raise
        finally:
            os.unlink(path)

    def _is_complete(self, call: FunctionCall, node: DataNode, wanted: Selection) -> bool:
        """Have a worker write a value as JSON; return whether the JSON is complete."""
        result = self._compute(call)
        if not result.is_successful:
            raise make_error(
                result,
                doing=f"data node {node.id} could not be read",
                code="data_node_unreadable",
                is_clients=wanted != _EVERYTHING,
            )
        rendition = msgspec.json.decode(result.written[0].rendition)
        return rendition is None or bool(rendition["is_complete"])


def read_rendition(edit: Edit, wanted: Selection) -> RenderedValue:
    """Return what the edit itself records of its value: the rendition.

    Raises:
        ConflictError: There is no rendition, or it is too short to select from.
        InvalidError: It has no such columns, or rows of it cannot be selected.
    """
    if edit.rendition is None or (wanted != _EVERYTHING and not edit.is_complete):
        raise ConflictError(
            f"only {'a preview' if edit.rendition else 'the time'} of edit {edit.id} is kept: its "
            "value was stored at a place where later values replace it",
            code="edit_replaced",
        )
    found = _select_from_rendition(edit, wanted)
    if found is None:
        raise ConflictError(
            f"only the JSON form of edit {edit.id} is kept, and the conditions cannot be evaluated "
            "on it; read the whole value",
            code="edit_replaced",
        )
    return found


def _select_from_rendition(edit: Edit, wanted: Selection) -> RenderedValue | None:
    """Select from the rendition of an edit; None if the conditions cannot be evaluated on it."""
    if wanted == _EVERYTHING:
        return _whole_rendition(edit)
    chosen = select_from_json(decode_json(edit.rendition or "null"), wanted)
    if chosen is None:
        return None
    return RenderedValue(msgspec.json.encode(chosen).decode(), is_complete=True)


def check_unchanged(node: DataNode, edit: Edit) -> None:
    """Refuse a value whose local file is gone or has changed since it was written.

    Raises:
        NotFoundError: The file is gone.
        ConflictError: The file cannot be opened, or was truncated or changed.
    """
    if edit.uri is None or is_url(edit.uri):
        return
    fingerprint = fingerprint_of(node.properties, edit.size, edit.digest, edit.stamp)
    if fingerprint is not None:
        require_thread()
        with open_file(edit.uri) as file:
            check_fingerprint(file, edit.uri, fingerprint)


def as_written(node: DataNode, edit: Edit) -> DataNode:
    """Return a data node as it was declared when a value of it was written."""
    if edit.kept_as is None:
        return node
    return replace(
        node,
        storage_type=edit.kept_as["storage_type"],
        properties=edit.kept_as["properties"],
    )


def location_of(node: DataNode, edit: Edit) -> ValueLocation:
    """Return the location of a value, with references to environment variables resolved.

    Raises:
        ConflictError: A variable that the data node's config refers to is not set.
    """
    properties = resolve_node_properties(node)
    return ValueLocation(
        storage_type=node.storage_type,
        properties=properties,
        uri=edit.uri,
        content=edit.content,
        fingerprint=fingerprint_of(properties, edit.size, edit.digest, edit.stamp),
    )


def resolve_node_properties(node: DataNode) -> dict[str, object]:
    """Return the properties of a data node, with references to environment variables resolved.

    Raises:
        ConflictError: A variable that they refer to is not set.
    """
    try:
        found: dict[str, object] = resolve(dict(node.properties), os.environ)
    except InvalidError as error:
        raise ConflictError(f"data node {node.id}: {error.message}", code=error.reason) from error
    return found


def is_named_file(node: DataNode) -> bool:
    """Return whether its value is in a file named by the user, which others may replace."""
    return named_path(node.properties) is not None


def version_of(node: DataNode, edit: Edit) -> str | None:
    """Return a version that changes with the newest value; None if only the value would tell."""
    if find_storage(node.storage_type).is_external:
        return None
    if edit.uri is None or not is_named_file(node):
        return edit.id
    require_thread()
    try:
        found = Path(edit.uri).stat()
    except (OSError, ValueError):
        return None
    return f"{edit.id}-{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"


def is_written_by_worker(node: DataNode) -> bool:
    """Return whether writing a value needs user code, whatever the present value is."""
    is_declared = node.storage_type == "json" and (
        node.properties.get("encoder") or node.properties.get("exposed_type")
    )
    return find_storage(node.storage_type).is_external or bool(is_declared)


def make_json_location(data: object) -> ValueLocation:
    """Return the in-memory location of data that a worker gets as an argument."""
    return ValueLocation(storage_type="json", content=encode_document(msgspec.to_builtins(data)))


def _whole_rendition(edit: Edit) -> RenderedValue:
    return RenderedValue(edit.rendition or "null", edit.is_complete)


def _read_file(file: BinaryIO, *, is_complete: bool) -> RenderedValue:
    if os.fstat(file.fileno()).st_size > _MEMORY_LIMIT:
        return RenderedValue("", is_complete, file)
    with file:
        return RenderedValue(file.read().decode(), is_complete)


def _size_of(node: DataNode, edit: Edit) -> int | None:
    """Return the size of a value in bytes; None if only reading it would tell."""
    if edit.content is not None or not is_named_file(node) or edit.uri is None:
        return edit.size
    try:
        return Path(edit.uri).stat().st_size
    except (OSError, ValueError):
        # Reading it will raise the right error.
        return 0


def _is_unchanged(edit: Edit) -> bool:
    """Return whether the user-named file still contains what was written with the edit."""
    if edit.uri is None or edit.size is None or edit.digest is None:
        return False
    require_thread()
    written = FileFingerprint(size=edit.size, digest=edit.digest, stamp=None)
    try:
        with open_file(edit.uri) as file:
            check_fingerprint(file, edit.uri, written)
    except DamagedError:
        return False
    except OSError as error:
        raise UnavailableError(f"{edit.uri} cannot be read: {error.strerror}") from error
    return True
