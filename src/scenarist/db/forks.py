"""Data nodes of a scenario that is forked, with what their newest edits are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from scenarist.db.among import any_of
from scenarist.db.sql import Query
from scenarist.db.tables import data_nodes, edits
from scenarist.domain.entities import DataNode
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.vocabulary import Scope

_NODES = Query(
    select(data_nodes, edits.c.created_at.label("edited_at"), edits.c.stamp)
    .add_columns(edits.c.made_of, edits.c.kept_as)
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(any_of(data_nodes.c.id, "ids"))
)


@dataclass(frozen=True, slots=True)
class SourceNode:
    """A data node of the scenario that is forked.

    Args:
        node: Without its links, locks and writers.
        made_of: The provenance of its newest edit.
        kept_as: How to read its newest edit; see `Edit.kept_as`.
    """

    node: DataNode
    made_of: str | None
    kept_as: Mapping[str, Any] | None


def find_source_nodes(
    connection: Connection, data_node_ids: Sequence[str]
) -> dict[DataNodeId, SourceNode]:
    """Return data nodes with what their newest edits are."""
    return {
        row.id: SourceNode(
            node=DataNode(
                id=row.id,
                config_id=row.config_id,
                scope=Scope(row.scope),
                storage_type=row.storage_type,
                owner_id=row.owner_id,
                parent_ids=(),
                properties=row.properties,
                validity=row.validity_seconds,
                last_edit_id=row.last_edit_id,
                last_edited_at=row.edited_at,
                being_written_by=None,
                created_at=row.created_at,
                version=row.version,
                declaration=row.declaration,
                place=row.place,
                stamp=row.stamp,
            ),
            made_of=row.made_of,
            kept_as=row.kept_as,
        )
        for row in _NODES.fetch(connection, {"ids": list(data_node_ids)})
    }
