"""What lists of scenarios show beside them: their newest submissions, and values of inputs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select

from scenarist.db.among import any_of, text_rows
from scenarist.db.json_columns import decoded_list
from scenarist.db.sql import Query
from scenarist.db.tables import data_nodes, edits, jobs, submissions
from scenarist.domain.entities import NewestSubmission, Scenario
from scenarist.domain.identifiers import DataNodeId, SubmissionId
from scenarist.domain.lifecycle import roll_up_unfinished
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

_OWNER = func.coalesce(data_nodes.c.owner_id, literal_column("''"))
_ENTITY = text_rows("ids")
_NEWEST = (
    select(func.max(submissions.c.number))
    .where(submissions.c.entity_id == _ENTITY.c.value)
    .correlate(_ENTITY)
    .scalar_subquery()
)
_STATUSES = (
    select(jobs.c.status.label("item"))
    .where(submissions.c.status.is_(None), jobs.c.submission_id == submissions.c.id)
    .correlate(submissions)
    .distinct()
)
_NEWEST_SUBMISSIONS = Query(
    select(
        submissions.c.number,
        submissions.c.id,
        submissions.c.entity_id,
        submissions.c.status,
        submissions.c.created_at,
        submissions.c.finished_at,
        decoded_list(_STATUSES, JobStatus).label("statuses"),
    )
    .select_from(_ENTITY)
    .join(submissions, submissions.c.number == _NEWEST)
)
_VALUES = Query(
    select(
        data_nodes.c.id,
        data_nodes.c.config_id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        edits.c.rendition,
    )
    .join(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(
        any_of(data_nodes.c.config_id, "names"),
        any_of(_OWNER, "owners"),
        edits.c.is_complete,
        func.length(edits.c.rendition) <= bindparam("most"),
    )
)


@dataclass(frozen=True, slots=True)
class SmallValue:
    """The present value of a data node, if it is small."""

    data_node_id: DataNodeId
    config_id: str
    storage_type: str
    properties: Mapping[str, Any]
    rendition: str  #: as JSON text


def find_newest_submissions(
    connection: Connection, scenarios: Sequence[Scenario]
) -> dict[str, NewestSubmission]:
    """Return the newest submission of each scenario or of one of its sequences, by scenario."""
    scenario_of = {
        entity_id: scenario.id
        for scenario in scenarios
        for entity_id in (scenario.id, *(sequence.id for sequence in scenario.sequences))
    }
    rows = _NEWEST_SUBMISSIONS.fetch(connection, {"ids": list(scenario_of)})
    return {
        scenario_of[row.entity_id]: NewestSubmission(
            id=SubmissionId(row.id),
            entity_id=row.entity_id,
            status=roll_up_unfinished(dict.fromkeys(row.statuses, 1))
            if row.status is None
            else SubmissionStatus(row.status),
            created_at=row.created_at,
            finished_at=row.finished_at,
        )
        for row in sorted(rows, key=lambda row: row.number)
    }


def list_small_values(
    connection: Connection, owners: Iterable[str | None], names: Sequence[str], most: int
) -> list[SmallValue]:
    """Return present values of data nodes with these configs and owners.

    Args:
        most: How many characters a value has at most as JSON text.
    """
    given = {"names": list(names), "owners": [owner or "" for owner in set(owners)], "most": most}
    return [
        SmallValue(DataNodeId(node_id), config_id, storage_type, properties, rendition)
        for node_id, config_id, storage_type, properties, rendition in _VALUES.fetch(
            connection, given
        )
    ]
