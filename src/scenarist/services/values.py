"""What may be done with the values of data nodes: reading, writing and appending."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import msgspec
from sqlalchemy import Connection

from scenarist.db import edits as edit_rows
from scenarist.db.engine import Database
from scenarist.db.found_files import edit_of_file, find_replacer
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.errors import ConflictError, NotFoundError, TooLargeError
from scenarist.domain.identifiers import EditId, new_uuid
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.places import replaced_reason
from scenarist.domain.selections import Selection
from scenarist.services.claims import ClaimedWrites
from scenarist.services.computations import Computation, Compute, fault_of
from scenarist.services.locks import get_data_node
from scenarist.services.recording import NO_OPTIONS, NewValue, Recorder, WriteOptions
from scenarist.services.showing import (
    Show,
    ShownValue,
    as_kept,
    is_named,
    json_place,
    noted,
    place_of,
    resolved,
    version_of,
    writes_by_worker,
)
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.bounds import Limits
from scenarist.storage.kinds import find_storage, require_look, why_missing
from scenarist.storage.rewriting import added_safely, needs_worker, rewritten_safely
from scenarist.storage.shared import is_url

APPEND_ATTEMPTS = 5
"""How often an append is tried beside other writes, before it keeps them away."""

REMOTE_ATTEMPTS = 100
"""The same where that would keep everybody waiting for another machine."""

UNRECORDED = "unrecorded"
"""The identifier of an edit that is made for a reader, of a named file that none tells of yet."""

_PREPARED = "scenarist.storage.reading:prepared"
_APPENDED = "scenarist.storage.appending:append"
_EVERYTHING = Selection()


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundValue:
    """A value that can be shown.

    Args:
        version: Another one when the value is another; None where only the value itself tells.
        show: Reads it; see `ValueService.read` for what may go wrong.
    """

    version: str | None
    show: Callable[[], ShownValue]


class ValueService:
    """Reads what lies at data nodes, and writes it for people and programs.

    What only code of the user can read or write is done by workers.

    Args:
        folder: Where values go whose place the system names.
    """

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        compute: Compute,
        *,
        folder: str,
        now: Callable[[], datetime],
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._compute = compute
        self._folder = folder
        self._now = now
        self._show = Show(compute, folder=folder, now=now, limits=limits)
        self._claimed = ClaimedWrites(database, recorder, now=now)
        self._turn = threading.Lock()

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
            InvalidError: The value has no such columns, or is nothing to choose from.
            ConflictError: What lies there cannot be read, or has been replaced since.
            UnavailableError: No worker had the time to look at it.
        """
        actor.require(Permission.READ)
        node, edit = find_value(self._database.reader, data_node_id, edit_id, self._now())
        is_elsewhere = find_storage(node.storage_type).is_external or is_named(node)
        if is_elsewhere and not is_still_there(self._database.reader, node, edit):
            return FoundValue(version=edit.id, show=lambda: noted(edit, wanted))
        return FoundValue(
            version=version_of(node, edit), show=lambda: self._show.newest(node, edit, wanted)
        )

    def write(
        self, actor: Actor, data_node_id: str, data: object, options: WriteOptions = NO_OPTIONS
    ) -> Edit:
        """Make data that came as JSON the newest value, and let jobs go on that waited for it.

        Raises:
            NotFoundError: There is no such data node.
            InvalidError: The data node's storage cannot hold such data.
            ConflictError: The data node is read-only, a job that has not ended will write it, or
                another editor has locked it.
            ChangedError: It is not as expected.
            UnavailableError: The value could not be written now.
        """
        actor.require(Permission.EDIT)
        node = self._recorder.check(self._database.reader, actor, data_node_id, options)
        write_apart = partial(self._write_apart, data=data)
        base = None if writes_by_worker(node) else self._former(node)
        if writes_by_worker(node) or (base is not None and needs_worker(base)):
            return self._claimed.write(actor, node, options, write_apart)
        target = self._target(node)
        try:
            value = rewritten_safely(data, node.storage_type, target.properties, base)
        except TooLargeError:
            return self._claimed.write(actor, node, options, write_apart)
        written = find_storage(node.storage_type).write(value, target)
        return self._recorder.record(actor, _new(target, written), options)

    def append(
        self, actor: Actor, data_node_id: str, data: object, options: WriteOptions = NO_OPTIONS
    ) -> Edit:
        """Add data that came as JSON to the newest value; of appends at one time, all land.

        Raises:
            NotFoundError: As `write`.
            InvalidError: As `write`; also when the data does not go with what is there.
            ConflictError: As `write`; also when the storage cannot append, or its values lie on
                another machine and others wrote the data node again and again meanwhile.
            ChangedError: As `write`.
            UnavailableError: As `write`.
        """
        actor.require(Permission.EDIT)
        node = self._recorder.check(self._database.reader, actor, data_node_id, options)
        if not find_storage(node.storage_type).can_append:
            raise ConflictError(
                f"data node {node.id} is of storage type {node.storage_type}, to which nothing can "
                "be appended; write the whole value",
                code="append_not_supported",
            )
        check_not_replaced(node)
        append_apart = partial(self._append_apart, data=data)
        base = None if writes_by_worker(node) else self._base(node)
        if writes_by_worker(node) or (base is not None and needs_worker(base)):
            return self._claimed.write(actor, node, options, append_apart)
        try:
            edit = self._append_once(actor, node, data, options)
        except TooLargeError:
            # One after the other, as a lock keeps others away meanwhile.
            with self._turn:
                return self._claimed.write(actor, node, options, append_apart)
        if edit is not None:
            return edit
        # Those that lost take turns; only a write that just came can be quicker again.
        with self._turn:
            is_remote = is_url(self._folder)
            for _ in range((REMOTE_ATTEMPTS if is_remote else APPEND_ATTEMPTS) - 1):
                node = self._recorder.check(self._database.reader, actor, data_node_id, options)
                edit = self._append_once(actor, node, data, options)
                if edit is not None:
                    return edit
            if not is_remote:
                return self._append_alone(actor, data_node_id, data, options)
        raise ConflictError(
            f"data node {node.id} was written by others {REMOTE_ATTEMPTS} times while this was to "
            "be appended; try again",
            code="data_node_busy",
        )

    def _append_alone(
        self, actor: Actor, data_node_id: str, data: object, options: WriteOptions
    ) -> Edit:
        """Append while nobody else writes; for values that are small, and on this machine."""
        self._recorder.check(self._database.reader, actor, data_node_id, options)

        def make(connection: Connection) -> tuple[DataNode, NewValue]:
            node = self._recorder.check(connection, actor, data_node_id, options)
            return node, self._appended(node, self._base(node, connection), data)

        return self._recorder.record_made(actor, make, options)

    def _appended(self, node: DataNode, base: Place | None, data: object) -> NewValue:
        target = self._target(node)
        added = added_safely(data, node.storage_type, base)
        return _new(target, find_storage(node.storage_type).append(added, target, base))

    def _append_once(
        self, actor: Actor, node: DataNode, data: object, options: WriteOptions
    ) -> Edit | None:
        """Append to the value that the data node has; None when it has got another meanwhile."""
        value = self._appended(node, self._base(node), data)

        def check(connection: Connection) -> DataNode:
            current = self._recorder.check(connection, actor, node.id, options)
            if current.last_edit_id != node.last_edit_id:
                raise _MovedError("the data node has another value now")
            return current

        try:
            return self._recorder.record(actor, value, options, check=check)
        except _MovedError:
            return None

    def _base(self, node: DataNode, connection: Connection | None = None) -> Place | None:
        """Return where the value lies that something is appended to."""
        connection = connection or self._database.reader
        if node.last_edit_id is not None:
            found, edit = find_value(connection, node.id, None, self._now())
            if found.storage_type != node.storage_type:
                raise _OtherStorageError(
                    f"the value of data node {node.id} was written as {found.storage_type}, and "
                    f"the data node is declared as {node.storage_type} now; write the whole value",
                    code="application_changed",
                )
            return place_of(found, edit)
        properties = resolved(node)
        state = require_look(node.storage_type, properties)
        if state is None or find_replacer(connection, node, state) is not None:
            return None
        return Place(storage_type=node.storage_type, properties=properties, uri=state.path)

    def _former(self, node: DataNode) -> Place | None:
        """Return where the value lies that is written over, if what is written takes its types."""
        if node.replaced_by is not None:
            return None
        try:
            return self._base(node)
        except _OtherStorageError:
            return None

    def _write_apart(self, node: DataNode, data: object) -> NewValue:
        target = self._target(node, is_resolved=False)
        former = self._apart(node, self._former)
        inputs = (json_place(data), json_place(target), json_place(former))
        done = self._compute(Computation(function=_PREPARED, inputs=inputs, outputs=(target,)))
        if not done.is_successful:
            raise fault_of(
                done,
                doing=f"data node {node.id} could not be written",
                code="data_node_unwritable",
                is_clients=True,
            )
        return _new(target, done.written[0])

    def _append_apart(self, node: DataNode, data: object) -> NewValue:
        target = self._target(node, is_resolved=False)
        place = self._apart(node, self._base)
        answer = replace(target, storage_type="json", properties={})
        done = self._compute(
            Computation(
                function=_APPENDED,
                inputs=(json_place(data), json_place(target), json_place(place)),
                outputs=(answer,),
            )
        )
        if not done.is_successful:
            raise fault_of(
                done,
                doing=f"nothing could be appended to data node {node.id}",
                code="data_node_unwritable",
                is_clients=True,
            )
        return _new(target, msgspec.json.decode(done.take_json(), type=Written))

    def _apart(self, node: DataNode, find: Callable[[DataNode], Place | None]) -> Place | None:
        """Return a place for a worker, which knows what the environment says."""
        if find_storage(node.storage_type).is_external:
            # Whatever is there, also when none of our edits says so.
            base: Place | None = Place(storage_type=node.storage_type)
        else:
            base = find(node)
        return None if base is None else replace(base, properties=node.properties)

    def _target(self, node: DataNode, *, is_resolved: bool = True) -> Target:
        return Target(
            data_node_id=node.id,
            edit_id=new_uuid(self._now()),
            storage_type=node.storage_type,
            folder=self._folder,
            properties=resolved(node) if is_resolved else node.properties,
        )


