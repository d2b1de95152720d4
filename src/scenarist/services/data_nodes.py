"""What may be done with data nodes: looking at them, reading and writing their values."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import data_nodes as data_node_rows
from scenarist.db import endings
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.environment import resolve
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.domain.identifiers import DataNodeId, EditId, new_uuid
from scenarist.domain.listings import DataNodeFilter, PageRequest
from scenarist.domain.permissions import Actor, Permission
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.kinds import discard, find_storage, publish, read_json


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A data node's value as JSON text; cut short when it is not complete."""

    text: str
    is_complete: bool


class DataNodeService:
    """Reads what lies at a data node, and writes it for people and programs.

    Args:
        folder: Where values go whose place the system names.
        wake: Called after each commit that may let jobs run.
    """

    def __init__(
        self,
        database: Database,
        *,
        folder: str,
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._folder = folder
        self._now = now
        self._wake = wake

    def get(self, actor: Actor, data_node_id: str) -> DataNode:
        actor.require(Permission.READ)
        found = data_node_rows.find(self._database.reader, data_node_id)
        if found is None:
            raise NotFoundError(f"no data node has the identifier {data_node_id}")
        return found

    def list_page(
        self, actor: Actor, wanted: DataNodeFilter, request: PageRequest
    ) -> Page[DataNode]:
        actor.require(Permission.READ)
        return data_node_rows.page(self._database.reader, wanted, request)

    def read(self, actor: Actor, data_node_id: str) -> ShownValue:
        """Return the newest value; of a pickled one that is large, the preview its writer made.

        Raises:
            NotFoundError: There is no such data node, it has no value yet, or its file is gone.
            ConflictError: The value can be shown only by a worker, and none has looked at it.
        """
        node = self.get(actor, data_node_id)
        edit = data_node_rows.find_last_edit(self._database.reader, data_node_id)
        if edit is None:
            raise NotFoundError(
                f"data node {data_node_id} has no value yet; write one, or submit what produces it",
                code="data_node_not_written",
            )
        if edit.rendition is not None and edit.is_complete:
            return ShownValue(edit.rendition, is_complete=True)
        if find_storage(node.storage_type).is_safe:
            place = Place(
                storage_type=node.storage_type,
                properties=resolve(node.properties, os.environ),
                uri=edit.uri,
                content=edit.content,
            )
            return ShownValue(_text_at(place), is_complete=True)
        if edit.rendition is None:
            raise ConflictError(
                f"the value of data node {data_node_id} is a {node.storage_type} file that no job "
                "has written, and the server never opens those; it shows values that jobs write",
                code="data_node_not_shown",
            )
        return ShownValue(edit.rendition, is_complete=False)

    def write(self, actor: Actor, data_node_id: str, data: object) -> Edit:
        """Make data that came as JSON the newest value, and let jobs go on that waited for it.

        Raises:
            NotFoundError: There is no such data node.
            InvalidError: The data node's storage cannot hold such data.
            ConflictError: The data node is read-only, or a job that has not ended will write it.
        """
        actor.require(Permission.EDIT)
        node = self.get(actor, data_node_id)
        if node.properties.get("read_only"):
            raise ConflictError(
                f"data node {data_node_id} is declared read-only; write another one",
                code="data_node_read_only",
            )
        storage = find_storage(node.storage_type)
        edit_id = EditId(new_uuid(self._now()))
        properties = resolve(node.properties, os.environ)
        written = storage.write(
            storage.from_json(data),
            Target(
                data_node_id=node.id,
                edit_id=edit_id,
                storage_type=node.storage_type,
                folder=self._folder,
                properties=properties,
            ),
        )

        def work(connection: Connection) -> Edit:
            _check_is_free(connection, node)
            edit = edit_of(node.id, edit_id, written, at=self._now(), actor=actor.name)
            data_node_rows.add_edits(connection, [edit])
            endings.release_inputs(connection, [node.id])
            publish(written)
            return edit

        try:
            edit = self._database.write(work)
        except BaseException:
            discard(written)
            raise
        self._wake()
        return edit


def edit_of(
    data_node_id: DataNodeId, edit_id: EditId, written: Written, *, at: datetime, actor: str | None
) -> Edit:
    """Describe a value that no job wrote."""
    return Edit(
        id=edit_id,
        data_node_id=data_node_id,
        created_at=at,
        job_id=None,
        actor=actor,
        comment=None,
        uri=written.uri,
        content=written.content,
        size=written.size,
        digest=written.digest,
        python_type=written.python_type,
        rendition=written.rendition,
        is_complete=written.is_complete,
    )


def _text_at(place: Place) -> str:
    try:
        return read_json(place)
    except InvalidError as error:
        # The request was right; what lies there is not.
        raise ConflictError(error.message, code="data_node_unreadable") from error


def _check_is_free(connection: Connection, node: DataNode) -> None:
    holder = data_node_rows.find_holder(connection, node.id)
    if holder is not None:
        raise ConflictError(
            f"data node {node.id} is used by job {holder}, which has not ended; "
            "write it when the job has ended",
            code="data_node_in_use",
        )
