"""Edits: the history of the values of a data node."""

from collections.abc import Sequence
from datetime import datetime

from scenarist.db import data_nodes as data_node_rows
from scenarist.db import edits as edit_rows
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain.entities import Edit
from scenarist.domain.errors import NotFoundError, require_found
from scenarist.domain.identifiers import DataNodeId, EditId
from scenarist.domain.listings import PageRequest
from scenarist.domain.permissions import Actor, Permission
from scenarist.storage.base import WrittenValue


class EditService:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, actor: Actor, data_node_id: str, edit_id: str) -> Edit:
        actor.require(Permission.READ)
        found = edit_rows.find(self._database.reader, data_node_id, edit_id)
        if found is None:
            raise NotFoundError(f"data node {data_node_id} has no edit {edit_id}")
        return found

    def list_page(
        self,
        actor: Actor,
        data_node_id: str,
        request: PageRequest,
        *,
        versions: Sequence[str] = (),
    ) -> Page[Edit]:
        """Return edits without their values, of all versions or of the given ones.

        Raises:
            NotFoundError: There is no such data node.
        """
        actor.require(Permission.READ)
        found = data_node_rows.find(self._database.reader, data_node_id)
        require_found(found, "data node", data_node_id)
        return edit_rows.list_page(self._database.reader, data_node_id, request, versions=versions)


def make_edit(
    data_node_id: DataNodeId,
    edit_id: EditId,
    written: WrittenValue,
    *,
    at: datetime,
    actor: str | None,
    version: str,
) -> Edit:
    """Return the edit of a value that no job wrote, and that this process has stored."""
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
        stamp=written.stamp,
        version=version,
        figures=written.figures,
    )
