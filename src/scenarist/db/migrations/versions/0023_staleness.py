"""Why jobs ran, and of what the values of tasks that are not skippable were made."""

from hashlib import blake2b
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_CHUNK = 1_000

# What each job has read that wrote the present value of a data node.
_READ = sa.text(
    "SELECT edits.id, jobs.task_id, job_inputs.edit_id FROM data_nodes "
    "JOIN edits ON edits.id = data_nodes.last_edit_id "
    "JOIN jobs ON jobs.id = edits.job_id "
    "LEFT JOIN job_inputs ON job_inputs.job_number = jobs.number "
    "WHERE edits.made_of IS NULL AND jobs.status = 'COMPLETED' "
    "ORDER BY edits.id, job_inputs.position"
)
_RECORD = sa.text("UPDATE edits SET made_of = :made_of WHERE id = :edit_id")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("run_reason", _TEXT))
    op.add_column("jobs", sa.Column("because", _TEXT))
    op.drop_index("ix_task_data_nodes_data_node_id", "task_data_nodes")
    op.create_index(
        "ix_task_data_nodes_data_node_id_direction",
        "task_data_nodes",
        ["data_node_id", "direction"],
    )
    _record_what_values_were_made_of(op.get_bind())


def _record_what_values_were_made_of(connection: sa.Connection) -> None:
    """Record it for the present values that jobs have written which are still there."""
    found: list[dict[str, Any]] = []
    for (edit_id, task_id), rows in groupby(
        connection.execute(_READ).fetchall(), key=lambda row: (row[0], row[1])
    ):
        read = [row[2] for row in rows]
        if read == [None]:
            read = []  # it has no inputs
        if None not in read:
            found.append({"edit_id": edit_id, "made_of": _digest(task_id, read)})
    for first in range(0, len(found), _CHUNK):
        connection.execute(_RECORD, found[first : first + _CHUNK])


def _digest(task_id: str, edit_ids: list[str]) -> str:
    """As `digest_provenance` did when this was written."""
    return blake2b("\n".join((task_id, *edit_ids)).encode(), digest_size=16).hexdigest()
