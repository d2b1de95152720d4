"""Values of data nodes: read, write and append them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from types import MappingProxyType

from sqlalchemy import Connection

from scenarist.db.engine import Database
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.errors import ConflictError, TooLargeError
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.selections import Selection
from scenarist.services.present_values import (
    check_not_replaced,
    find_base,
    find_former,
    find_value,
    is_still_there,
)
from scenarist.services.value_maker import FindLocation, Places, ValueMaker
from scenarist.services.value_reader import (
    RenderedValue,
    ValueReader,
    is_named_file,
    read_rendition,
    version_of,
)
from scenarist.services.value_schemas import ValueSchemas
from scenarist.services.value_writer import NO_OPTIONS, NewValue, ValueWriter, WriteOptions
from scenarist.services.worker_calls import CallInWorker
from scenarist.services.write_claims import ClaimedWriter
from scenarist.storage.bounds import ValueLimits
from scenarist.storage.files.remote import is_url
from scenarist.storage.registry import find_storage

APPEND_ATTEMPTS = 5
"""Number of optimistic attempts of an append, before it excludes other writes."""

REMOTE_ATTEMPTS = 100
"""The same for remote storage, where excluding other writes would block them on the network."""

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
        figures: Places of numbers to take from values, by data node config.
    """

    def __init__(  # noqa: PLR0913 - its dependencies
        self,
        database: Database,
        writer: ValueWriter,
        compute: CallInWorker,
        schemas: ValueSchemas | None = None,
        *,
        folder: str,
        now: Callable[[], datetime],
        limits: ValueLimits | None = None,
        figures: Places = MappingProxyType({}),
    ) -> None:
        self._database = database
        self._writer = writer
        self._folder = folder
        self._now = now
        self._schemas = schemas or ValueSchemas({})
        self._maker = ValueMaker(
            compute, folder=folder, now=now, schemas=self._schemas, figures=figures
        )
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
            InvalidError: The data does not fit the schema, or the storage cannot store it.
            ConflictError: The data node is read-only, an unfinished job will write it, or another
                editor has locked it.
            ChangedError: The data node or its value is not as expected.
            UnavailableError: The value could not be written now.
        """
        actor.require(Permission.EDIT)
        node = self._writer.check(self._database.reader, actor, data_node_id, options)
        self._schemas.check(node, data)

        def write_in_worker(node: DataNode) -> NewValue:
            return self._maker.make_in_worker(node, data, self._make_find_former(node))

        find = cache(self._make_find_former(node))
        if self._maker.needs_worker(node, find):
            return self._claimed_writer.write(actor, node, options, write_in_worker)
        try:
            value = self._maker.make(node, data, find)
        except TooLargeError:
            return self._claimed_writer.write(actor, node, options, write_in_worker)
        return self._writer.record(actor, value, options)

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
        _check_appendable(node)

        def append_in_worker(node: DataNode) -> NewValue:
            self._check_appended(node, data)
            return self._maker.append_in_worker(node, data, self._make_find_base(node))

        if self._maker.needs_worker(node, self._make_find_base(node)):
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
            present = find_base(connection, node, self._now())
            self._schemas.check_appended(node, data, present)
            return node, self._maker.make_appended(node, data, present)

        return self._writer.make_and_record(actor, make, options)

    def _try_append(
        self, actor: Actor, node: DataNode, data: object, options: WriteOptions
    ) -> Edit | None:
        """Append to the present value; return None if it was replaced in the meantime."""
        present = self._make_find_base(node)()
        self._schemas.check_appended(node, data, present)
        value = self._maker.make_appended(node, data, present)

        def check(connection: Connection) -> DataNode:
            current = self._writer.check(connection, actor, node.id, options)
            if current.last_edit_id != node.last_edit_id:
                raise _ReplacedError("the value of the data node was replaced in the meantime")
            return current

        try:
            return self._writer.record(actor, value, options, check=check)
        except _ReplacedError:
            return None

    def _check_appended(self, node: DataNode, data: object) -> None:
        is_external = find_storage(node.storage_type).is_external
        present = None if is_external else self._make_find_base(node)()
        self._schemas.check_appended(node, data, present)

    def _make_find_base(self, node: DataNode) -> FindLocation:
        return partial(find_base, self._database.reader, node, self._now())

    def _make_find_former(self, node: DataNode) -> FindLocation:
        return partial(find_former, self._database.reader, node, self._now())


def _check_appendable(node: DataNode) -> None:
    if not find_storage(node.storage_type).can_append:
        raise ConflictError(
            f"data node {node.id} has the storage type {node.storage_type}, which does not "
            "support appending; write the whole value",
            code="append_not_supported",
        )
    check_not_replaced(node)


class _ReplacedError(ConflictError):
    """The value that was appended to is no longer the newest."""
