"""Rows of the inputs of scenarios: data nodes that no task of the scenario writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, literal, null, select, union_all

from scenarist.db.among import any_of
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    edits,
    scenario_data_nodes,
    scenario_tasks,
    task_data_nodes,
)
from scenarist.db.tasks import INPUT, OUTPUT
from scenarist.domain.entities import NodeOfScenario
from scenarist.domain.identifiers import DataNodeId, EditId
from scenarist.domain.vocabulary import Scope

_LAST_POSITION = 2**31 - 1

_LINKS = union_all(
    select(
        task_data_nodes.c.data_node_id,
        task_data_nodes.c.direction,
        scenario_tasks.c.position.label("task"),
        task_data_nodes.c.position,
    )
    .join(scenario_tasks, scenario_tasks.c.task_id == task_data_nodes.c.task_id)
    .where(scenario_tasks.c.scenario_id == bindparam("scenario_id")),
    select(
        scenario_data_nodes.c.data_node_id,
        literal(INPUT),
        literal(_LAST_POSITION),
        scenario_data_nodes.c.position,
    ).where(scenario_data_nodes.c.scenario_id == bindparam("scenario_id")),
).subquery()
_NODES = Query(
    select(
        data_nodes.c.id,
        data_nodes.c.config_id,
        data_nodes.c.scope,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        _LINKS.c.direction,
    )
    .join(_LINKS, _LINKS.c.data_node_id == data_nodes.c.id)
    .order_by(_LINKS.c.task, _LINKS.c.direction, _LINKS.c.position)
)
_PRESENT = Query(
    select(
        data_nodes.c.id,
        edits.c.id.label("edit_id"),
        edits.c.created_at,
        case((edits.c.is_complete, edits.c.rendition), else_=null()).label("rendition"),
        edits.c.digest,
    )
    .join(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(any_of(data_nodes.c.id, "ids"))
)


@dataclass(frozen=True, slots=True)
class PresentEdit:
    """The newest edit of a data node, with its value if that is small."""

    edit_id: EditId
    edited_at: datetime
    rendition: str | None  #: the whole value, as JSON text
    digest: str | None  #: of its bytes

    def is_as(self, other: "PresentEdit") -> bool:
        """Whether two edits are known to have the same value."""
        if self.digest is not None and self.digest == other.digest:
            return True
        return self.rendition is not None and self.rendition == other.rendition


def list_nodes(connection: Connection, scenario_id: str) -> list[NodeOfScenario]:
    """Return the data nodes of a scenario in the order of their use, each once."""
    rows = _NODES.fetch(connection, {"scenario_id": scenario_id})
    made = {row.id for row in rows if row.direction == OUTPUT}
    nodes = {
        row.id: NodeOfScenario(
            id=DataNodeId(row.id),
            config_id=row.config_id,
            scope=Scope(row.scope),
            storage_type=row.storage_type,
            properties=row.properties,
            is_made=row.id in made,
        )
        for row in rows
    }
    return list(nodes.values())


def find_present_edits(
    connection: Connection, data_node_ids: Sequence[str]
) -> dict[str, PresentEdit]:
    """Return the newest edits of data nodes, by data node; those without a value are omitted."""
    return {
        node_id: PresentEdit(EditId(edit_id), *columns)
        for node_id, edit_id, *columns in _PRESENT.fetch(connection, {"ids": list(data_node_ids)})
    }
