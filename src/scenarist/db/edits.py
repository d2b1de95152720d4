"""Queries for the edits of data nodes: the history of their values."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal, null, select

from scenarist.db.among import is_one_of
from scenarist.db.data_nodes import to_edit
from scenarist.db.paging import Page
from scenarist.db.sql import Query
from scenarist.db.tables import edits
from scenarist.domain.entities import Edit
from scenarist.domain.listings import PagePosition, PageRequest

_FIND = Query(
    select(edits).where(
        edits.c.id == bindparam("id"), edits.c.data_node_id == bindparam("data_node_id")
    )
)
_LAST_AT = select(func.max(edits.c.id)).where(
    edits.c.data_node_id == bindparam("data_node_id"), edits.c.uri == bindparam("uri")
)
# Without the values themselves: a page of them would be large.
_BRIEF = select(
    *(
        column
        for column in edits.c
        if column.name not in {edits.c.content.name, edits.c.rendition.name}
    ),
    null().label("content"),
    null().label("rendition"),
)


def find(connection: Connection, data_node_id: str, edit_id: str) -> Edit | None:
    """Return an edit of a data node; None if it does not exist or belongs to another data node."""
    row = _FIND.fetch_first(connection, {"id": edit_id, "data_node_id": data_node_id})
    return None if row is None else to_edit(row)


def is_last_at_its_file(connection: Connection, edit: Edit) -> bool:
    """Whether no later edit of the data node is in the same file, so the value is still there."""
    if edit.uri is None:
        return False
    last = connection.execute(_LAST_AT, {"data_node_id": edit.data_node_id, "uri": edit.uri})
    return last.scalar() == edit.id


def list_page(
    connection: Connection,
    data_node_id: str,
    request: PageRequest,
    *,
    versions: Sequence[str] = (),
) -> Page[Edit]:
    """Return a page of a data node's edits in the order of their identifiers, which is by time.

    The edits do not contain their values.

    Args:
        versions: Only edits of these versions of the application; empty for all.
    """
    of_node = edits.c.data_node_id == data_node_id
    if versions:
        of_node &= is_one_of(edits.c.version, versions)
    query = _BRIEF.where(of_node)
    if request.after is not None:
        last = literal(request.after.key, edits.c.id.type)
        query = query.where(edits.c.id < last if request.is_descending else edits.c.id > last)
    ordered = query.order_by(edits.c.id.desc() if request.is_descending else edits.c.id)
    rows: list[Any] = list(connection.execute(ordered.limit(request.limit + 1)))
    total = None
    if request.with_total:
        total = connection.execute(select(func.count(edits.c.id)).where(of_node)).scalar_one()
    items = [to_edit(row) for row in rows[: request.limit]]
    is_last = len(rows) <= request.limit
    return Page(items, None if is_last else PagePosition(items[-1].id, 0), total)
