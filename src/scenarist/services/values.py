"""Values of data nodes: read, write and append them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import msgspec
from sqlalchemy import Connection

from scenarist.db import edits as edit_rows
from scenarist.db.engine import Database
from scenarist.db.named_files import find_replacer, make_file_edit
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.errors import ConflictError, NotFoundError, TooLargeError
from scenarist.domain.identifiers import EditId, make_uuid
from scenarist.domain.locations import describe_replacement
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.selections import Selection
from scenarist.services.locks import get_data_node_without_links
from scenarist.services.value_reader import (
    RenderedValue,
    ValueReader,
    as_written,
    is_named_file,
    is_written_by_worker,
    location_of,
    make_json_location,
    read_rendition,
    resolve_node_properties,
    version_of,
)
from scenarist.services.value_writer import NO_OPTIONS, NewValue, ValueWriter, WriteOptions
from scenarist.services.worker_calls import CallInWorker, FunctionCall, make_error
from scenarist.services.write_claims import ClaimedWriter
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.bounds import ValueLimits
from scenarist.storage.files.remote import is_url
from scenarist.storage.operations.rewriting import (
    needs_worker,
    prepare_append_safely,
    prepare_rewrite_safely,
)
from scenarist.storage.registry import explain_missing, find_storage, require_file_state

APPEND_ATTEMPTS = 5
"""Number of optimistic attempts of an append, before it excludes other writes."""

REMOTE_ATTEMPTS = 100
"""The same for remote storage, where excluding other writes would block them on the network."""

UNRECORDED_EDIT = "unrecorded"
"""Identifier of the temporary edit that describes a named file which no edit records yet."""

_PREPARE = "scenarist.storage.operations.reading:prepare_value"
_APPEND = "scenarist.storage.operations.appending:append"
_EVERYTHING = Selection()


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundValue:
    """A value that exists and can be read as JSON.

    Args:
        version: Changes when the value does; None if only reading the value would tell.
        show: Reads the value; raises as `ValueService.read`.
    """

    version: str | None
    show: Callable[[], RenderedValue]


class ValueService:
    """Reads the values of data nodes, and writes them for REST clients.

    Workers read and write whatever needs user code.

    Args:
        folder: Where values are stored, unless their config names a path.
    """

    def __init__(
        self,
        database: Database,
        writer: ValueWriter,
        compute: CallInWorker,
        *,
        folder: str,
        now: Callable[[], datetime],
        limits: ValueLimits | None = None,
    ) -> None:
        self._database = database
        self._writer = writer
        self._compute = compute
        self._folder = folder
        self._now = now
        self._reader = ValueReader(compute, folder=folder, now=now, limits=limits)
        self._claimed_writer = ClaimedWriter(database, writer, now=now)
        self._append_lock = threading.Lock()

    def read(
        self,
        actor: Actor,
        data_node_id: str,
        wanted: Selection = _EVERYTHING,
        *,
        edit_id: str | None = None,
    ) -> FoundValue:
        """Find the newest value, or that of an edit; of a large pickled one, its beginning.

        Raises:
            NotFoundError: There is no such data node or edit, no value yet, or its file is gone.
            InvalidError: The value has no such columns, or rows of it cannot be selected.
            ConflictError: The value cannot be read, or has been replaced since.
            UnavailableError: No worker was available to read it.
        """
        actor.require(Permission.READ)
        node, edit = find_value(self._database.reader, data_node_id, edit_id, self._now())
        is_elsewhere = find_storage(node.storage_type).is_external or is_named_file(node)
        if is_elsewhere and not is_still_there(self._database.reader, node, edit):
            return FoundValue(version=edit.id, show=lambda: read_rendition(edit, wanted))
        return FoundValue(
            version=version_of(node, edit), show=lambda: self._reader.read(node, edit, wanted)
        )

    def write(
        self, actor: Actor, data_node_id: str, data: object, options: WriteOptions = NO_OPTIONS
    ) -> Edit:
        """Write data that came as JSON as the newest value, and release jobs that wait for it.

        Raises:
            NotFoundError: There is no such data node.
            InvalidError: The data node's storage cannot store such data.
            ConflictError: The data node is read-only, an unfinished job will write it, or another
                editor has locked it.
            ChangedError: The data node or its value is not as expected.
            UnavailableError: The value could not be written now.
        """
        actor.require(Permission.EDIT)
        node = self._writer.check(self._database.reader, actor, data_node_id, options)
        write_in_worker = partial(self._write_in_worker, data=data)
        base = None if is_written_by_worker(node) else self._find_former(node)
        if is_written_by_worker(node) or (base is not None and needs_worker(base)):
            return self._claimed_writer.write(actor, node, options, write_in_worker)
        target = self._make_target(node)
        try:
            value = prepare_rewrite_safely(data, node.storage_type, target.properties, base)
            written = find_storage(node.storage_type).write(value, target)
        except TooLargeError:
            return self._claimed_writer.write(actor, node, options, write_in_worker)
        return self._writer.record(actor, _make_new_value(target, written), options)

    def append(
        self, actor: Actor, data_node_id: str, data: object, options: WriteOptions = NO_OPTIONS
    ) -> Edit:
        """Append data that came as JSON to the newest value; no concurrent append is lost.

        Raises:
            NotFoundError: As `write`.
            InvalidError: As `write`; also if the data does not match the present value.
            ConflictError: As `write`; also if the storage cannot append, or if the storage is
                remote and others kept writing the data node at the same time.
            ChangedError: As `write`.
            UnavailableError: As `write`.
        """
        actor.require(Permission.EDIT)
        node = self._writer.check(self._database.reader, actor, data_node_id, options)
        if not find_storage(node.storage_type).can_append:
            raise ConflictError(
                f"data node {node.id} has the storage type {node.storage_type}, which does not "
                "support appending; write the whole value",
                code="append_not_supported",
            )
        check_not_replaced(node)
        append_in_worker = partial(self._append_in_worker, data=data)
        base = None if is_written_by_worker(node) else self._find_base(node)
        if is_written_by_worker(node) or (base is not None and needs_worker(base)):
            return self._claimed_writer.write(actor, node, options, append_in_worker)
        try:
            edit = self._try_append(actor, node, data, options)
        except TooLargeError:
            # One at a time, since the claim would refuse the others.
            with self._append_lock:
                return self._claimed_writer.write(actor, node, options, append_in_worker)
        if edit is not None:
            return edit
        # Those that lost retry one at a time; only a new request can overtake them.
        with self._append_lock:
            is_remote = is_url(self._folder)
            for _ in range((REMOTE_ATTEMPTS if is_remote else APPEND_ATTEMPTS) - 1):
                node = self._writer.check(self._database.reader, actor, data_node_id, options)
                edit = self._try_append(actor, node, data, options)
                if edit is not None:
                    return edit
            if not is_remote:
                return self._append_in_transaction(actor, data_node_id, data, options)
        raise ConflictError(
            f"other writes changed data node {node.id} during all {REMOTE_ATTEMPTS} attempts to "
            "append; try again",
            code="data_node_busy",
        )

    def _append_in_transaction(
        self, actor: Actor, data_node_id: str, data: object, options: WriteOptions
    ) -> Edit:
        """Append within the transaction, which excludes other writes; for small, local values."""
        self._writer.check(self._database.reader, actor, data_node_id, options)

        def make(connection: Connection) -> tuple[DataNode, NewValue]:
            node = self._writer.check(connection, actor, data_node_id, options)
            return node, self._make_appended(node, self._find_base(node, connection), data)

        return self._writer.make_and_record(actor, make, options)

    def _make_appended(self, node: DataNode, base: ValueLocation | None, data: object) -> NewValue:
        target = self._make_target(node)
        added = prepare_append_safely(data, node.storage_type, base)
        return _make_new_value(target, find_storage(node.storage_type).append(added, target, base))

    def _try_append(
        self, actor: Actor, node: DataNode, data: object, options: WriteOptions
    ) -> Edit | None:
        """Append to the present value; return None if it was replaced in the meantime."""
        value = self._make_appended(node, self._find_base(node), data)

        def check(connection: Connection) -> DataNode:
            current = self._writer.check(connection, actor, node.id, options)
            if current.last_edit_id != node.last_edit_id:
                raise _ReplacedError("the value of the data node was replaced in the meantime")
            return current

        try:
            return self._writer.record(actor, value, options, check=check)
        except _ReplacedError:
            return None

    def _find_base(
        self, node: DataNode, connection: Connection | None = None
    ) -> ValueLocation | None:
        """Return the location of the value to append to; None if there is no value."""
        connection = connection or self._database.reader
        if node.last_edit_id is not None:
            found, edit = find_value(connection, node.id, None, self._now())
            if found.storage_type != node.storage_type:
                raise _OtherStorageError(
                    f"the value of data node {node.id} was written as {found.storage_type}, but "
                    f"the data node is now declared as {node.storage_type}; write the whole value",
                    code="application_changed",
                )
            return location_of(found, edit)
        properties = resolve_node_properties(node)
        state = require_file_state(node.storage_type, properties)
        if state is None or find_replacer(connection, node, state) is not None:
            return None
        return ValueLocation(storage_type=node.storage_type, properties=properties, uri=state.path)

    def _find_former(self, node: DataNode) -> ValueLocation | None:
        """Return the location of the value to overwrite, if the new one takes its types from it."""
        if node.replaced_by is not None:
            return None
        try:
            return self._find_base(node)
        except _OtherStorageError:
            return None

    def _write_in_worker(self, node: DataNode, data: object) -> NewValue:
        target = self._make_target(node, is_resolved=False)
        former = self._make_worker_location(node, self._find_former)
        inputs = (make_json_location(data), make_json_location(target), make_json_location(former))
        result = self._compute(FunctionCall(function=_PREPARE, inputs=inputs, outputs=(target,)))
        if not result.is_successful:
            raise make_error(
                result,
                doing=f"data node {node.id} could not be written",
                code="data_node_unwritable",
                is_clients=True,
            )
        return _make_new_value(target, result.written[0])

    def _append_in_worker(self, node: DataNode, data: object) -> NewValue:
        target = self._make_target(node, is_resolved=False)
        base = self._make_worker_location(node, self._find_base)
        result_target = replace(target, storage_type="json", properties={})
        result = self._compute(
            FunctionCall(
                function=_APPEND,
                inputs=(
                    make_json_location(data),
                    make_json_location(target),
                    make_json_location(base),
                ),
                outputs=(result_target,),
            )
        )
        if not result.is_successful:
            raise make_error(
                result,
                doing=f"could not append to data node {node.id}",
                code="data_node_unwritable",
                is_clients=True,
            )
        return _make_new_value(target, msgspec.json.decode(result.take_json(), type=WrittenValue))

    def _make_worker_location(
        self, node: DataNode, find: Callable[[DataNode], ValueLocation | None]
    ) -> ValueLocation | None:
        """Return a location for a worker, with references to environment variables unresolved."""
        if find_storage(node.storage_type).is_external:
            # There may be a value even if none of our edits records it.
            base: ValueLocation | None = ValueLocation(storage_type=node.storage_type)
        else:
            base = find(node)
        return None if base is None else replace(base, properties=node.properties)

    def _make_target(self, node: DataNode, *, is_resolved: bool = True) -> WriteTarget:
        return WriteTarget(
            data_node_id=node.id,
            edit_id=make_uuid(self._now()),
            storage_type=node.storage_type,
            folder=self._folder,
            properties=resolve_node_properties(node) if is_resolved else node.properties,
        )


class _ReplacedError(ConflictError):
    """The value that was appended to is no longer the newest."""


class _OtherStorageError(ConflictError):
    """The present value was written with another storage type than the data node has now."""


def find_value(
    connection: Connection, data_node_id: str, edit_id: str | None, now: datetime
) -> tuple[DataNode, Edit]:
    """Return a data node with its newest edit, or with the given one.

    The data node is without what refers to it and what wrote it. Its storage type and properties
    are those that the value was written with.

    Raises:
        NotFoundError: There is no such data node or edit, or no value yet.
        ConflictError: Another data node has since written to the same place.
    """
    node = get_data_node_without_links(connection, data_node_id, now)
    wanted = edit_id or node.last_edit_id
    if wanted is None:
        # A read records nothing: jobs and submits record the file as an edit.
        state = require_file_state(node.storage_type, node.properties)
        replacer = None if state is None else find_replacer(connection, node, state)
        if state is not None and replacer is None:
            return node, make_file_edit(node.id, EditId(UNRECORDED_EDIT), state, now)
        missing = explain_missing(node.storage_type, node.properties)
        if state is not None:
            missing = f"the file at {state.path} was written for data node {replacer}"
        hint = f": {missing}; put the file there," if missing else ";"
        raise NotFoundError(
            f"data node {data_node_id} has no value yet{hint} write one, or submit the "
            "tasks that produce it",
            code="data_node_not_written",
        )
    edit = edit_rows.find(connection, data_node_id, wanted)
    if edit is None:
        raise NotFoundError(f"data node {data_node_id} has no edit {wanted}")
    if edit_id is None:
        check_not_replaced(node)
    return as_written(node, edit), edit


def check_not_replaced(node: DataNode) -> None:
    """Refuse to read or append if another data node has since written to the same place.

    Raises:
        ConflictError: It has; the message names that data node.
    """
    if node.replaced_by is not None:
        raise ConflictError(
            describe_replacement(node.id, node.replaced_by), code="data_node_replaced"
        )


def is_still_there(connection: Connection, node: DataNode, edit: Edit) -> bool:
    """Return whether the value of an edit has not been replaced in place by a later one."""
    if edit.id in {node.last_edit_id, UNRECORDED_EDIT}:
        return node.replaced_by is None
    return edit.kept_as is not None and edit_rows.is_last_at_its_file(connection, edit)


def _make_new_value(target: WriteTarget, written: WrittenValue) -> NewValue:
    return NewValue(
        data_node_id=target.data_node_id, edit_id=EditId(target.edit_id), written=written
    )
