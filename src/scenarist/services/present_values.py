"""Finds the present value of a data node: its newest edit, or the file that is there."""

from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import edits as edit_rows
from scenarist.db.named_files import find_replacer, make_file_edit
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.errors import ConflictError, NotFoundError
from scenarist.domain.identifiers import EditId
from scenarist.domain.locations import describe_replacement
from scenarist.services.locks import get_data_node_without_links
from scenarist.services.value_reader import as_written, location_of, resolve_node_properties
from scenarist.storage.base import ValueLocation
from scenarist.storage.registry import explain_missing, require_file_state

UNRECORDED_EDIT = "unrecorded"
"""Identifier of the temporary edit that describes a named file which no edit records yet."""


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


def find_base(connection: Connection, node: DataNode, now: datetime) -> ValueLocation | None:
    """Return the location of the value to append to; None if there is no value.

    Raises:
        ConflictError: The value was written with another storage type than is declared now.
    """
    if node.last_edit_id is not None:
        found, edit = find_value(connection, node.id, None, now)
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


def find_former(connection: Connection, node: DataNode, now: datetime) -> ValueLocation | None:
    """Return the location of the value to overwrite, if the new one takes its types from it."""
    if node.replaced_by is not None:
        return None
    try:
        return find_base(connection, node, now)
    except _OtherStorageError:
        return None


class _OtherStorageError(ConflictError):
    """The present value was written with another storage type than the data node has now."""