class _MovedError(ConflictError):
    """What was appended to is not the newest value any more."""


class _OtherStorageError(ConflictError):
    """The value that is there is of another storage type than its data node is now."""


def find_value(
    connection: Connection, data_node_id: str, edit_id: str | None, now: datetime
) -> tuple[DataNode, Edit]:
    """Return a data node with its newest edit, or with the one that is named.

    Its storage type and properties are those by which the value is read.

    Raises:
        NotFoundError: There is no such data node or edit, or no value yet.
        ConflictError: Another data node has written to the same place since.
    """
    node = get_data_node(connection, data_node_id, now)
    wanted = edit_id or node.last_edit_id
    if wanted is None:
        # Nothing is written where somebody reads: a job or a submit takes the file down.
        state = require_look(node.storage_type, node.properties)
        replacer = None if state is None else find_replacer(connection, node, state)
        if state is not None and replacer is None:
            return node, edit_of_file(node.id, EditId(UNRECORDED), state, now)
        missing = why_missing(node.storage_type, node.properties)
        if state is not None:
            missing = f"the file at {state.path} was written for data node {replacer}"
        place = f": {missing}; put the file there," if missing else ";"
        raise NotFoundError(
            f"data node {data_node_id} has no value yet{place} write one, or submit what "
            "produces it",
            code="data_node_not_written",
        )
    edit = edit_rows.find(connection, data_node_id, wanted)
    if edit is None:
        raise NotFoundError(f"data node {data_node_id} has no edit {wanted}")
    if edit_id is None:
        check_not_replaced(node)
    return as_kept(node, edit), edit


def check_not_replaced(node: DataNode) -> None:
    """Refuse the newest value when another data node's lies there now.

    Raises:
        ConflictError: It does; names the data node.
    """
    if node.replaced_by is not None:
        raise ConflictError(replaced_reason(node.id, node.replaced_by), code="data_node_replaced")


def is_still_there(connection: Connection, node: DataNode, edit: Edit) -> bool:
    """Whether the value of an edit lies where later ones have not replaced it."""
    if edit.id in {node.last_edit_id, UNRECORDED}:
        return node.replaced_by is None
    return edit.kept_as is not None and edit_rows.is_last_at_its_file(connection, edit)


def _new(target: Target, written: Written) -> NewValue:
    return NewValue(
        data_node_id=target.data_node_id, edit_id=EditId(target.edit_id), written=written
    )
