"""Query for comparisons: values of several scenarios at the data nodes of the same configs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select, union

from scenarist.db.among import any_of
from scenarist.db.places import IS_REPLACED
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    edits,
    places,
    scenario_data_nodes,
    scenario_tasks,
    task_data_nodes,
)
from scenarist.domain.identifiers import DataNodeId, EditId

SHORT = 1_000
"""Characters of JSON of the largest value that is shown beside those of other scenarios."""

QUOTE_LENGTH = 60
"""Most characters of a value that messages quote."""

_LINKS = union(
    select(scenario_tasks.c.scenario_id, task_data_nodes.c.data_node_id)
    .join(task_data_nodes, task_data_nodes.c.task_id == scenario_tasks.c.task_id)
    .where(any_of(scenario_tasks.c.scenario_id, "scenario_ids")),
    select(scenario_data_nodes.c.scenario_id, scenario_data_nodes.c.data_node_id).where(
        any_of(scenario_data_nodes.c.scenario_id, "scenario_ids")
    ),
).subquery()
_VALUES = (
    select(
        _LINKS.c.scenario_id,
        data_nodes.c.id,
        data_nodes.c.config_id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        data_nodes.c.last_edit_id,
        edits.c.is_complete,
        edits.c.uri,
        edits.c.content,
        edits.c.size,
        edits.c.digest,
        edits.c.stamp,
        edits.c.kept_as,
        case((IS_REPLACED, places.c.data_node_id)).label("replaced_by"),
        func.substr(edits.c.rendition, 1, QUOTE_LENGTH).label("beginning"),
        case((func.length(edits.c.rendition) <= SHORT, edits.c.rendition)).label("short"),
    )
    .join(data_nodes, data_nodes.c.id == _LINKS.c.data_node_id)
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .outerjoin(places, places.c.place == data_nodes.c.place)
    .where(any_of(data_nodes.c.config_id, "config_ids"))
)


_RENDITIONS = Query(
    select(edits.c.id, edits.c.rendition).where(
        any_of(edits.c.id, "ids"), edits.c.is_complete, edits.c.rendition.is_not(None)
    )
)


@dataclass(frozen=True, slots=True)
class NewestValue:
    """Location of the newest value of a data node; none while it was never written."""

    data_node_id: DataNodeId
    storage_type: str
    properties: dict[str, Any]
    is_written: bool
    uri: str | None
    content: bytes | None
    size: int | None
    digest: str | None
    stamp: str | None
    replaced_by: str | None  #: the data node whose write to the same place replaced it
    beginning: str | None  #: of the value as JSON, where that is stored
    edit_id: EditId | None
    is_rendered: bool  #: whether the whole value is stored as JSON as well
    short: str | None  #: its JSON, complete or not, if that is short


def find_newest_values(
    connection: Connection, scenario_ids: Sequence[str], config_ids: Sequence[str]
) -> dict[tuple[str, str], NewestValue]:
    """Return the newest values of data nodes, by scenario id and data node config id."""
    rows = connection.execute(
        _VALUES, {"scenario_ids": list(scenario_ids), "config_ids": list(config_ids)}
    )
    return {
        (row.scenario_id, row.config_id): NewestValue(
            DataNodeId(row.id),
            (row.kept_as or {}).get("storage_type", row.storage_type),
            (row.kept_as or {}).get("properties", row.properties),
            row.last_edit_id is not None,
            row.uri,
            row.content,
            row.size,
            row.digest,
            row.stamp,
            row.replaced_by,
            row.beginning,
            None if row.last_edit_id is None else EditId(row.last_edit_id),
            bool(row.is_complete),
            row.short,
        )
        for row in rows
    }


def find_renditions(connection: Connection, edit_ids: Sequence[str]) -> dict[EditId, str]:
    """Return the values of edits as JSON text, of those whose whole value is stored as JSON."""
    return {
        EditId(edit_id): rendition
        for edit_id, rendition in _RENDITIONS.fetch(connection, {"ids": list(edit_ids)})
    }
